package console

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

const (
	codeTime     = 60 * time.Second // for a one-time code to be used
	sessionTime  = 12 * time.Hour   // then one enters anew
	codesMost    = 64               // that wait; the oldest goes
	sessionsMost = 64               // at once; the oldest goes
	secretBytes  = 32
	bodyMost     = 64 << 10
	csrfField    = "Porthouse-CSRF"
)

// session is one browser that was let in.
type session struct {
	key     [32]byte // of its cookie
	csrf    string
	host    string // the Host that it was made on, and is good for
	token   string // an admin's; "": let in by a one-time code
	address string // that the token came from
	ends    time.Time
}

// sessions are those and the codes for more. What opens them is kept as a
// hash alone.
type sessions struct {
	mu    sync.Mutex
	codes map[[32]byte]time.Time // when they end
	all   map[[32]byte]*session
}

func newSessions() *sessions {
	return &sessions{codes: map[[32]byte]time.Time{}, all: map[[32]byte]*session{}}
}

func secret() string {
	var b [secretBytes]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (s *sessions) invite(now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	code := secret()
	s.codes[sha256.Sum256([]byte(code))] = now.Add(codeTime)
	forgetOldest(s.codes, codesMost, func(ends time.Time) time.Time { return ends })
	return code
}

// spend takes a code, which is then good no more.
func (s *sessions) spend(code string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := sha256.Sum256([]byte(code))
	ends, known := s.codes[key]
	delete(s.codes, key)
	return known && now.Before(ends)
}

// begin makes a session and the cookie's value.
func (s *sessions) begin(made session, now time.Time) (*session, string) {
	cookie := secret()
	made.key, made.csrf, made.ends = sha256.Sum256([]byte(cookie)), secret(), now.Add(sessionTime)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[made.key] = &made
	forgetOldest(s.all, sessionsMost, func(s *session) time.Time { return s.ends })
	return &made, cookie
}

func (s *sessions) find(cookie string, now time.Time) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.all[sha256.Sum256([]byte(cookie))]
	if found != nil && !now.Before(found.ends) {
		delete(s.all, found.key)
		return nil
	}
	return found
}

func (s *sessions) end(one *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, one.key)
}

// lives tells whether a session was not ended.
func (s *sessions) lives(one *session, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[one.key] == one && now.Before(one.ends)
}

func forgetOldest[V any](all map[[32]byte]V, most int, ends func(V) time.Time) {
	for len(all) > most {
		var oldest [32]byte
		var at time.Time
		for key, each := range all {
			if at.IsZero() || ends(each).Before(at) {
				oldest, at = key, ends(each)
			}
		}
		delete(all, oldest)
	}
}

// cookieName has the port: cookies do not tell ports apart, and consoles of
// several houses may be open on one host.
func cookieName(r *http.Request) string {
	_, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		port = "80"
	}
	return "porthouse-console-" + port
}

var notIn = &schema.Refusal{Code: schema.Unauthorized, Message: "nobody is signed in here: porthouse console prints an address that is good once, or sign in with an admin's token"}

// sessionOf finds a request's session; found: it has a cookie for one.
func (c *Console) sessionOf(r *http.Request) (s *session, refusal *schema.Refusal, found bool) {
	cookies := r.CookiesNamed(cookieName(r))
	if len(cookies) != 1 {
		return nil, notIn, len(cookies) > 1
	}
	s = c.sessions.find(cookies[0].Value, time.Now())
	switch {
	case s == nil:
		return nil, notIn, true
	case s.host != r.Host:
		return nil, &schema.Refusal{Code: schema.Denied, Message: "the session was begun on another host"}, true
	}
	return s, nil, true
}

// takes judges a request of a session: one that changes something must be the
// console's own.
func (s *session) takes(r *http.Request) *schema.Refusal {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return foreign
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	said := r.Header.Get(csrfField)
	if !ownOrigin(r) || subtle.ConstantTimeCompare([]byte(said), []byte(s.csrf)) != 1 {
		return foreign
	}
	return nil
}

var foreign = &schema.Refusal{Code: schema.Denied, Message: "this was not asked for by the console's own page"}

// ownOrigin tells whether the console's page asks: the Origin is this server,
// to the letter.
func ownOrigin(r *http.Request) bool {
	origins := r.Header.Values("Origin")
	return len(origins) == 1 && (origins[0] == "http://"+r.Host || origins[0] == "https://"+r.Host)
}

// behind lets a request through that has a session.
func (c *Console) behind(serve func(http.ResponseWriter, *http.Request, schema.Identity)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		by, refusal, _ := c.Admit(r)
		if refusal != nil {
			refuse(w, refusal)
			return
		}
		serve(w, r, by)
	}
}

