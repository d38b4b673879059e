package main

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/supervisor"
	"github.com/porthouse/porthouse/supervisor/credential"
)

// configured is what up would have, or its error.
func configured(t *testing.T, e environment, file string, args ...string) (*configuration, error) {
	t.Helper()
	if file != "" {
		path := filepath.Join(t.TempDir(), "house.toml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", path)
	}
	m := &Main{Stdout: t.Output(), Stderr: t.Output(), LookupEnv: e.lookup}
	var conf *configuration
	app := &cli.App{Flags: settingFlags(), Action: func(c *cli.Context) (err error) {
		conf, err = m.configure(c)
		return err
	}}
	err := app.Run(append([]string{"up"}, args...))
	return conf, err
}

func TestDefaults(t *testing.T) {
	conf, err := configured(t, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if want := supervisorDefaults(); !reflect.DeepEqual(conf.house, want) {
		t.Errorf("%+v, want %+v", conf.house, want)
	}
}

func TestPrecedence(t *testing.T) {
	e := environment{"PORTHOUSE_PUDDLES": "2", "PORTHOUSE_PING": "", "PORTHOUSE_LISTEN": ":1,[::1]:2", "PORTHOUSE_OPEN": "1"}
	conf, err := configured(t, e, `
		puddles = 3
		listen = [":3"]
		ping = "7s"
		header-bytes = 2048
		message-bytes = "1 KiB"
		data = "there"
		admin = "off"
	`, "--puddles", "1", "--log-level", "warn")
	if err != nil {
		t.Fatal(err)
	}
	h := conf.house
	if h.Puddles != 1 {
		t.Errorf("%d puddles: a flag counts for more than the environment", h.Puddles)
	}
	if !reflect.DeepEqual(h.Listen, []string{":1", "[::1]:2"}) {
		t.Errorf("listen %q: the environment counts for more than the file", h.Listen)
	}
	if h.Settings.PingEvery != 7*time.Second || h.Settings.HeaderBytes != 2048 || h.Settings.MessageBytes != 1024 {
		t.Errorf("%+v: the file counts for more than nothing", h.Settings)
	}
	if h.Data != "there" || h.Admin != supervisor.AdminOff || h.LogLevel.String() != "WARN" || h.Settings.Transient != schema.TransientAnyone {
		t.Errorf("%+v", h)
	}
}

func TestConfigFromEnvironment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "house.toml")
	if err := os.WriteFile(path, []byte("puddles = 0"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PORTHOUSE_CONFIG", path)
	if got := run(t, nil, "up"); got.code != exitUsage || !strings.Contains(got.errors, path+`:1: puddles: "0"`) {
		t.Errorf("%+v", got)
	}
}

func TestOpen(t *testing.T) {
	loopback := []string{"localhost:8080"}
	for _, c := range []struct {
		file      string
		args      string
		listen    []string
		transient string
	}{
		{"", "--open", loopback, schema.TransientAnyone},
		{"open = true", "", loopback, schema.TransientAnyone},
		{"open = true", "--open=false", []string{":8080"}, schema.TransientPrimary},
		{"", "--open --listen :9", []string{":9"}, schema.TransientAnyone},
		{`listen = ":9"`, "--open", []string{":9"}, schema.TransientAnyone},
		{`transient = "nobody"`, "--open", loopback, schema.TransientAnyone},
		{"open = true", "--transient nobody", loopback, schema.TransientNobody},
		{"", "--open --transient anyone", loopback, schema.TransientAnyone},
		{"", "--open --primary h.example", loopback, schema.TransientAnyone},
		{"", "--transient authenticated", []string{":8080"}, schema.TransientAuthenticated},
	} {
		conf, err := configured(t, nil, c.file, strings.Fields(c.args)...)
		if err != nil || !reflect.DeepEqual(conf.house.Listen, c.listen) || conf.house.Settings.Transient != c.transient {
			t.Errorf("%s %s: %+v, %v", c.file, c.args, conf, err)
			continue
		}
		if local := conf.open && conf.house.Primary == ""; conf.house.Settings.LocalHosts != local {
			t.Errorf("%s %s: takes only local hosts: %v", c.file, c.args, !local)
		}
	}
}

func TestConfigRefused(t *testing.T) {
	for _, c := range []struct{ file, says string }{
		{"puddles = 4\n\nposse = 1\n", `house.toml:3: posse: unknown key`},
		{"[limits]\nping = \"5s\"", "house.toml:1: limits: unknown key"},
		{"puddles = 0", `house.toml:1: puddles: "0" is no whole number`},
		{"\nputtles=1\npuddles=0", "house.toml:2: puttles: unknown key"},
		{"[defaults]\nsize = 1\ncolour = 2", `house.toml:1: defaults: "colour" is no rule`},
		{"ceilings = 7", "house.toml:1: ceilings: open 7"},
		{"[drain]\nx = 1", "house.toml:1: drain: map[x:1]"},
		{"puddles = 1.5", "house.toml:1: puddles: 1.5"},
		{"listen = [1]", "house.toml:1: listen:"},
		{"ping = 5", `house.toml:1: ping: "5" is no time`},
		{"open = \"perhaps\"", "neither true nor false"},
		{"puddles = ", "house.toml:1:"},
		{"puddles = 1\npuddles = 2", "house.toml:2:"},
		{`message-bytes = "2MiB"`, "--outbox"},
	} {
		_, err := configured(t, nil, c.file)
		coded := new(codedError)
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want …%s", c.file, err, c.says)
		} else if !errors.As(err, &coded) || coded.code != exitUsage {
			t.Errorf("%q: the exit code is not %d", c.file, exitUsage)
		}
	}
	for name, says := range map[string]string{"PORTHOUSE_PUDDLES": "PORTHOUSE_PUDDLES:", "PORTHOUSE_SLAB_BYTES": "PORTHOUSE_SLAB_BYTES:"} {
		if _, err := configured(t, environment{name: "0"}, ""); err == nil || !strings.HasPrefix(err.Error(), says) {
			t.Errorf("%s=0: %v", name, err)
		}
	}
}

