package supervisor

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc/table"
)

// Verdict is how a finding is meant.
type Verdict string

// The verdicts, from good to bad.
const (
	OK   Verdict = "ok"
	Warn Verdict = "warn" // the house will stand, but not as it might
	Fail Verdict = "fail" // up would not succeed
)

// Finding is what was found about one thing that a house stands on.
type Finding struct {
	Verdict Verdict `json:"verdict"`
	Subject string  `json:"subject"`
	Found   string  `json:"found"`
	Change  string  `json:"change,omitempty"` // what to do; "" where all is well
}

// What is enough.
const (
	filesEnough   = 65536
	filesLeast    = 256
	filesOverhead = 64 // of a puddle, beside its sockets and peers
	backlogEnough = 1024
	tcpMemoryPart = 16 // a machine's memory, of which TCP may have a part at least
)

// Limits looks at what this machine lets a house of that configuration do.
func Limits(config Config) []Finding {
	findings := []Finding{openFiles(config)}
	for _, look := range []func(Config) (Finding, bool){
		listenBacklog, tcpMemory, memory, overcommit,
	} {
		if f, known := look(config); known {
			findings = append(findings, f)
		}
	}
	return append(findings, ephemeralPorts(config)...)
}

func openFiles(config Config) Finding {
	f := Finding{Subject: "open files"}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		f.Verdict, f.Found = Warn, "limit unknown: "+err.Error()
		return f
	}
	sockets := uint64(0)
	if own := uint64(filesOverhead + 2*config.Puddles); limit.Max > own {
		sockets = limit.Max - own
	}
	f.Found = fmt.Sprintf("%d a process: %d sockets a puddle, %d in all", limit.Max, sockets, sockets*uint64(config.Puddles))
	switch {
	case limit.Max < filesLeast:
		f.Verdict = Fail
	case limit.Max < min(filesEnough, uint64(config.Settings.Sockets)):
		f.Verdict = Warn
	default:
		f.Verdict = OK
		return f
	}
	f.Change = "raise the hard limit: LimitNOFILE=1048576 in a systemd unit, nofile in /etc/security/limits.conf, --ulimit nofile= in a container"
	return f
}

func listenBacklog(Config) (Finding, bool) {
	n, known := sysctl("net/core/somaxconn")
	f := Finding{OK, "listen backlog", fmt.Sprintf("net.core.somaxconn is %d", n), ""}
	if n < backlogEnough {
		f.Verdict = Warn
		f.Change = fmt.Sprintf("sysctl -w net.core.somaxconn=%d, or a crowd that connects at once is made to wait", 4*backlogEnough)
	}
	return f, known
}

func tcpMemory(Config) (Finding, bool) {
	fields := strings.Fields(readProc("sys/net/ipv4/tcp_mem"))
	if len(fields) != 3 {
		return Finding{}, false
	}
	pages, err := strconv.ParseUint(fields[2], 10, 64)
	total := memoryTotal()
	if err != nil || total == 0 {
		return Finding{}, false
	}
	most := pages * uint64(os.Getpagesize())
	f := Finding{OK, "TCP memory", fmt.Sprintf("net.ipv4.tcp_mem lets all sockets have %s", Bytes(most)), ""}
	if most < total/tcpMemoryPart {
		f.Verdict = Warn
		f.Change = "raise net.ipv4.tcp_mem, or many slow readers make the kernel drop what comes for everybody"
	}
	return f, true
}

func memory(config Config) (Finding, bool) {
	total := memoryTotal()
	slabs := uint64(config.Settings.SlabBytes) * uint64(config.Puddles)
	f := Finding{OK, "memory", fmt.Sprintf("%s; partial messages and outboxes may take %s of it", Bytes(total), Bytes(slabs)), ""}
	if slabs > total {
		f.Verdict = Warn
		f.Change = fmt.Sprintf("lower --slab-bytes: all puddles' are more than there is (%s each would be half)", Bytes(total/2/uint64(config.Puddles)))
	}
	return f, total > 0
}

func overcommit(config Config) (Finding, bool) {
	const never = 2
	mode, known := sysctl("vm/overcommit_memory")
	if !known || mode != never {
		return Finding{}, false
	}
	g := table.GeometryOf(config.Settings)
	return Finding{Warn, "overcommit", "vm.overcommit_memory is 2, and each puddle's table, sparse as it is, counts as more than " + Bytes(g.LogBytes+g.SlabBytes),
		"lower --sockets, --slab-bytes and --log-bytes, or set vm.overcommit_memory=0"}, true
}

// ephemeralPorts finds ports that the kernel gives to outgoing connections.
func ephemeralPorts(config Config) (findings []Finding) {
	fields := strings.Fields(readProc("sys/net/ipv4/ip_local_port_range"))
	if len(fields) != 2 {
		return nil
	}
	first, _ := strconv.Atoi(fields[0])
	last, _ := strconv.Atoi(fields[1])
	f := Finding{OK, "ephemeral ports", fmt.Sprintf("%d to %d", first, last), ""}
	for _, address := range config.Listen {
		_, port, err := splitListen(address)
		if err == nil && port != 0 && int(port) >= first && int(port) <= last {
			f.Verdict = Warn
			f.Found = fmt.Sprintf("%s lies between %d and %d, which outgoing connections get", address, first, last)
			f.Change = fmt.Sprintf("sysctl -w net.ipv4.ip_local_reserved_ports=%d, or an outgoing connection may have it when the house starts", port)
		}
	}
	return []Finding{f}
}

// memoryTotal is what the machine has, or the container; 0: not known.
func memoryTotal() uint64 {
	var total uint64
	for line := range strings.Lines(readProc("meminfo")) {
		if rest, found := strings.CutPrefix(line, "MemTotal:"); found {
			kilobytes, _ := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			total = kilobytes << 10
		}
	}
	most, err := os.ReadFile("/sys/fs/cgroup/memory.max")
	if err != nil {
		return total
	}
	if limit, err := strconv.ParseUint(strings.TrimSpace(string(most)), 10, 64); err == nil && limit > 0 {
		return min(total, limit)
	}
	return total
}

func sysctl(name string) (value int, known bool) {
	value, err := strconv.Atoi(strings.TrimSpace(readProc("sys/" + name)))
	return value, err == nil
}

func readProc(name string) string {
	text, _ := os.ReadFile("/proc/" + name)
	return string(text)
}

// Bytes shows a number of bytes as a person would say it.
func Bytes(n uint64) string {
	const units = "KMGTPE"
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/(1<<10), 0
	for value >= 1<<10 && unit < len(units)-1 {
		value, unit = value/(1<<10), unit+1
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", value), ".0") + " " + units[unit:unit+1] + "iB"
}
