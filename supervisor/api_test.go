package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

// fakeAPIHouse answers the API and remembers what it was asked.
type fakeAPIHouse struct {
	did    []schema.Operation
	hit    *ipc.Hit
	closed []schema.SequenceID
	result any
	refuse *schema.Refusal
	fails  error
}

var fakeIdentities = map[string]schema.Identity{
	"of-admin":   {Client: "root", Admin: true},
	"of-owner":   {Client: "alice", Owner: true},
	"of-client":  {Client: "carol", Primary: true},
	"of-limited": {Client: "alice", Owner: true, Rooms: schema.TokenRooms{{Name: "feed"}}},
}

func (f *fakeAPIHouse) who(_ context.Context, c ipc.Credential, address string) (schema.Identity, *schema.Refusal, int) {
	identity, known := fakeIdentities[c.Token]
	switch {
	case address == "" || c.Client != "":
		return schema.Identity{}, &schema.Refusal{Code: schema.Unavailable, Message: "asked in a wrong way"}, 0
	case c.Token == "too-often":
		return schema.Identity{}, &schema.Refusal{Code: schema.Rate, Message: "slow down"}, 7
	case !known:
		return schema.Identity{}, &schema.Refusal{Code: schema.Unauthorized, Message: "no"}, 0
	}
	return identity, nil, 0
}

func (f *fakeAPIHouse) do(_ context.Context, op schema.Operation) (any, *schema.Refusal, error) {
	f.did = append(f.did, op)
	return f.result, f.refuse, f.fails
}

func (f *fakeAPIHouse) send(_ context.Context, hit ipc.Hit) (int, []byte) {
	f.hit = &hit
	return 200, []byte(`{"ok":"send","receivers":2}`)
}

func (f *fakeAPIHouse) status() (ipc.Status, bool) { return ipc.Status{State: "up"}, true }

func (f *fakeAPIHouse) sequences(ask ipc.AskSequences) []ipc.Sequence {
	return []ipc.Sequence{{ID: 7, Client: &ask.Client, Rooms: []string{ask.Room}}}
}

func (f *fakeAPIHouse) sequencesOf(string) []schema.SequenceID { return []schema.SequenceID{7, 8} }

func (f *fakeAPIHouse) clientOf(id schema.SequenceID) (string, bool) {
	return map[schema.SequenceID]string{7: "alice", 9: "bob"}[id], id == 7 || id == 9
}

func (f *fakeAPIHouse) move(id schema.SequenceID, slot int) *schema.Refusal {
	if slot > 1 {
		return &schema.Refusal{Code: schema.Unavailable, Message: "there is no such puddle"}
	}
	return nil
}

func (f *fakeAPIHouse) close(ids []schema.SequenceID) ipc.ClosedAnswer {
	f.closed = append(f.closed, ids...)
	return ipc.ClosedAnswer{Closed: ids, Missing: []schema.SequenceID{}}
}

