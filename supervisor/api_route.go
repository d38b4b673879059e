package supervisor

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/supervisor/book"
)

// apiLevel is who may ask for a route at all; whose things it reaches, the
// route itself judges.
type apiLevel uint8

const (
	apiOwners apiLevel = iota // and admins
	apiAdmins
)

type apiRoute struct {
	method, path string
	who          apiLevel
	limited      bool     // a token that is limited to rooms may, too
	query        []string // keys that it takes
	do           func(*api, *apiCall) apiAnswer
}

// apiRoutes are all there are; the book judges who may do its operations.
var apiRoutes = []apiRoute{
	{method: "POST", path: "/api/send", limited: true, do: (*api).sendMessage},

	{method: "GET", path: "/api/rooms", do: operation("room", "list")},
	{method: "GET", path: "/api/rooms/{name...}", do: operation("room", "show")},
	{method: "PUT", path: "/api/rooms/{name...}", do: operation("room", "add")},
	{method: "PATCH", path: "/api/rooms/{name...}", do: operation("room", "set")},
	{method: "DELETE", path: "/api/rooms/{name...}", do: operation("room", "remove")},

	{method: "GET", path: "/api/clients", who: apiAdmins, do: operation("client", "list")},
	{method: "GET", path: "/api/clients/{name}", do: operation("client", "show")},
	{method: "PUT", path: "/api/clients/{name}", who: apiAdmins, do: operation("client", "add")},
	{method: "PATCH", path: "/api/clients/{name}", do: operation("client", "set")},
	{method: "DELETE", path: "/api/clients/{name}", who: apiAdmins, do: operation("client", "remove")},
	{method: "POST", path: "/api/clients/{name}/password", do: operation("client", "passwd")},
	{method: "POST", path: "/api/clients/{name}/totp", do: operation("client", "totp")},
	{method: "GET", path: "/api/clients/{name}/sockets", do: (*api).listSockets},
	{method: "DELETE", path: "/api/clients/{name}/sockets", do: (*api).closeSockets},

	{method: "GET", path: "/api/endpoints", do: operation("endpoint", "list")},
	{method: "GET", path: "/api/endpoints/{name...}", do: (*api).showEndpoint},
	{method: "PUT", path: "/api/endpoints/{name...}", do: operation("endpoint", "add")},
	{method: "DELETE", path: "/api/endpoints/{name...}", do: operation("endpoint", "remove")},

	{method: "GET", path: "/api/tokens", query: []string{"client"}, do: (*api).listTokens},
	{method: "POST", path: "/api/tokens", do: operation("token", "add")},
	{method: "DELETE", path: "/api/tokens/{name}", do: operation("token", "revoke")},

	{method: "GET", path: "/api/sequences", query: []string{"room", "client"}, do: (*api).listSequences},
	{method: "PATCH", path: "/api/sequences/{name}", who: apiAdmins, do: (*api).moveSequence},
	{method: "DELETE", path: "/api/sequences/{name}", do: (*api).closeSequence},

	{method: "GET", path: "/api/status", who: apiAdmins, do: (*api).showStatus},
}

// takes refuses a query that the route does not know, and repeats none of it:
// it may be a token.
func (r *apiRoute) takes(u *url.URL) *schema.Refusal {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return &schema.Refusal{Code: schema.Malformed, Message: "the query is not well formed"}
	}
	for key, values := range query {
		if slices.Contains(r.query, key) && len(values) == 1 {
			continue
		}
		message := "this path takes no query"
		if len(r.query) > 0 {
			message = "this path takes " + strings.Join(r.query, " and ") + " in its query, each once"
		}
		return &schema.Refusal{Code: schema.Malformed, Message: message}
	}
	return nil
}

// operation is a route that does one of the book's.
func operation(noun, verb string) func(*api, *apiCall) apiAnswer {
	status := http.StatusOK
	if verb == "add" {
		status = http.StatusCreated
	}
	return func(a *api, c *apiCall) apiAnswer {
		return a.operate(c, status, schema.Operation{Noun: noun, Verb: verb, Name: c.name(), Values: c.body})
	}
}

