package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The peers: servers of other hands, as -peers and the load generator's -speak
// name them.
const (
	nchan      = "nchan"
	nats       = "nats"
	centrifuge = "centrifuge"
)

var peers = []string{nchan, nats, centrifuge}

// nchanModule is where Debian's libnginx-mod-nchan puts it.
const nchanModule = "/usr/lib/nginx/modules/ngx_nchan_module.so"

// invite adds the named peers that are installed to the scenarios that are for
// them, where then all sides carry the same JSON values.
func (b *bench) invite(list string) error {
	if list == "all" {
		list = strings.Join(peers, ",")
	}
	for name := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' }) {
		if !slices.Contains(peers, name) {
			return fmt.Errorf("-peers %s: there are %s; or all", name, strings.Join(peers, ", "))
		}
		if lack := lacks(name); lack != "" {
			fmt.Printf("%s is left out: %s\n", name, lack)
			continue
		}
		b.servers = append(b.servers, name)
	}
	for i := range scenarios {
		s := &scenarios[i]
		if !s.peers {
			continue
		}
		work := s.sides[0].flags
		for _, name := range b.servers {
			if slices.Contains(peers, name) && b.possible(*s, name) {
				s.sides = append(s.sides, side{name: name, server: name, flags: slices.Concat(work, []string{"-speak", name})})
			}
		}
		if len(s.sides) > 2 {
			for n := range s.sides {
				s.sides[n].flags = slices.Concat(s.sides[n].flags, []string{"-value"})
			}
		}
	}
	return nil
}

// lacks says what of a peer is not on this machine, and what installs it.
func lacks(name string) string {
	switch name {
	case nats:
		if _, err := exec.LookPath("nats-server"); err != nil {
			return "no nats-server in PATH; scripts/peers.sh installs it"
		}
	case nchan:
		_, noNginx := exec.LookPath("nginx")
		_, noModule := os.Stat(nchanModule)
		if noNginx != nil || noModule != nil {
			return "no nginx with " + nchanModule + "; scripts/peers.sh installs it"
		}
	}
	return ""
}

// peer is the command that starts one on an address, with its files in a
// folder. nginx has as many workers as the house has puddles; the others take
// the CPUs they find, as gorilla does: with -pin, one.
func (b *bench) peer(name, address, folder string) (*exec.Cmd, error) {
	var command *exec.Cmd
	switch name {
	case centrifuge:
		command = exec.Command(b.path(centrifuge), "-listen", address)
	case nats:
		file, err := writeConfig(folder, natsConfig(address))
		if err != nil {
			return nil, err
		}
		command = exec.Command("nats-server", "-c", file)
	default:
		file, err := writeConfig(folder, nchanConfig(address, folder, b.puddles))
		if err != nil {
			return nil, err
		}
		command = exec.Command("nginx", "-p", folder, "-c", file)
	}
	return command, nil
}

func writeConfig(folder, text string) (string, error) {
	file := filepath.Join(folder, "peer.conf")
	return file, os.WriteFile(file, []byte(text), 0o600)
}

// natsConfig opens only the listener for WebSockets to us; the one for plain
// TCP, which cannot be left out, is on a free port of loopback.
func natsConfig(address string) string {
	host, port, _ := net.SplitHostPort(address)
	return fmt.Sprintf("host: %q\nport: -1\nwebsocket { host: %q, port: %s, no_tls: true }\n", host, host, port)
}

// nchanConfig lets anyone publish and subscribe at any name, holds enough
// messages for the bursts of a load, and lets a worker hold 18,000 sockets.
func nchanConfig(address, folder string, workers int) string {
	var temporary strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temporary, "%s_temp_path %s/%s;\n", kind, folder, kind)
	}
	return fmt.Sprintf(`load_module %s;
daemon off; master_process on; worker_processes %d;
pid %s/pid; error_log stderr error;
events { worker_connections 18000; }
http {
access_log off; nchan_max_reserved_memory 256M;
%sserver {
listen %s;
location ~ ^/([a-z0-9-]+)$ {
nchan_pubsub websocket; nchan_channel_id $1;
nchan_subscriber_first_message newest; nchan_message_buffer_length 1000;
}
}
}
`, nchanModule, workers, folder, temporary.String(), address)
}

// awaitListening waits until a peer takes connections, for at most 10 s.
func awaitListening(ctx context.Context, address string, ended <-chan struct{}) error {
	for range 200 {
		if conn, err := net.Dial("tcp", address); err == nil {
			return conn.Close()
		}
		select {
		case <-ended:
			return fmt.Errorf("the server ended before it listened on %s", address)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("nothing listens on %s after 10 s", address)
}