// call has a request answered; a header is "Name: value".
func (f *fakeAPIHouse) call(method, path, token, body string, headers ...string) *httptest.ResponseRecorder {
	mux := http.NewServeMux()
	newAPI(f, slog.New(slog.DiscardHandler)).serveOn(mux)
	r := httptest.NewRequest(method, "http://127.0.0.1:8081"+path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w
}

// Who may ask for which route: nobody, who has a wrong token, a client, an
// owner with a token limited to rooms, an owner, an admin. Where the last ones
// get further, the book judges (or the puddle).
func TestAPIWhoMayWhat(t *testing.T) {
	askers := []string{"", "wrong", "of-client", "of-limited", "of-owner", "of-admin"}
	all := func(owner, admin int) []int { return []int{401, 401, 403, 403, owner, admin} }
	for _, c := range []struct {
		method, path, body string
		want               []int
	}{
		{"POST", "/api/send", `{"room":"feed","data":"x"}`, []int{401, 401, 403, 200, 200, 200}},
		{"GET", "/api/rooms", "", all(200, 200)},
		{"GET", "/api/rooms/chat", "", all(200, 200)},
		{"PUT", "/api/rooms/alice/notes", "{}", all(201, 201)},
		{"PATCH", "/api/rooms/alice/notes", "{}", all(200, 200)},
		{"DELETE", "/api/rooms/chat", "", all(200, 200)},
		{"GET", "/api/clients", "", all(403, 200)},
		{"GET", "/api/clients/alice", "", all(200, 200)},
		{"PUT", "/api/clients/bob", "{}", all(403, 201)},
		{"PATCH", "/api/clients/alice", "{}", all(200, 200)},
		{"DELETE", "/api/clients/alice", "", all(403, 200)},
		{"POST", "/api/clients/alice/password", `{"password":"x"}`, all(200, 200)},
		{"POST", "/api/clients/alice/totp", "", all(200, 200)},
		{"GET", "/api/clients/alice/sockets", "", all(200, 200)},
		{"GET", "/api/clients/bob/sockets", "", all(404, 200)},
		{"DELETE", "/api/clients/alice/sockets", "", all(200, 200)},
		{"DELETE", "/api/clients/bob/sockets", "", all(404, 200)},
		{"GET", "/api/endpoints", "", all(200, 200)},
		{"PUT", "/api/endpoints/a.example/x", `{"room":"alice/notes"}`, all(201, 201)},
		{"DELETE", "/api/endpoints/a.example", "", all(200, 200)},
		{"GET", "/api/tokens", "", all(200, 200)},
		{"POST", "/api/tokens", "{}", all(201, 201)},
		{"DELETE", "/api/tokens/1f", "", all(200, 200)},
		{"GET", "/api/sequences", "", all(200, 200)},
		{"GET", "/api/sequences?client=bob", "", all(403, 200)},
		{"PATCH", "/api/sequences/" + schema.SequenceID(7).String(), `{"slot":1}`, all(403, 200)},
		{"PATCH", "/api/sequences/" + schema.SequenceID(7).String(), `{"slot":7}`, all(403, 503)},
		{"PATCH", "/api/sequences/" + schema.SequenceID(7).String(), `{}`, all(403, 400)},
		{"DELETE", "/api/sequences/" + schema.SequenceID(7).String(), "", all(200, 200)},
		{"DELETE", "/api/sequences/" + schema.SequenceID(9).String(), "", all(404, 200)},
		{"DELETE", "/api/sequences/" + schema.SequenceID(10).String(), "", all(404, 404)},
		{"GET", "/api/status", "", all(403, 200)},
	} {
		for i, asker := range askers {
			f := &fakeAPIHouse{result: []string{}}
			w := f.call(c.method, c.path, asker, c.body)
			if w.Code != c.want[i] {
				t.Errorf("%s %s by %q: %d %s; want %d", c.method, c.path, asker, w.Code, w.Body, c.want[i])
			}
			if refused := w.Code >= 400; refused && (len(f.did) > 0 || f.hit != nil || f.closed != nil) {
				t.Errorf("%s %s by %q was refused, and done", c.method, c.path, asker)
			}
			if w.Code == 401 && w.Header().Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s %s: 401 without WWW-Authenticate", c.method, c.path)
			}
			if !json.Valid(w.Body.Bytes()) || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("%s %s by %q: no JSON: %s", c.method, c.path, asker, w.Body)
			}
		}
	}
}

// What the book is asked for is what the path and the body say.
func TestAPIOperations(t *testing.T) {
	for _, c := range []struct{ method, path, body, noun, verb, name string }{
		{"GET", "/api/rooms/chat", "", "room", "show", "chat"},
		{"PUT", "/api/rooms/alice/notes", `{"rules":{"size":1}}`, "room", "add", "alice/notes"},
		{"PATCH", "/api/rooms/alice/notes", `{"owner":null}`, "room", "set", "alice/notes"},
		{"DELETE", "/api/rooms/alice%2Fnotes", "", "room", "remove", "alice/notes"},
		{"PATCH", "/api/clients/a%2Fb@c", `{"direct":"nobody"}`, "client", "set", "a/b@c"},
		{"POST", "/api/clients/alice/password", `{"password":null}`, "client", "passwd", "alice"},
		{"POST", "/api/clients/alice/totp", `{"remove":true}`, "client", "totp", "alice"},
		{"PUT", "/api/endpoints/a.example/x", `{"room":"x"}`, "endpoint", "add", "a.example/x"},
		{"GET", "/api/tokens?client=bob", "", "token", "list", "bob"},
		{"POST", "/api/tokens", `{"client":"bob"}`, "token", "add", ""},
		{"DELETE", "/api/tokens/1f", "", "token", "revoke", "1f"},
	} {
		f := new(fakeAPIHouse)
		f.call(c.method, c.path, "of-admin", c.body)
		want := schema.Operation{Noun: c.noun, Verb: c.verb, Name: c.name, By: fakeIdentities["of-admin"]}
		if c.body != "" {
			want.Values = json.RawMessage(c.body)
		}
		if len(f.did) != 1 || !reflect.DeepEqual(f.did[0], want) {
			t.Errorf("%s %s: did %+v, want %+v", c.method, c.path, f.did, want)
		}
	}
}