func (a *api) operate(c *apiCall, status int, op schema.Operation) apiAnswer {
	op.By = c.by
	result, refusal, err := a.house.do(c.ctx, op)
	switch {
	case err != nil:
		a.log.Error("admin API: an operation failed", "noun", op.Noun, "verb", op.Verb, "error", err)
		return answerRefused(schema.Unavailable, op.Noun+" "+op.Verb+" failed: the house's log tells why; try again")
	case refusal != nil:
		return answerRefusal(refusal)
	}
	return answered(status, result)
}

func (a *api) listTokens(c *apiCall) apiAnswer {
	op := schema.Operation{Noun: "token", Verb: "list", Name: c.r.URL.Query().Get("client")}
	return a.operate(c, http.StatusOK, op)
}

// showEndpoint finds one in the list, which the book judged.
func (a *api) showEndpoint(c *apiCall) apiAnswer {
	host, name, refusal := book.ParseEndpoint(c.name())
	if refusal != nil {
		return answerRefusal(refusal)
	}
	listed := a.operate(c, http.StatusOK, schema.Operation{Noun: "endpoint", Verb: "list"})
	if listed.status != http.StatusOK {
		return listed
	}
	var all []json.RawMessage
	if err := json.Unmarshal(listed.body, &all); err != nil {
		return answerRefused(schema.Unavailable, "the list of endpoints cannot be read: "+err.Error())
	}
	wanted := host
	if name != "" {
		wanted += "/" + name
	}
	for _, one := range all {
		var e struct{ Endpoint string }
		if json.Unmarshal(one, &e) == nil && e.Endpoint == wanted {
			return answered(http.StatusOK, one)
		}
	}
	return answerRefused(schema.NotFound, "there is no endpoint "+wanted+" of yours")
}

func (a *api) showStatus(*apiCall) apiAnswer {
	status, up := a.house.status()
	if !up {
		return answerRefused(schema.Unavailable, "the house stops")
	}
	return answered(http.StatusOK, status)
}

// Kinds of messages, as schema/format numbers them; it is a wall away.
const (
	kindText uint8 = iota
	kindBytes
	kindValue
)

// apiMessage is the body of POST /api/send.
type apiMessage struct {
	Room  string          `json:"room"`
	Data  json.RawMessage `json:"data"` // a string is text, any other a value
	Bytes *[]byte         `json:"bytes"`
	To    []string        `json:"to"`
	Key   string          `json:"key"`
}

// sendMessage sends as the asker; a puddle judges it like a POST.
func (a *api) sendMessage(c *apiCall) apiAnswer {
	var said apiMessage
	decoder := json.NewDecoder(bytes.NewReader(c.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&said); err != nil {
		return answerRefused(schema.Malformed, "the body must be {room, data or bytes, to, key}: "+strings.TrimPrefix(err.Error(), "json: "))
	}
	hit := ipc.Hit{Room: said.Room, Identity: c.by, To: said.To, Key: said.Key, Address: c.address}
	switch {
	case (said.Data == nil) == (said.Bytes == nil):
		return answerRefused(schema.Malformed, "say data or bytes, one of them")
	case said.Room == "" && len(said.To) == 0:
		return answerRefused(schema.Malformed, "say room, or to for a direct message")
	case said.Bytes != nil:
		hit.Kind, hit.Data = kindBytes, *said.Bytes
	default:
		hit.Kind, hit.Data = messageOf(said.Data)
	}
	status, body := a.house.send(c.ctx, hit)
	return apiAnswer{status: status, body: append(bytes.TrimSuffix(body, []byte("\n")), '\n')}
}

func messageOf(data json.RawMessage) (kind uint8, content []byte) {
	var text string
	if data[0] == '"' && json.Unmarshal(data, &text) == nil {
		return kindText, []byte(text)
	}
	return kindValue, data
}
