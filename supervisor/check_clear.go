package supervisor

import (
	"fmt"
	"net/netip"
	"strings"
)

const guideToProxies = "docs/proxy.md"

// checkClear looks at who may read on the way what is said to the house, which
// speaks no TLS itself, and at whom it believes.
func checkClear(config Config) []Finding {
	findings := []Finding{checkEncryption(config), checkProxies(config.Settings.Proxies)}
	if open := offLoopback([]string{config.Admin}); config.Admin != AdminOff && len(open) > 0 {
		findings = append(findings, Finding{Warn, "admin in clear", config.Admin + " is open to the network, and admins' tokens cross it readable",
			"leave --admin on loopback, and come by ssh -L 8081:127.0.0.1:8081"})
	}
	return findings
}

func checkEncryption(config Config) Finding {
	const subject = "encryption"
	open := strings.Join(offLoopback(config.Listen), ", ")
	switch {
	case open == "":
		return Finding{OK, subject, "none, and only this machine reaches the house: a proxy on it does TLS (" + guideToProxies + ")", ""}
	case len(config.Settings.Proxies) == 0:
		return Finding{Warn, subject, "none: passwords, tokens and messages to " + open + " cross the network readable, and pages on https cannot connect",
			"put a proxy with TLS before it: --listen 127.0.0.1:8080 --proxies 127.0.0.1 (" + guideToProxies + ")"}
	case allLoopback(config.Settings.Proxies):
		return Finding{Warn, subject, "the proxy is on this machine, but " + open + " is open to the network: who connects there goes around it, in clear",
			"--listen 127.0.0.1:8080"}
	}
	return Finding{OK, subject, "a proxy's, for " + open + ": let nobody but the proxy reach it", ""}
}

// checkProxies finds proxies that are everybody.
func checkProxies(networks []string) Finding {
	f := Finding{OK, "proxies", "none: who connects is who it is", ""}
	if len(networks) == 0 {
		return f
	}
	f.Found = fmt.Sprintf("%s may say who connects", strings.Join(networks, ", "))
	for _, text := range networks {
		if network, err := netip.ParsePrefix(text); err == nil && network.Bits() == 0 {
			f.Verdict, f.Found = Warn, text+" is everybody: whoever connects may claim any address, and that it came over TLS"
			f.Change = "name the proxies' own addresses in --proxies"
		}
	}
	return f
}

// offLoopback are the addresses that other machines can reach.
func offLoopback(addresses []string) (open []string) {
	for _, address := range addresses {
		host, _, err := splitListen(address)
		if ip, bad := netip.ParseAddr(host); err == nil && host != "localhost" && (bad != nil || !ip.IsLoopback()) {
			open = append(open, address)
		}
	}
	return open
}

func allLoopback(networks []string) bool {
	for _, text := range networks {
		if network, err := netip.ParsePrefix(text); err != nil || !network.Addr().IsLoopback() {
			return false
		}
	}
	return true
}