func TestAPIRefusalsHaveTheirStatus(t *testing.T) {
	for code, want := range map[schema.ErrorCode]int{
		schema.Malformed: 400, schema.Denied: 403, schema.NotFound: 404, schema.Exists: 409,
		schema.TooLarge: 413, schema.Rate: 429, schema.Unavailable: 503,
	} {
		f := &fakeAPIHouse{refuse: &schema.Refusal{Code: code, Message: "why"}}
		w := f.call("GET", "/api/rooms/chat", "of-owner", "")
		if said := new(schema.Refusal); w.Code != want || json.Unmarshal(w.Body.Bytes(), said) != nil || *said != *f.refuse {
			t.Errorf("%s: %d %s", code, w.Code, w.Body)
		}
	}
	f := &fakeAPIHouse{fails: errors.New("disk on fire in /secret/place")}
	if w := f.call("GET", "/api/rooms", "of-owner", ""); w.Code != 503 || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("a failure is told: %d %s", w.Code, w.Body)
	}
	if w := new(fakeAPIHouse).call("GET", "/api/rooms", "too-often", ""); w.Code != 429 || w.Header().Get("Retry-After") != "7" {
		t.Errorf("too often: %d, %v", w.Code, w.Header())
	}
}

func TestAPIForm(t *testing.T) {
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		says                     string
	}{
		{"foreign Origin", "GET", "/api/rooms", "", []string{"Origin: https://evil.example"}, 403, "origin"},
		{"no origin at all", "GET", "/api/rooms", "", []string{"Origin: null"}, 403, "origin"},
		{"another port", "GET", "/api/rooms", "", []string{"Origin: http://127.0.0.1:8080"}, 403, "origin"},
		{"its own", "GET", "/api/rooms", "", []string{"Origin: http://127.0.0.1:8081"}, 200, ""},
		{"Basic", "GET", "/api/rooms", "", []string{"Authorization: Basic cm9vdDp4"}, 401, "Bearer"},
		{"no token", "GET", "/api/rooms", "", []string{"Authorization: Bearer "}, 401, "Bearer"},
		{"small bearer", "GET", "/api/rooms", "", []string{"Authorization: bearer of-admin"}, 200, ""},
		{"a form", "PATCH", "/api/rooms/x", "a=b", []string{"Content-Type: application/x-www-form-urlencoded"}, 415, "application/json"},
		{"text", "PUT", "/api/rooms/x", "{}", []string{"Content-Type: text/plain"}, 415, "application/json"},
		{"text without a body", "PUT", "/api/rooms/x", "", []string{"Content-Type: text/plain"}, 415, "application/json"},
		{"with a charset", "PUT", "/api/rooms/x", "{}", []string{"Content-Type: application/json; charset=utf-8"}, 201, ""},
		{"no JSON", "PUT", "/api/rooms/x", "{", nil, 400, "JSON"},
		{"two values", "PUT", "/api/rooms/x", "{}{}", nil, 400, "JSON"},
		{"too long", "PUT", "/api/rooms/x", `{"a":"` + strings.Repeat("x", apiBodyMost) + `"}`, nil, 413, "1048576"},
		{"a query", "GET", "/api/rooms?token=secret", "", nil, 400, "no query"},
		{"another query", "GET", "/api/sequences?slot=1", "", nil, 400, "room and client"},
		{"twice", "GET", "/api/tokens?client=a&client=b", "", nil, 400, "once"},
		{"method", "POST", "/api/status", "{}", nil, 405, "GET"},
		{"path", "GET", "/api/nothing", "", nil, 404, "/api/"},
		{"sequence", "DELETE", "/api/sequences/chat", "", nil, 400, "no sequence"},
		{"endpoint", "GET", "/api/endpoints/a.example:80", "", nil, 400, "port"},
	} {
		f := &fakeAPIHouse{result: []string{}}
		w := f.call(c.method, c.path, "of-admin", c.body, c.headers...)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s: %d %s; want %d …%s", c.name, w.Code, w.Body, c.status, c.says)
		}
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: repeats a secret", c.name)
		}
		if w.Code >= 400 && len(f.did) > 0 {
			t.Errorf("%s: done all the same", c.name)
		}
	}
}

