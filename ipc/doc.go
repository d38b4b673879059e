// Package ipc is where the processes of a house meet: length-framed msgpack
// over Unix-domain sockets, descriptors passed along (conn.go), the words
// between supervisor and puddle (link.go), between the command line and the
// house (control.go), and between puddles (mesh.go). The table of live
// sockets, which outlives the processes, is the package below, ipc/table.
package ipc
