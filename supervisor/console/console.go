// Package console is the operator's page on the admin address: who may see it
// (sessions), what it is fed with (the room -console, which exists nowhere
// else), and the few deeds that the admin API does not have.
//
// A browser gets a session for a one-time code, which porthouse console
// prints, or for an admin's token. The session's cookie is HttpOnly and
// SameSite=Strict; a request that changes anything carries the session's CSRF
// token and comes from the very origin that the session was made on.
package console

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

// House is what the console asks of the house. Its methods may be called from
// several goroutines.
type House interface {
	// Who verifies a token; after is the seconds until the next try.
	Who(ctx context.Context, token, address string) (identity schema.Identity, refusal *schema.Refusal, after int)
	// Snapshot is the house at this instant; false: it stops.
	Snapshot() (Snapshot, bool)
	// Spaces are all rooms, as SPACES tells them.
	Spaces() (json.RawMessage, bool)
	// Rules are a room's, changed by a merge patch if there is one.
	Rules(ctx context.Context, room string, patch []byte, by schema.Identity) (json.RawMessage, *schema.Refusal)
	// Sequences are those that ask for.
	Sequences(ask ipc.AskSequences) []ipc.Sequence
	// Reload hands puddles over. tell hears of each step and done of the end,
	// which an upgrade waits for; neither may wait itself.
	Reload(ask ipc.AskReload, tell func(ipc.Progress), done func(failed string))
	// Scale changes the number of puddles.
	Scale(puddles int) error
}

// Snapshot is the house once a second.
type Snapshot struct {
	At      int64             `json:"at"` // Unix milliseconds
	Status  ipc.Status        `json:"status"`
	Refused map[string]uint64 `json:"refused"` // by reason, since the tables were made
	Closes  map[string]uint64 `json:"closes"`  // by code
	Moved   uint64            `json:"moved"`   // sockets handed over
	Lost    uint64            `json:"lost"`    // on the way
}

// Handover is one that was done.
type Handover struct {
	At      int64   `json:"at"` // Unix milliseconds
	Slot    int     `json:"slot"`
	Planned bool    `json:"planned"` // false: after a crash
	Sockets int     `json:"sockets"`
	Lost    int     `json:"lost"`
	Stall   float64 `json:"stall"` // seconds in which nobody served
}

// Console is the page and what is behind it.
type Console struct {
	house    House
	log      *slog.Logger
	sessions *sessions
	feed     *feed
}

// New is a console that hears the log already and is not yet served.
func New() *Console {
	return &Console{log: slog.New(slog.DiscardHandler), sessions: newSessions(), feed: newFeed()}
}

// ServeOn adds the console to the admin server. It is called once.
func (c *Console) ServeOn(mux *http.ServeMux, house House, log *slog.Logger) {
	c.house, c.log, c.feed.house = house, log, house
	for path, serve := range map[string]http.HandlerFunc{
		"GET /{$}":           file("text/html; charset=utf-8", html),
		"GET /-/console.js":  file("text/javascript; charset=utf-8", script),
		"GET /-/console.css": file("text/css; charset=utf-8", style),
		"GET /-/console.svg": file("image/svg+xml", icon),
		"GET /-/uplot.js":    file("text/javascript; charset=utf-8", plotScript),
		"GET /-/uplot.css":   file("text/css; charset=utf-8", plotStyle),

		"GET /-/session":    c.showSession,
		"POST /-/session":   c.enter,
		"DELETE /-/session": c.behind(c.leave),
		"GET /-/console":    c.hear,

		"GET /-/spaces":           c.behind(c.listSpaces),
		"GET /-/sequences":        c.behind(c.listSequences),
		"GET /-/rules/{room...}":  c.behind(c.showRules),
		"POST /-/rules/{room...}": c.behind(c.changeRules),
		"POST /-/reload":          c.behind(c.reload),
		"POST /-/scale":           c.behind(c.scale),
	} {
		mux.HandleFunc(path, serve)
	}
}

// Close ends all sockets with 1001.
func (c *Console) Close() { c.feed.close() }

// Invite makes a code that is good for one session, once, within a minute.
func (c *Console) Invite() string { return c.sessions.invite(time.Now()) }

// HandedOver tells of a hand-over. It never waits.
func (c *Console) HandedOver(h Handover) { c.feed.handedOver(h) }

// Admit finds out on whose behalf a request with a session's cookie comes.
// found is false where there is no such cookie.
func (c *Console) Admit(r *http.Request) (by schema.Identity, refusal *schema.Refusal, found bool) {
	s, refusal, found := c.sessionOf(r)
	if s == nil {
		return schema.Identity{}, refusal, found
	}
	if refusal := s.takes(r); refusal != nil {
		return schema.Identity{}, refusal, true
	}
	by, refusal = c.still(r.Context(), s)
	return by, refusal, true
}

// still is who a session belongs to, if it is an admin yet.
func (c *Console) still(ctx context.Context, s *session) (schema.Identity, *schema.Refusal) {
	if s.token == "" {
		return schema.Identity{Admin: true}, nil
	}
	by, refusal, _ := c.house.Who(ctx, s.token, s.address)
	switch {
	case refusal != nil && refusal.Code != schema.Rate && refusal.Code != schema.Unavailable:
		c.sessions.end(s)
		return by, refusal
	case refusal != nil:
		return by, refusal
	case !by.Admin || by.Rooms != nil:
		c.sessions.end(s)
		return by, onlyAdmins
	}
	return by, nil
}

var onlyAdmins = &schema.Refusal{Code: schema.Denied, Message: "the console is for admins: porthouse client set NAME admin=true makes one, and its token must not be limited to rooms"}

// statuses are the HTTP statuses of refusals.
var statuses = map[schema.ErrorCode]int{
	schema.Malformed: 400, schema.Unknown: 400, schema.Unauthorized: 401, schema.Denied: 403,
	schema.NotFound: 404, schema.Exists: 409, schema.TooLarge: 413, schema.Format: 422,
	schema.Rate: 429, schema.Full: 503, schema.Unavailable: 503,
}

func refuse(w http.ResponseWriter, refusal *schema.Refusal) {
	status := statuses[refusal.Code]
	if status == 0 {
		status = http.StatusBadRequest
	}
	answer(w, status, refusal)
}

// answer says what always marshals.
func answer(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"unavailable","message":"the answer cannot be written"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	guardHeader(w.Header())
	w.WriteHeader(status)
	w.Write(append(body, '\n'))
}
