package driver

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/textproto"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/jlaffaye/ftp"

	"github.com/porthouse/porthouse/schema"
)

// task is one request of a member to an FTP server.
type task struct {
	command
	driver  *ftpDriver
	request *Request
	file    bool // of PUT: the message is the file
	settled bool // a refusal of ours leaves the connection in order
}

// told is an answer as its members hear it.
type told struct {
	OK      string    `json:"ok"`
	Path    string    `json:"path"`
	To      string    `json:"to,omitempty"`      // RENAME
	Size    *int64    `json:"size,omitempty"`    // SIZE, PUT
	Waits   string    `json:"waits,omitempty"`   // PUT name: for "bytes"
	Entries *[]listed `json:"entries,omitempty"` // LIST
}

// listed is one entry of a folder.
type listed struct {
	Name string     `json:"name"`
	Kind string     `json:"kind"` // file, folder, link
	Size *uint64    `json:"size,omitempty"`
	Time *time.Time `json:"time,omitempty"` // where the server tells it exactly
}

func (t *task) tells(what told) Answer {
	what.OK = t.verb.String()
	text, _ := json.Marshal(what) // strings, numbers and times always marshal
	return Answer{JSON: text, Place: t.request.Place}
}

// shownPath is the path that the command is about, as members see it.
func (t *task) shownPath() string {
	if len(t.paths) > 0 {
		return t.paths[0]
	}
	return path.Clean("/" + t.request.Place.Folder)
}

func (t *task) wire(n int) string { return wire(t.driver.rule.Root, t.paths[n]) }

// aboutRoot refuses what cannot be done to the top.
func (t *task) aboutRoot() *schema.Refusal {
	switch t.verb {
	case verbList, verbCwd, verbPwd:
		return nil
	}
	if slices.Contains(t.paths, "/") {
		return refuse(schema.Malformed, "%s: / is the top, and no file", t.verb).Refused
	}
	return nil
}

// without answers what needs no server.
func (t *task) without() (answer Answer, done bool) {
	switch {
	case t.verb == verbPwd:
		return t.tells(told{Path: t.shownPath()}), true
	case t.verb == verbPut && !t.file:
		answer = t.tells(told{Path: t.paths[0], Waits: "bytes"})
		answer.Place.Name = t.paths[0]
		return answer, true
	case t.verb == verbCwd && len(t.paths) == 0:
		t.paths = []string{"/"}
	}
	return answer, false
}

// on does the task on a connection.
func (t *task) on(c *connection) (Answer, error) {
	switch t.verb {
	case verbList:
		return t.list(c)
	case verbGet:
		return t.get(c)
	case verbDelete:
		return t.delete(c)
	case verbMkdir:
		return t.mkdir(c)
	case verbRename:
		return t.tells(told{Path: t.paths[0], To: t.paths[1]}), c.server.Rename(t.wire(0), t.wire(1))
	case verbCwd:
		answer := t.tells(told{Path: t.paths[0]})
		answer.Place.Folder = t.paths[0]
		return answer, c.server.ChangeDir(t.wire(0))
	case verbSize:
		size, err := c.server.FileSize(t.wire(0))
		return t.tells(told{Path: t.paths[0], Size: &size}), err
	}
	return t.put(c)
}

const entriesMost = 10_000 // of a listing

// list goes into the folder and asks what is there, so that nothing in its
// name is taken for a pattern; a path that is no folder is asked for by name.
func (t *task) list(c *connection) (Answer, error) {
	on, name := wire(t.driver.rule.Root, t.shownPath()), ""
	if err := c.server.ChangeDir(on); err != nil {
		if said := new(textproto.Error); !errors.As(err, &said) || said.Code != 550 {
			return Answer{}, err
		}
		name = on
	}
	found, err := c.server.List(name)
	if err != nil {
		return Answer{}, err
	}
	precise := c.server.IsTimePreciseInList()
	entries := []listed{}
	for _, e := range found {
		if name := path.Base(e.Name); name == "." || name == ".." || name == "/" || strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			continue
		}
		entries = append(entries, entryOf(e, precise))
	}
	slices.SortFunc(entries, func(a, b listed) int { return strings.Compare(a.Name, b.Name) })
	t.settled = true
	switch {
	case name != "" && len(entries) == 0:
		return Answer{}, refuse(schema.NotFound, "nothing is there").Refused
	case len(entries) > entriesMost:
		return Answer{}, refuse(schema.TooLarge, "the folder has more than %d entries", entriesMost).Refused
	}
	return t.tells(told{Path: t.shownPath(), Entries: &entries}), nil
}

