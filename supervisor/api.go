package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

// The admin API is JSON over HTTP on the admin address, for admins and owners:
//
//	Authorization: Bearer TOKEN
//
// An owner reaches what is its own; what is not, is missing (404). Bodies are
// one JSON object of Content-Type application/json and 1 MiB at most; keys
// that are not known are refused by name.
//
//	method and path                     who     body                              answer
//	POST   /api/send                    owners  {room?, data|bytes, to?, key?}    as of a POST to the room
//	GET    /api/rooms                   owners                                    [{room, owner, kind, rules}]
//	GET    /api/rooms/NAME              owners                                    one of them
//	PUT    /api/rooms/NAME              owners  {owner?, rules?}                  201, the room; 409 where it is
//	PATCH  /api/rooms/NAME              owners  {owner?, rules?}, a merge patch   the room
//	DELETE /api/rooms/NAME              owners                                    {room, endpoints}
//	GET    /api/clients                 admins                                    [{client, owner, primary, admin, direct, admits, …}]
//	GET    /api/clients/NAME            owners                                    one of them
//	PUT    /api/clients/NAME            admins  {owner?, primary?, admin?, …}     201, the client; 409 where it is
//	PATCH  /api/clients/NAME            owners  the same, of its own {direct, admits}
//	DELETE /api/clients/NAME            admins                                    {client, tokens, rooms, endpoints}
//	POST   /api/clients/NAME/password   owners  {password}; null takes it away    {client, password}
//	POST   /api/clients/NAME/totp       owners  {remove?}                         {secret, url}, shown once
//	GET    /api/clients/NAME/sockets    owners                                    as GET /api/sequences
//	DELETE /api/clients/NAME/sockets    owners                                    {closed, missing}; they hear 4409
//	GET    /api/endpoints               owners                                    [{endpoint, room|client}]
//	GET    /api/endpoints/HOST[/NAME]   owners                                    one of them
//	PUT    /api/endpoints/HOST[/NAME]   owners  {room} or {client}                201, the endpoint; 409 where it is
//	DELETE /api/endpoints/HOST[/NAME]   owners                                    the endpoint
//	GET    /api/tokens[?client=NAME]    owners                                    [{id, client, expires, rooms}]
//	POST   /api/tokens                  owners  {client?, expires?, rooms?}       201, {id, client, …, token}, shown once
//	DELETE /api/tokens/ID               owners                                    the token, without it
//	GET    /api/sequences[?room=&client=]  owners                                 [{sequence, slot, client, state, rooms, address, since}]
//	PATCH  /api/sequences/ID            admins  {slot}                            {sequence, slot}; it moves, and notices nothing
//	DELETE /api/sequences/ID            owners                                    {closed, missing}; it hears 4409
//	GET    /api/status                  admins                                    as porthouse status --json
//
// A token that is limited to rooms may send, and nothing else. Refusals are
// {"error":CODE,"message":…}: 400 malformed, 401 unauthorized, 403 denied, 404
// not-found, 405, 409 exists, 413 too-large, 415, 422 format, 429 rate, 503
// full and unavailable; with Retry-After where it is known.
//
// The console's page has no token but a session (console.Admit).
type api struct {
	house    apiHouse
	log      *slog.Logger
	sessions apiSessions // nil: none
}

// apiSessions finds who a request with a session's cookie comes from; found
// is false where it has none.
type apiSessions interface {
	Admit(r *http.Request) (by schema.Identity, refusal *schema.Refusal, found bool)
}

const (
	apiBodyMost = 1 << 20          // bytes
	apiTime     = 25 * time.Second // for a call to be done
)

// apiHouse is what the API asks of the house. Its methods may be called from
// several goroutines.
type apiHouse interface {
	who(ctx context.Context, c ipc.Credential, address string) (identity schema.Identity, refusal *schema.Refusal, after int)
	do(ctx context.Context, op schema.Operation) (any, *schema.Refusal, error)
	send(ctx context.Context, hit ipc.Hit) (status int, json []byte)
	status() (status ipc.Status, up bool)
	sequences(ask ipc.AskSequences) []ipc.Sequence
	sequencesOf(client string) []schema.SequenceID
	clientOf(id schema.SequenceID) (client string, found bool)
	close(ids []schema.SequenceID) ipc.ClosedAnswer
	move(id schema.SequenceID, slot int) *schema.Refusal
}

// apiCall is one request whose asker is known.
type apiCall struct {
	ctx     context.Context
	r       *http.Request
	by      schema.Identity
	address string // IP
	body    []byte
}

func (c *apiCall) name() string { return c.r.PathValue("name") }

// reaches tells whether a client's own things are the asker's to reach.
func (c *apiCall) reaches(client string) bool { return c.by.Admin || c.by.Client == client }

// apiAnswer is what a call comes to.
type apiAnswer struct {
	status int
	body   []byte
	after  int // seconds until the next try; 0: not said
}

// answered is an answer of what always marshals.
func answered(status int, value any) apiAnswer {
	body, err := json.Marshal(value)
	if err != nil {
		return answerRefused(schema.Unavailable, "the answer cannot be written: "+err.Error())
	}
	return apiAnswer{status: status, body: append(body, '\n')}
}

// apiStatuses are those of the error codes, as on the shared port.
var apiStatuses = map[schema.ErrorCode]int{
	schema.Malformed: 400, schema.Unknown: 400, schema.Unauthorized: 401, schema.Denied: 403,
	schema.NotFound: 404, schema.Exists: 409, schema.TooLarge: 413, schema.Format: 422,
	schema.Rate: 429, schema.Full: 503, schema.Unavailable: 503,
}