// enter begins a session.
func (c *Console) enter(w http.ResponseWriter, r *http.Request) {
	var said struct{ Code, Token string }
	switch {
	case !ownOrigin(r):
		refuse(w, foreign)
		return
	case !readBody(w, r, &said):
		return
	}
	address, _, _ := net.SplitHostPort(r.RemoteAddr)
	made := session{host: r.Host, address: address}
	switch {
	case said.Code != "":
		if !c.sessions.spend(said.Code, time.Now()) {
			refuse(w, &schema.Refusal{Code: schema.Unauthorized, Message: "this address was used already, or is older than a minute: porthouse console prints another"})
			return
		}
	default:
		by, refusal, _ := c.house.Who(r.Context(), said.Token, address)
		if refusal == nil && (!by.Admin || by.Rooms != nil) {
			refusal = onlyAdmins
		}
		if refusal != nil {
			refuse(w, refusal)
			return
		}
		made.token = said.Token
	}
	s, cookie := c.sessions.begin(made, time.Now())
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r), Value: cookie, Path: "/", MaxAge: int(sessionTime / time.Second),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: strings.HasPrefix(r.Header.Get("Origin"), "https:"),
	})
	c.log.Info("console: a session begins", "address", address, "by", map[bool]string{true: "code", false: "token"}[made.token == ""])
	answer(w, http.StatusOK, map[string]string{"csrf": s.csrf})
}

// showSession tells the console's page its CSRF token; no other page can read
// the answer.
func (c *Console) showSession(w http.ResponseWriter, r *http.Request) {
	by, refusal, _ := c.Admit(r)
	if refusal != nil {
		refuse(w, refusal)
		return
	}
	s, refusal, _ := c.sessionOf(r)
	if s == nil {
		refuse(w, refusal)
		return
	}
	answer(w, http.StatusOK, map[string]string{"csrf": s.csrf, "client": by.Client})
}

func (c *Console) leave(w http.ResponseWriter, r *http.Request, _ schema.Identity) {
	if s, _, _ := c.sessionOf(r); s != nil {
		c.sessions.end(s)
	}
	http.SetCookie(w, &http.Cookie{Name: cookieName(r), Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	answer(w, http.StatusOK, struct{}{})
}

// readBody takes a JSON object with known fields alone.
func readBody(w http.ResponseWriter, r *http.Request, into any) bool {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, bodyMost))
	decoder.DisallowUnknownFields()
	if r.Header.Get("Content-Type") != "application/json" {
		refuse(w, &schema.Refusal{Code: schema.Malformed, Message: "the body must be JSON: send Content-Type: application/json"})
		return false
	}
	if err := decoder.Decode(into); err != nil {
		refuse(w, &schema.Refusal{Code: schema.Malformed, Message: "the body is not what is asked for: " + err.Error()})
		return false
	}
	return true
}

// listSequencesMost is how many of them the console shows.
const listSequencesMost = 500

func (c *Console) listSequences(w http.ResponseWriter, r *http.Request, _ schema.Identity) {
	query := r.URL.Query()
	all := c.house.Sequences(ipc.AskSequences{Room: query.Get("room"), Client: query.Get("client")})
	if id := query.Get("sequence"); id != "" {
		found := all[:0]
		for _, one := range all {
			if one.ID.String() == id {
				found = append(found, one)
			}
		}
		all = found
	}
	answer(w, http.StatusOK, map[string]any{"all": len(all), "sequences": append([]ipc.Sequence{}, all[:min(len(all), listSequencesMost)]...)})
}

func (c *Console) listSpaces(w http.ResponseWriter, _ *http.Request, _ schema.Identity) {
	rooms, up := c.house.Spaces()
	if !up {
		refuse(w, stops)
		return
	}
	answer(w, http.StatusOK, map[string]any{"rooms": rooms})
}

var stops = &schema.Refusal{Code: schema.Unavailable, Message: "the house stops"}

func (c *Console) showRules(w http.ResponseWriter, r *http.Request, by schema.Identity) {
	c.tellRules(w, r, nil, by)
}

func (c *Console) changeRules(w http.ResponseWriter, r *http.Request, by schema.Identity) {
	var patch json.RawMessage
	if readBody(w, r, &patch) {
		c.log.Info("console: rules changed", "room", r.PathValue("room"), "client", by.Client)
		c.tellRules(w, r, patch, by)
	}
}

func (c *Console) tellRules(w http.ResponseWriter, r *http.Request, patch []byte, by schema.Identity) {
	rules, refusal := c.house.Rules(r.Context(), r.PathValue("room"), patch, by)
	if refusal != nil {
		refuse(w, refusal)
		return
	}
	answer(w, http.StatusOK, map[string]any{"room": r.PathValue("room"), "rules": rules})
}

// reload begins one; its steps come by the feed.
func (c *Console) reload(w http.ResponseWriter, r *http.Request, by schema.Identity) {
	said := struct {
		Slot    *int
		Upgrade bool
	}{}
	if !readBody(w, r, &said) {
		return
	}
	ask := ipc.AskReload{Slot: -1, Upgrade: said.Upgrade}
	if said.Slot != nil {
		ask.Slot = *said.Slot
	}
	c.log.Info("console: reload", "slot", ask.Slot, "upgrade", ask.Upgrade, "client", by.Client)
	c.house.Reload(ask, c.feed.progress, c.feed.reloaded)
	answer(w, http.StatusAccepted, struct{}{})
}

func (c *Console) scale(w http.ResponseWriter, r *http.Request, by schema.Identity) {
	var said struct{ Puddles int }
	if !readBody(w, r, &said) {
		return
	}
	c.log.Info("console: scale", "puddles", said.Puddles, "client", by.Client)
	if err := c.house.Scale(said.Puddles); err != nil {
		refuse(w, &schema.Refusal{Code: schema.Unavailable, Message: err.Error()})
		return
	}
	answer(w, http.StatusOK, said)
}