func TestHouseSettings(t *testing.T) {
	folder := t.TempDir()
	rules := filepath.Join(folder, "rules.json")
	if err := os.WriteFile(rules, []byte(`{"size": 99}`), 0o600); err != nil {
		t.Fatal(err)
	}
	conf, err := configured(t, environment{"PORTHOUSE_DEFAULTS": rules, "PORTHOUSE_JWT_AUDIENCE": "chat"}, `
		primary = "Chat.Example.COM."
		proxies = ["10.1.2.3/8", "192.0.2.1", "fd00::1/8"]
		jwt-key = ["k=1=EdDSA:a.pem"]
		entry-timeout = "3s"
		[ceilings]
		size = 100
		to = "any"
	`, "--jwt-key", "HS256:secret.txt", "--jwt-key", "k=2=ES256:b:c.pem", "--jwks", "a.json", "--jwks", "b.json",
		"--lobby-timeout", "5s", "--post-bytes", "2MiB", "--gather", "16", "--jwt-issuer", "me")
	if err != nil {
		t.Fatal(err)
	}
	h, keys := conf.house, credential.Config{
		Keys:    []credential.Key{{Algorithm: "HS256", File: "secret.txt"}, {ID: "k=2", Algorithm: "ES256", File: "b:c.pem"}},
		KeySets: []string{"a.json", "b.json"}, Audience: "chat", Issuer: "me",
	}
	if !reflect.DeepEqual(h.Keys, keys) {
		t.Errorf("keys %+v, want %+v", h.Keys, keys)
	}
	if h.Primary != "chat.example.com" || h.Settings.EntryTime != 3*time.Second || h.Settings.LobbyTime != 5*time.Second || h.Settings.PostBytes != 2<<20 {
		t.Errorf("%+v", h)
	}
	if want := []string{"10.0.0.0/8", "192.0.2.1/32", "fd00::/8"}; !reflect.DeepEqual(h.Settings.Proxies, want) {
		t.Errorf("proxies %q, want %q", h.Settings.Proxies, want)
	}
	if h.Defaults.String() != `{"size":99}` {
		t.Errorf("defaults %s", h.Defaults)
	}
	large, _ := schema.ParseRules([]byte(`{"size":101}`))
	_, over, _ := schema.Said{}.Apply(large, schema.DefaultRules())
	if refusal := over.Within(h.Ceilings); refusal == nil || !strings.HasPrefix(refusal.Message, "size") {
		t.Errorf("ceilings: %v", refusal)
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int{
		"0": 0, "1": 1, "65536": 65536, "64K": 65536, "64k": 65536, "64KB": 65536, "64KiB": 65536, "64 KiB": 65536,
		"1MiB": 1 << 20, "2G": 2 << 30, "1TiB": 1 << 40, "7B": 7, " 9 ": 9,
		"": -1, "K": -1, "-1": -1, "1X": -1, "1KK": -1, "1KiBB": -1, "1.5M": -1, "9999999999T": -1, "0x10": -1,
	} {
		got, err := parseSize(text)
		if (err == nil) != (want >= 0) || err == nil && got != want {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
	for n, want := range map[int]string{0: "0B", 1023: "1023B", 1024: "1KiB", 1536: "1.5KiB", 1 << 20: "1MiB", 1 << 40: "1TiB"} {
		if got := sizeText(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

// Every setting can be set in all three ways, by names that follow from one.
func TestSettingNames(t *testing.T) {
	seen := make(map[string]bool)
	for _, s := range settings() {
		if seen[s.name] || s.name != strings.ToLower(s.name) || s.help == "" || s.set == nil {
			t.Errorf("setting %+v", s)
		}
		seen[s.name] = true
	}
	if got := environmentName("slab-bytes"); got != "PORTHOUSE_SLAB_BYTES" {
		t.Error(got)
	}
}
