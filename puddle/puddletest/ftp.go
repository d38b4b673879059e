package puddletest

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// FTPServer is a vsftpd of Debian's for one test.
type FTPServer struct {
	Address string
	Root    string // the folder that is its /; not to be written to
	Files   string // its /files, which is
	Pin     string // of its certificate; "": it speaks in the clear

	t       testing.TB
	config  string
	command *exec.Cmd
}

// StartFTP starts one that takes user anonymous, in the clear or under TLS
// alone. Without a vsftpd (scripts/test-packages.sh installs it) the test is
// skipped.
func StartFTP(t testing.TB, tls bool) *FTPServer {
	t.Helper()
	binary, err := exec.LookPath("vsftpd")
	if err != nil {
		if binary, err = exec.LookPath("/usr/sbin/vsftpd"); err != nil {
			t.Skip("there is no vsftpd: scripts/test-packages.sh installs it")
		}
	}
	s := &FTPServer{t: t, Address: "127.0.0.1:" + FreePort(t), Root: filepath.Join(openFolder(t), "root")}
	s.Files = filepath.Join(s.Root, "files")
	Check(t, os.MkdirAll(s.Files, 0o755))
	s.config = filepath.Join(filepath.Dir(s.Root), "vsftpd.conf")
	_, port, _ := net.SplitHostPort(s.Address)
	config := fmt.Sprintf(`listen=YES
listen_address=127.0.0.1
listen_port=%s
background=NO
anonymous_enable=YES
local_enable=NO
write_enable=YES
anon_root=%s
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_umask=022
allow_writeable_chroot=YES
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
max_per_ip=0
secure_chroot_dir=%s
vsftpd_log_file=%s
`, port, s.Root, filepath.Join(filepath.Dir(s.Root), "empty"), s.config+".log")
	Check(t, os.MkdirAll(filepath.Join(filepath.Dir(s.Root), "empty"), 0o755))
	if os.Getuid() == 0 {
		s.giveFilesToFTP()
	} else {
		config += "run_as_launching_user=YES\n"
	}
	if tls {
		config += s.certify()
	}
	Check(t, os.WriteFile(s.config, []byte(config), 0o600))
	s.command = exec.Command(binary, s.config)
	s.command.Stderr = os.Stderr
	s.Start()
	t.Cleanup(s.Stop)
	return s
}

// openFolder is a folder that other users may look into.
func openFolder(t testing.TB) string {
	folder, err := os.MkdirTemp("", "porthouse-ftp-")
	Check(t, err)
	t.Cleanup(func() { os.RemoveAll(folder) })
	Check(t, os.Chmod(folder, 0o755))
	return folder
}

// giveFilesToFTP lets the user as whom anonymous comes write.
func (s *FTPServer) giveFilesToFTP() {
	s.t.Helper()
	who, err := user.Lookup("ftp")
	if err != nil {
		s.t.Skip("there is no user ftp: scripts/test-packages.sh installs vsftpd, which makes it")
	}
	uid, _ := strconv.Atoi(who.Uid)
	gid, _ := strconv.Atoi(who.Gid)
	Check(s.t, os.Chown(s.Files, uid, gid))
}

// certify makes a certificate that only its pin is good for.
func (s *FTPServer) certify() string {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Check(s.t, err)
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	Check(s.t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	Check(s.t, err)
	sum := sha256.Sum256(certificate)
	s.Pin = hex.EncodeToString(sum[:])
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	path := s.config + ".pem"
	Check(s.t, os.WriteFile(path, text, 0o600))
	return "ssl_enable=YES\nallow_anon_ssl=YES\nforce_anon_data_ssl=YES\nforce_anon_logins_ssl=YES\nrsa_cert_file=" + path + "\n"
}

// Start starts it, after Stop anew on the same address.
func (s *FTPServer) Start() {
	s.t.Helper()
	again := exec.Command(s.command.Path, s.command.Args[1:]...)
	again.Stderr = os.Stderr
	s.command = again
	Check(s.t, again.Start())
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", s.Address)
		if err == nil {
			c.SetDeadline(deadline)
			line, _ := bufio.NewReader(c).ReadString('\n')
			c.Close()
			if len(line) > 3 && line[:3] == "220" {
				return
			}
			s.t.Skipf("vsftpd does not run here: %q", line)
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("vsftpd does not come up: %v", err)
		}
	}
}

// Stop ends it, in the middle of whatever it does.
func (s *FTPServer) Stop() {
	if s.command.Process != nil {
		for _, pid := range append(below(s.command.Process.Pid), s.command.Process.Pid) {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		s.command.Wait()
	}
}

// below are the processes below one: it serves each client by a child.
func below(pid int) (all []int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for word := range strings.FieldsSeq(string(text)) {
		child, _ := strconv.Atoi(word)
		all = append(append(all, child), below(child)...)
	}
	return all
}