func entryOf(e *ftp.Entry, precise bool) listed {
	entry := listed{Name: strings.ToValidUTF8(path.Base(e.Name), "\uFFFD"), Kind: e.Type.String()}
	if e.Type == ftp.EntryTypeFile {
		entry.Size = &e.Size
	}
	if precise && !e.Time.IsZero() {
		entry.Time = &e.Time
	}
	return entry
}

// get reads a file whole. Where the server tells its size, it must be that.
func (t *task) get(c *connection) (Answer, error) {
	size, err := c.server.FileSize(t.wire(0))
	known := err == nil && size >= 0
	if said := new(textproto.Error); err != nil && !errors.As(err, &said) {
		return Answer{}, err
	}
	if known && size > int64(t.request.Most) {
		t.settled = true
		return Answer{}, t.tooLarge()
	}
	c.listed = t.request.Most + lineMost // of TLS around it
	if t.driver.tls != nil {
		c.listed += t.request.Most / 8
	}
	reader, err := c.server.Retr(t.wire(0))
	if err != nil {
		return Answer{}, err
	}
	content, held, err := t.readWhole(reader)
	closed := reader.Close()
	switch {
	case err != nil:
	case closed != nil:
		err = closed
	case known && int64(len(content)) != size:
		err = refuse(schema.Unavailable, "the FTP server says the file has %d bytes and sent %d: try again", size, len(content)).Refused
	}
	if err != nil {
		t.driver.budget.give(held)
		return Answer{}, err
	}
	return Answer{Bytes: content, Place: t.request.Place, held: held, budget: t.driver.budget}, nil
}

func (t *task) tooLarge() *schema.Refusal {
	return refuse(schema.TooLarge, "the file has more than the %d bytes that this room takes", t.request.Most).Refused
}

// readWhole reads to the end, and takes from the budget what it needs.
func (t *task) readWhole(from io.Reader) (content []byte, held int, err error) {
	const first = 64 << 10
	for {
		if len(content) == cap(content) {
			more := max(first, cap(content))
			if !t.driver.budget.take(more) {
				return nil, held, refuse(schema.Unavailable, "too many files are on their way: try again soon").Refused
			}
			held += more
			content = append(make([]byte, 0, cap(content)+more), content...)
		}
		n, err := from.Read(content[len(content):cap(content)])
		content = content[:len(content)+n]
		switch {
		case len(content) > t.request.Most:
			return nil, held, t.tooLarge()
		case err == io.EOF:
			return content, held, nil
		case err != nil:
			return nil, held, err
		}
	}
}

// put stores a file, and asks whether all of it is there.
func (t *task) put(c *connection) (Answer, error) {
	size := int64(len(t.request.Message.Data))
	c.listed = lineMost // a server says nothing there, but TLS does
	if err := c.server.Stor(t.wire(0), bytes.NewReader(t.request.Message.Data)); err != nil {
		return Answer{}, err
	}
	there, err := c.server.FileSize(t.wire(0))
	said := new(textproto.Error)
	switch {
	case err != nil && !errors.As(err, &said):
		return Answer{}, err
	case err == nil && there != size:
		t.settled = true
		return Answer{}, refuse(schema.Unavailable, "the FTP server has %d of the %d bytes: send it again", there, size).Refused
	}
	return t.tells(told{Path: t.paths[0], Size: &size}), nil
}

// delete deletes a file, or an empty folder.
func (t *task) delete(c *connection) (Answer, error) {
	err := c.server.Delete(t.wire(0))
	if said := new(textproto.Error); errors.As(err, &said) && said.Code == 550 {
		if c.server.RemoveDir(t.wire(0)) == nil {
			err = nil
		}
	}
	return t.tells(told{Path: t.paths[0]}), err
}

// mkdir makes a folder, and tells one that is there from one that may not be.
func (t *task) mkdir(c *connection) (Answer, error) {
	err := c.server.MakeDir(t.wire(0))
	if said := new(textproto.Error); errors.As(err, &said) && said.Code == 550 && c.server.ChangeDir(t.wire(0)) == nil {
		t.settled = true
		return Answer{}, refuse(schema.Exists, "the folder is there already").Refused
	}
	return t.tells(told{Path: t.paths[0]}), err
}
