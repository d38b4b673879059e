package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/schema/store"
)

const diskEnough = 100 << 20 // bytes free in the data folder's file system

// Check looks at everything that up would meet. It changes nothing; where a
// house is up on the data folder, ports and database are left to that.
func Check(ctx context.Context, config Config) []Finding {
	findings := append(Limits(config), checkClear(config)...)
	pid, up := Holder(config.Data)
	if up {
		findings = append(findings, Finding{OK, "house", fmt.Sprintf("one is up on %s, process %d: it has ports and database", config.Data, pid), ""})
		return append(findings, checkFolder(config.Data)...)
	}
	findings = append(findings, judge("listen", fmt.Sprint(config.Listen), ProbePorts(ctx, config.Listen)))
	if config.Admin != AdminOff {
		findings = append(findings, judge("admin", config.Admin, ProbeAdmin(ctx, config.Admin)))
	}
	findings = append(findings, checkFolder(config.Data)...)
	return append(findings, checkDatabase(ctx, filepath.Join(config.Data, databaseFile)))
}

// judge makes a finding of what worked or did not.
func judge(subject, fine string, err error) Finding {
	if err != nil {
		return Finding{Fail, subject, err.Error(), ""}
	}
	return Finding{OK, subject, fine, ""}
}

// checkFolder looks at the data folder, or at where it would be made.
func checkFolder(path string) []Finding {
	const subject = "data folder"
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return append(checkParent(path), checkFileSystem(nearest(path))...)
	case err != nil:
		return []Finding{{Fail, subject, err.Error(), "give --data another one"}}
	case !info.IsDir():
		return []Finding{{Fail, subject, path + " is a file", "give --data another one"}}
	}
	f := Finding{OK, subject, path, ""}
	if err := unix.Access(path, unix.R_OK|unix.W_OK|unix.X_OK); err != nil {
		f.Verdict, f.Found = Fail, fmt.Sprintf("%s cannot be written: %v", path, err)
		f.Change = "give --data a folder that this user may write"
	} else if info.Mode().Perm()&0o077 != 0 {
		f.Verdict, f.Found = Warn, fmt.Sprintf("%s is open to others (mode %04o)", path, info.Mode().Perm())
		f.Change = "chmod 700 " + path
	}
	return append([]Finding{f}, checkFileSystem(path)...)
}

func checkParent(path string) []Finding {
	parent := nearest(path)
	if err := unix.Access(parent, unix.W_OK|unix.X_OK); err != nil {
		return []Finding{{Fail, "data folder", fmt.Sprintf("%s cannot be made in %s: %v", path, parent, err), "give --data a folder that this user may write"}}
	}
	return []Finding{{OK, "data folder", path + " will be made", ""}}
}

// nearest is the last folder on the way to path that exists.
func nearest(path string) string {
	path, err := filepath.Abs(path)
	for err == nil && path != "/" {
		if _, missing := os.Stat(path); missing == nil {
			break
		}
		path = filepath.Dir(path)
	}
	return path
}

// networkFileSystems are those where locks and mapped files of a database
// cannot be relied on, by the magic number of statfs(2).
var networkFileSystems = map[uint32]string{
	0x6969: "NFS", 0x517b: "SMB", 0xff534d42: "CIFS", 0xfe534d42: "SMB2", 0x01021997: "9P",
	0x65735546: "FUSE", 0x00c36400: "Ceph", 0x0bd00bd0: "Lustre", 0x5346414f: "AFS",
}

func checkFileSystem(path string) []Finding {
	const subject = "file system"
	var stat unix.Statfs_t
	if err := unix.Statfs(path, &stat); err != nil {
		return []Finding{{Warn, subject, fmt.Sprintf("statfs %s: %v", path, err), ""}}
	}
	free := stat.Bavail * uint64(stat.Bsize)
	if name := networkFileSystems[uint32(stat.Type)]; name != "" {
		return []Finding{{Warn, subject, fmt.Sprintf("%s is on %s, where a database's locks may not hold", path, name), "give --data a folder on a local disk"}}
	}
	if free < diskEnough {
		return []Finding{{Warn, subject, fmt.Sprintf("%s has %s left", path, Bytes(free)), "free space: the database needs it"}}
	}
	return []Finding{{OK, subject, Bytes(free) + " free", ""}}
}

// checkDatabase opens a copy: to open it may change its schema, and a check
// must not.
func checkDatabase(ctx context.Context, path string) Finding {
	const subject = "database"
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return Finding{OK, subject, path + " will be made", ""}
	}
	if err := unix.Access(path, unix.R_OK|unix.W_OK); err != nil {
		return Finding{Fail, subject, fmt.Sprintf("%s cannot be written: %v", path, err), "let this user write it"}
	}
	folder, err := os.MkdirTemp("", "porthouse-check-")
	if err != nil {
		return Finding{Warn, subject, "not checked: " + err.Error(), ""}
	}
	defer os.RemoveAll(folder)
	duplicate := filepath.Join(folder, filepath.Base(path))
	for _, suffix := range []string{"", "-wal"} {
		if err := copyFile(path+suffix, duplicate+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Finding{Fail, subject, err.Error(), "let this user read it"}
		}
	}
	st, err := store.Open(ctx, duplicate)
	if err != nil {
		return Finding{Fail, subject, fmt.Sprintf("%s (tried with a copy of %s)", err, path), ""}
	}
	st.Close()
	return Finding{OK, subject, path + " opens", ""}
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}
