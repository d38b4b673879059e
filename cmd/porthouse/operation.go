package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
	"github.com/porthouse/porthouse/supervisor"
	"github.com/porthouse/porthouse/supervisor/book"
)

// turnTime is how long a command waits for a house that starts or stops.
const turnTime = 5 * time.Second

// operate does an operation on the house that is up, or on the folder of one
// that is down, and tells its result as JSON.
func (m *Main) operate(c *cli.Context, op schema.Operation) (json.RawMessage, error) {
	var result json.RawMessage
	err := m.onHouse(c, ipc.Ask{Do: &ipc.AskDo{Operation: op}}, op.Verb == "add", func(answer *ipc.Answer) error {
		if result = answer.JSON; result == nil {
			return errors.New("the house answered something else")
		}
		return nil
	}, func(st *store.Store) (err error) {
		result, err = m.operateOn(c, st, op)
		return err
	})
	return result, err
}

// operateOn does an operation as the operator where no house is up.
func (m *Main) operateOn(c *cli.Context, st *store.Store, op schema.Operation) (json.RawMessage, error) {
	defaults, ceilings, err := m.houseRules(c)
	if err != nil {
		return nil, err
	}
	kept, err := book.Open(c.Context, st, defaults, ceilings)
	if err != nil {
		return nil, err
	}
	op.By = schema.Identity{Admin: true}
	result, refusal, err := kept.Do(c.Context, op)
	switch {
	case err != nil:
		return nil, err
	case refusal != nil:
		return nil, refused(refusal)
	}
	return json.Marshal(result)
}

// houseRules are the defaults and ceilings that the house would have.
func (m *Main) houseRules(c *cli.Context) (schema.Said, schema.Ceilings, error) {
	conf := new(configuration)
	for _, name := range []string{"defaults", "ceilings"} {
		s, text, place, err := m.setting(c, name)
		if err == nil && text != "" {
			if err = s.set(conf, text); err != nil {
				err = usage(fmt.Errorf("%s: %w", place, err))
			}
		}
		if err != nil {
			return schema.Said{}, schema.Ceilings{}, err
		}
	}
	return conf.house.Defaults, conf.house.Ceilings, nil
}

// onHouse asks the house that is up, or works on the database of one that is
// down. One that starts or stops just now it waits for.
func (m *Main) onHouse(c *cli.Context, ask ipc.Ask, makes bool, heard func(*ipc.Answer) error, work func(*store.Store) error) error {
	for limit := time.Now().Add(turnTime); ; time.Sleep(20 * time.Millisecond) {
		answer, err := m.askOnce(c, ask)
		if err == nil {
			return heard(answer)
		}
		if coded := new(codedError); !errors.As(err, &coded) || coded.code != exitNoHouse {
			return err
		}
		folder, there, wrong := m.folderAtRest(c, makes)
		if wrong != nil {
			return wrong
		}
		if !there {
			return err
		}
		err = withDatabase(c.Context, folder, work)
		if busy := new(supervisor.HeldError); errors.As(err, &busy) && time.Now().Before(limit) {
			continue
		}
		return err
	}
}

// folderAtRest is the folder of a house that is down. Where there is none yet
// it is the one that up would make, for a command that makes something.
func (m *Main) folderAtRest(c *cli.Context, makes bool) (folder string, there bool, err error) {
	folders, err := m.folders(c)
	if err != nil {
		return "", false, err
	}
	for _, folder := range folders {
		if supervisor.HasDatabase(folder) {
			return folder, true, nil
		}
	}
	if !makes {
		return "", false, nil
	}
	for _, folder := range folders {
		if info, err := os.Stat(folder); len(folders) == 1 || err == nil && info.IsDir() {
			return folder, true, nil
		}
	}
	return "", false, nil
}

// withDatabase works on the database of a house that is down, and keeps one
// from starting meanwhile.
func withDatabase(ctx context.Context, folder string, work func(*store.Store) error) (err error) {
	held, err := supervisor.Hold(folder)
	if orphans := new(supervisor.OrphansError); errors.As(err, &orphans) {
		return &codedError{exitNoHouse, err}
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.Release()) }()
	st, err := store.Open(ctx, held.Database())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	return work(st)
}

// valuesOf are an operation's values.
func valuesOf(values map[string]any) json.RawMessage {
	text, err := json.Marshal(values)
	if err != nil { // texts, truths and JSON always marshal
		return nil
	}
	return text
}
