package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/supervisor"
)

// Where a data folder is looked for when none is named.
const (
	folderHere   = "./porthouse-data"
	folderSystem = "/var/lib/porthouse"
)

// folderFlags are those of every command that speaks to a house.
func folderFlags() []cli.Flag {
	s := dataSetting()
	return []cli.Flag{
		&cli.StringFlag{Name: s.name, Usage: s.help, DefaultText: folderHere + ", then " + folderSystem},
		fileFlag(),
	}
}

func dataSetting() *setting {
	for _, s := range settings() {
		if s.name == "data" {
			return &s
		}
	}
	panic("there is no setting data")
}

// folders are where to look for a house: the one that is named, or both
// usual places.
func (m *Main) folders(c *cli.Context) ([]string, error) {
	file, err := readConfig(c.String(configFlag))
	if err != nil {
		return nil, err
	}
	if named, from, _ := m.find(c, dataSetting(), file); from != fromNowhere {
		return []string{named}, nil
	}
	return []string{folderHere, folderSystem}, nil
}

// setting finds the text of a setting that a command has no flag for.
func (m *Main) setting(c *cli.Context, name string) (s setting, text, place string, err error) {
	file, err := readConfig(c.String(configFlag))
	if err != nil {
		return s, "", "", err
	}
	for _, s = range settings() {
		if s.name == name {
			text, _, place = m.find(c, &s, file)
			return s, text, place, nil
		}
	}
	panic("there is no setting " + name)
}

// folderToBe is the data folder of a house that is to stand: the one that is
// named, or the one of the two that exists, or the one here.
func folderToBe(named string) string {
	if named != "" {
		return named
	}
	if _, err := os.Stat(folderHere); err == nil {
		return folderHere
	}
	if info, err := os.Stat(folderSystem); err == nil && info.IsDir() {
		return folderSystem
	}
	return folderHere
}

// call finds the house that is up and asks it. The caller receives what it
// answers, and closes the connection.
func (m *Main) call(c *cli.Context, ask ipc.Ask) (conn *ipc.Conn, folder string, err error) {
	folders, err := m.folders(c)
	if err != nil {
		return nil, "", err
	}
	var looked []string
	for _, folder := range folders {
		conn, err := ipc.DialControl(folder)
		if err != nil {
			looked = append(looked, folder+" ("+whyNoHouse(folder, err)+")")
			continue
		}
		if err := conn.Send(ask); err != nil {
			conn.Close()
			return nil, "", err
		}
		return conn, folder, nil
	}
	return nil, "", &codedError{exitNoHouse, fmt.Errorf(
		"no house is up: looked in %s; start one with porthouse up, or name its folder with --data", strings.Join(looked, " and "))}
}

// whyNoHouse says what was found where a house was looked for.
func whyNoHouse(folder string, err error) string {
	if pid, held := supervisor.Holder(folder); held {
		return fmt.Sprintf("process %d has it, and does not listen: it starts or stops just now", pid)
	}
	if _, missing := os.Stat(folder); missing != nil {
		return "no such folder"
	}
	if errors.Is(err, os.ErrPermission) {
		return "no permission"
	}
	return "nobody there"
}

// hear receives one word of a house's answer.
func hear(conn *ipc.Conn) (*ipc.Answer, error) {
	var answer ipc.Answer
	if _, err := conn.Receive(&answer); err != nil {
		return nil, fmt.Errorf("the house did not answer: %w", err)
	}
	if answer.Refused != nil {
		return nil, refused(answer.Refused)
	}
	return &answer, nil
}

// refused is a refusal as an error: what makes no sense is wrong usage.
func refused(refusal *schema.Refusal) error {
	if refusal.Code == schema.Malformed {
		return usage(refusal)
	}
	return refusal
}

// askOnce asks and hears one word.
func (m *Main) askOnce(c *cli.Context, ask ipc.Ask) (*ipc.Answer, error) {
	conn, _, err := m.call(c, ask)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return hear(conn)
}
