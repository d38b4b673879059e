package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/urfave/cli/v2"

	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/supervisor"
)

// configuration is what flags, environment and file say together.
type configuration struct {
	house supervisor.Config
	open  bool
	file  string // "" where none was named
	given map[string]source
}

func (c *configuration) limits() *schema.Settings { return &c.house.Settings }

// source is where a setting's value came from; a greater one wins.
type source uint8

const (
	fromNowhere source = iota
	fromFile
	fromEnvironment
	fromFlag
)

const configFlag = "config"

// settingFlags are the flags of the settings, and --config.
func settingFlags() []cli.Flag {
	flags := make([]cli.Flag, 0, len(settings())+1)
	for _, s := range settings() {
		flags = append(flags, s.flag())
	}
	return append(flags, fileFlag())
}

func fileFlag() cli.Flag {
	return &cli.StringFlag{Name: configFlag, Usage: "TOML `FILE` with any of these as keys", EnvVars: []string{environmentName(configFlag)}}
}

func (s *setting) flag() cli.Flag {
	switch s.kind {
	case toggle:
		return &cli.BoolFlag{Name: s.name, Usage: s.help, DisableDefaultText: true}
	case many:
		return &cli.StringSliceFlag{Name: s.name, Usage: s.help, DefaultText: s.fallback}
	}
	return &cli.StringFlag{Name: s.name, Usage: s.help, DefaultText: s.fallback}
}

// environmentName is the variable of a flag.
func environmentName(flag string) string {
	return "PORTHOUSE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// configure reads what flags, environment and file say of the settings, the
// first of them deciding each, and refuses what cannot be.
func (m *Main) configure(c *cli.Context) (*configuration, error) {
	conf := &configuration{house: supervisorDefaults(), file: c.String(configFlag), given: make(map[string]source)}
	file, err := readConfig(conf.file)
	if err != nil {
		return nil, err
	}
	for _, s := range settings() {
		text, from, place := m.find(c, &s, file)
		if from == fromNowhere {
			continue
		}
		conf.given[s.name] = from
		if err := s.set(conf, text); err != nil {
			return nil, usage(fmt.Errorf("%s: %w", place, err))
		}
	}
	if err := conf.judge(); err != nil {
		return nil, usage(err)
	}
	return conf, nil
}

// find is a setting's text, and the place for an error to name.
func (m *Main) find(c *cli.Context, s *setting, file *configFile) (text string, from source, place string) {
	if c.IsSet(s.name) {
		switch s.kind {
		case toggle:
			text = fmt.Sprint(c.Bool(s.name))
		case many:
			text = strings.Join(c.StringSlice(s.name), ",")
		default:
			text = c.String(s.name)
		}
		return text, fromFlag, "--" + s.name
	}
	if text, set := m.LookupEnv(environmentName(s.name)); set && text != "" {
		return text, fromEnvironment, environmentName(s.name)
	}
	if text, set := file.values[s.name]; set {
		return text, fromFile, file.place(s.name)
	}
	return "", fromNowhere, ""
}

// judge looks at settings together.
func (c *configuration) judge() error {
	if err := c.judgeOpen(); err != nil {
		return err
	}
	l := c.limits()
	switch {
	case l.SilentAfter <= l.PingEvery:
		return fmt.Errorf("--silent %s is not longer than --ping %s: every socket would be closed before it could answer", l.SilentAfter, l.PingEvery)
	case l.OutboxBytes < l.MessageBytes:
		return fmt.Errorf("--outbox %s is smaller than --message-bytes %s: one message would close whoever hears it", sizeText(l.OutboxBytes), sizeText(l.MessageBytes))
	case l.LogBytes < 4*l.MessageBytes:
		return fmt.Errorf("--log-bytes %s is less than four times --message-bytes %s", sizeText(l.LogBytes), sizeText(l.MessageBytes))
	case l.SlabBytes < l.OutboxBytes:
		return fmt.Errorf("--slab-bytes %s is smaller than --outbox %s, which it holds", sizeText(l.SlabBytes), sizeText(l.OutboxBytes))
	}
	return nil
}

// judgeOpen does what --open means.
func (c *configuration) judgeOpen() error {
	if !c.open {
		return nil
	}
	c.limits().LocalHosts = c.house.Primary == ""
	if c.given["listen"] == fromNowhere {
		c.house.Listen = []string{"localhost:8080"}
	}
	switch {
	case c.given["transient"] > c.given["open"]:
		return nil // said where it counts for more
	case c.given["transient"] == c.given["open"] && c.limits().Transient != schema.TransientAnyone:
		return fmt.Errorf("--open means --transient anyone, and --transient %s is given too: leave one away", c.limits().Transient)
	}
	c.limits().Transient = schema.TransientAnyone
	return nil
}

// configFile is a configuration file, read: each key's value as a flag would
// have it.
type configFile struct {
	path   string
	text   string
	values map[string]string
}

// readConfig reads a file; one without a name has nothing in it.
func readConfig(path string) (*configFile, error) {
	f := &configFile{path: path, values: make(map[string]string)}
	if path == "" {
		return f, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	f.text = string(text)
	var raw map[string]any
	if _, err := toml.Decode(f.text, &raw); err != nil {
		var syntax toml.ParseError
		if errors.As(err, &syntax) {
			err = fmt.Errorf("%s:%d: %s", path, syntax.Position.Line, syntax.Message)
		}
		return nil, usage(err)
	}
	return f, f.take(raw)
}

// take reads the keys, in the order of the file's lines.
func (f *configFile) take(raw map[string]any) error {
	known := make(map[string]settingKind)
	for _, s := range settings() {
		known[s.name] = s.kind
	}
	keys := make([]string, 0, len(raw))
	for key := range raw {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int { return f.line(a) - f.line(b) })
	for _, key := range keys {
		kind, is := known[key]
		if !is {
			return usage(fmt.Errorf("%s: unknown key; see porthouse up --help", f.place(key)))
		}
		text, err := textOf(raw[key])
		if table, isTable := raw[key].(map[string]any); isTable && kind == object {
			text, err = rulesOf(table)
		}
		if err != nil {
			return usage(fmt.Errorf("%s: %w", f.place(key), err))
		}
		f.values[key] = text
	}
	return nil
}

// place is a key with file and line.
func (f *configFile) place(key string) string {
	if line := f.line(key); line > 0 {
		return fmt.Sprintf("%s:%d: %s", f.path, line, key)
	}
	return f.path + ": " + key
}

// line is where a key stands; 0: not found.
func (f *configFile) line(key string) int {
	quoted := regexp.QuoteMeta(key)
	at := regexp.MustCompile(`(?m)^[ \t]*\[{0,2}[ \t]*["']?` + quoted + `["']?[ \t]*[=.\]]`).FindStringIndex(f.text)
	if at == nil {
		return 0
	}
	return 1 + strings.Count(f.text[:at[0]], "\n")
}

// textOf is a value as a flag would have it.
func textOf(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case int64, bool:
		return fmt.Sprint(v), nil
	case []any:
		parts := make([]string, len(v))
		for i, each := range v {
			text, isText := each.(string)
			if !isText {
				return "", fmt.Errorf("%v is no list of texts", value)
			}
			parts[i] = text
		}
		return strings.Join(parts, ","), nil
	case time.Time:
		return "", errors.New(`a date is no value here`)
	}
	return "", fmt.Errorf("%v (%T) is no value here", value, value)
}