func TestAPISend(t *testing.T) {
	hit := func(kind uint8, data string) ipc.Hit {
		return ipc.Hit{Room: "chat", Identity: fakeIdentities["of-owner"], Kind: kind, Data: []byte(data), Address: "192.0.2.1"}
	}
	for body, want := range map[string]ipc.Hit{
		`{"room":"chat","data":"häh\n"}`:        hit(kindText, "häh\n"),
		`{"room":"chat","data":""}`:             hit(kindText, ""),
		`{"room":"chat","data": {"a": 1.0} }`:   hit(kindValue, `{"a": 1.0}`),
		`{"room":"chat","data":null}`:           hit(kindValue, "null"),
		`{"room":"chat","bytes":"AAH/"}`:        hit(kindBytes, "\x00\x01\xff"),
		`{"room":"chat","bytes":"","to":["a"]}`: {Room: "chat", Identity: fakeIdentities["of-owner"], Kind: kindBytes, Data: []byte{}, To: []string{"a"}, Address: "192.0.2.1"},
		`{"to":["a"],"data":1,"key":"k"}`:       {Identity: fakeIdentities["of-owner"], Kind: kindValue, Data: []byte("1"), To: []string{"a"}, Key: "k", Address: "192.0.2.1"},
	} {
		f := new(fakeAPIHouse)
		w := f.call("POST", "/api/send", "of-owner", body)
		if w.Code != 200 || w.Body.String() != `{"ok":"send","receivers":2}`+"\n" || f.hit == nil || !reflect.DeepEqual(*f.hit, want) {
			t.Errorf("%s: %d %s, sent %+v; want %+v", body, w.Code, w.Body, f.hit, want)
		}
	}
	for body, says := range map[string]string{
		`{"room":"chat"}`:                       "data or bytes",
		`{"room":"chat","data":1,"bytes":"AA"}`: "data or bytes",
		`{"data":1}`:                            "say room",
		`{"room":"chat","data":1,"colour":1}`:   "colour",
		`{"room":"chat","bytes":"*"}`:           "base64",
		`{"room":1,"data":1}`:                   "room",
		`[]`:                                    "array",
		``:                                      "body",
	} {
		f := new(fakeAPIHouse)
		if w := f.call("POST", "/api/send", "of-owner", body); w.Code != 400 || !strings.Contains(w.Body.String(), says) || f.hit != nil {
			t.Errorf("%s: %d %s; want …%s", body, w.Code, w.Body, says)
		}
	}
}

func TestAPIShowsOneEndpoint(t *testing.T) {
	f := &fakeAPIHouse{result: []map[string]string{{"endpoint": "a.example", "room": "x"}, {"endpoint": "a.example/n", "client": "c"}}}
	for path, want := range map[string]string{
		"a.example":   `{"endpoint":"a.example","room":"x"}`,
		"A.example./": `{"endpoint":"a.example","room":"x"}`,
		"a.example/n": `{"client":"c","endpoint":"a.example/n"}`,
	} {
		if w := f.call("GET", "/api/endpoints/"+path, "of-owner", ""); w.Code != 200 || w.Body.String() != want+"\n" {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := f.call("GET", "/api/endpoints/b.example", "of-owner", ""); w.Code != 404 {
		t.Errorf("another: %d %s", w.Code, w.Body)
	}
}