func answerRefusal(refusal *schema.Refusal) apiAnswer {
	return apiAnswer{status: apiStatuses[refusal.Code], body: refusal.JSON()}
}

func answerRefused(code schema.ErrorCode, message string) apiAnswer {
	return answerRefusal(&schema.Refusal{Code: code, Message: message})
}

func newAPI(house apiHouse, log *slog.Logger) *api { return &api{house: house, log: log} }

// serveOn adds the routes to a server.
func (a *api) serveOn(mux *http.ServeMux) {
	methods := map[string][]string{} // by path
	for _, route := range apiRoutes {
		mux.HandleFunc(route.method+" "+route.path, a.handler(route))
		methods[route.path] = append(methods[route.path], route.method)
	}
	for path, taken := range methods {
		slices.Sort(taken)
		allow := strings.Join(taken, ", ")
		wrong := refuse(http.StatusMethodNotAllowed, schema.Unknown, "this path takes "+allow)
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", allow)
			wrong(w, r)
		})
	}
	mux.HandleFunc("/api/", refuse(http.StatusNotFound, schema.NotFound, "there is no such path under /api/"))
}

func (a *api) handler(route apiRoute) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), apiTime)
		defer cancel()
		answer := a.answer(route, &apiCall{ctx: ctx, r: r}, w)
		header := w.Header()
		header.Set("Content-Type", "application/json")
		header.Set("Cache-Control", "no-store")
		header.Set("X-Content-Type-Options", "nosniff")
		if answer.status == http.StatusUnauthorized {
			header.Set("WWW-Authenticate", "Bearer")
		}
		if answer.after > 0 {
			header.Set("Retry-After", fmt.Sprint(answer.after))
		}
		w.WriteHeader(answer.status)
		w.Write(answer.body)
	}
}

// answer judges a request and does what it asks for.
func (a *api) answer(route apiRoute, c *apiCall, w http.ResponseWriter) apiAnswer {
	if !ownOrigin(c.r) {
		return answerRefused(schema.Denied, "pages of another origin may not speak to this API")
	}
	if refusal, after := a.identify(c); refusal != nil {
		answer := answerRefusal(refusal)
		answer.after = after
		return answer
	}
	switch {
	case !c.by.Admin && !c.by.Owner:
		return answerRefused(schema.Denied, "the API is for admins and owners")
	case !c.by.Admin && route.who == apiAdmins:
		return answerRefused(schema.Denied, "only an admin may")
	case c.by.Rooms != nil && !route.limited:
		return answerRefused(schema.Denied, "this token is limited to rooms: use one without limits")
	}
	if refusal := route.takes(c.r.URL); refusal != nil {
		return answerRefusal(refusal)
	}
	if answer, refused := c.read(w); refused {
		return answer
	}
	answer := route.do(a, c)
	if c.r.Method != http.MethodGet && c.r.Method != http.MethodHead {
		a.log.Info("admin API", "method", c.r.Method, "path", c.r.URL.Path, "client", c.by.Client, "status", answer.status)
	}
	return answer
}

// identify finds out who asks. Basic is not taken: a browser would send it
// by itself.
func (a *api) identify(c *apiCall) (refusal *schema.Refusal, after int) {
	c.address, _, _ = net.SplitHostPort(c.r.RemoteAddr)
	offered := c.r.Header.Values("Authorization")
	if len(offered) == 1 {
		if scheme, token, _ := strings.Cut(offered[0], " "); strings.EqualFold(scheme, "Bearer") && strings.TrimSpace(token) != "" {
			c.by, refusal, after = a.house.who(c.ctx, ipc.Credential{Token: strings.TrimSpace(token)}, c.address)
			return refusal, after
		}
	}
	if len(offered) == 0 && a.sessions != nil {
		if by, refusal, found := a.sessions.Admit(c.r); found {
			c.by = by
			return refusal, 0
		}
	}
	return &schema.Refusal{Code: schema.Unauthorized, Message: "send the token of an admin or an owner, once, as Authorization: Bearer TOKEN"}, 0
}

// ownOrigin tells whether no page asks, or one that this server itself showed.
func ownOrigin(r *http.Request) bool {
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return true
	}
	origin, err := url.Parse(origins[0])
	return err == nil && len(origins) == 1 && origin.Host != "" && strings.EqualFold(origin.Host, r.Host)
}

// read takes the body of a request that has one.
func (c *apiCall) read(w http.ResponseWriter) (answer apiAnswer, refused bool) {
	said := c.r.Header.Values("Content-Type")
	body, err := io.ReadAll(http.MaxBytesReader(w, c.r.Body, apiBodyMost))
	if tooLong := new(http.MaxBytesError); errors.As(err, &tooLong) {
		return answerRefused(schema.TooLarge, fmt.Sprintf("the body is longer than %d bytes", apiBodyMost)), true
	}
	switch {
	case err != nil:
		return answerRefused(schema.Malformed, "the body did not come whole"), true
	case (len(body) > 0 || len(said) > 0) && !isJSON(said):
		answer = answerRefused(schema.Malformed, "the body must be JSON: send Content-Type: application/json")
		answer.status = http.StatusUnsupportedMediaType
		return answer, true
	case len(body) > 0 && !json.Valid(body):
		return answerRefused(schema.Malformed, "the body is no JSON"), true
	}
	if len(body) > 0 {
		c.body = body
	}
	return answer, false
}

func isJSON(said []string) bool {
	if len(said) != 1 {
		return false
	}
	kind, _, err := mime.ParseMediaType(said[0])
	return err == nil && kind == "application/json"
}
