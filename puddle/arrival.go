package puddle

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/puddle/room"
	"github.com/porthouse/porthouse/puddle/sequence"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/format"
)

// arrival is a socket between its opening handshake and its 101:
//
//	introduce (who is it?) → register (its sibling's key) → findHome (whose
//	endpoint is it?) → arrive (lobby, room, sibling)
type arrival struct {
	i    uint32
	id   schema.SequenceID
	req  request // of a head that is the arrival's own once it waits
	end  uint64  // the inbound offset behind it
	lead lead
	done bool

	speaks         format.Protocol
	echo           string
	offered        bool
	credential     ipc.Credential
	password, otp  string // of a room
	key            string // opens its sibling, or is a sibling's
	brought, wants bool   // the key: by the client, or asked for
}

// upgrade answers an opening handshake, at once or later.
func (p *Puddle) upgrade(i uint32, req *request) {
	s := &p.table.Sockets[i]
	a := &arrival{i: i, id: s.ID, req: *req, end: s.In + uint64(len(req.head))}
	refused := p.read101(a)
	if a.credential != (ipc.Credential{}) || a.password != "" || a.otp != "" {
		p.overhear(i, "handshake", a.credential.Token != "")
	}
	switch {
	case refused != nil:
		p.turnBack(a, *refused)
		return
	case a.lead.kind == targetHealth, a.lead.kind == targetReady:
		p.plain(i, req, nil)
		return
	}
	p.introduce(a)
	if !a.done {
		a.keep()
		p.busy(i)
		p.schedule(i, p.now+questionTime+2)
	}
}

// read101 takes from the request all that decides about it.
func (p *Puddle) read101(a *arrival) *rejection {
	to, refusal := p.follow(string(a.req.host()), a.req.path)
	if refusal != nil {
		return &rejection{status: 404, Refusal: *refusal}
	}
	a.lead = to
	var refused *rejection
	if a.speaks, a.echo, refused = negotiate(&a.req); refused != nil {
		return refused
	}
	if refused = p.readSecrets(a); refused != nil {
		return refused
	}
	switch {
	case p.stopping:
		stops := reject(503, schema.Unavailable, "the house stops: come back later")
		return &stops
	case to.kind == targetHealth, to.kind == targetReady:
		return nil
	case to.kind != targetRoom && to.kind != targetLobby && to.kind != targetSibling:
		none := rejection{status: 404, Refusal: *notFound("no socket is opened here")}
		return &none
	}
	return nil
}

// readSecrets finds what was offered: of credentials the first decides.
func (p *Puddle) readSecrets(a *arrival) *rejection {
	var query url.Values
	if len(a.req.query) > 0 {
		query, _ = url.ParseQuery(string(a.req.query))
	}
	a.password, a.otp = query.Get("password"), query.Get("otp")
	if refused := readAuthorization(a); refused != nil {
		return refused
	}
	for offers := a.req.list(fieldProtocol); offers.next(); {
		offer := string(offers.element)
		if token, is := strings.CutPrefix(offer, tokenPrefix); is && !a.offered {
			a.offered, a.credential.Token = true, token
		}
		if key, is := strings.CutPrefix(offer, siblingPrefix); is {
			a.key, a.brought = key, true
		}
	}
	if token := query.Get("token"); token != "" && !a.offered {
		a.offered, a.credential.Token = true, token
	}
	if key := query.Get("key"); key != "" && a.lead.kind == targetSibling && !a.brought {
		a.key, a.brought = key, true
	}
	if a.brought && !isSiblingKey(a.key) {
		refused := reject(400, schema.Malformed, "a sibling's key has 22 to 128 characters of base64url")
		return &refused
	}
	for wants := a.req.list(fieldWant); wants.next(); {
		if isName(wants.element, "sibling") && !a.brought {
			var random [16]byte
			rand.Read(random[:])
			a.key, a.wants = base64.RawURLEncoding.EncodeToString(random[:]), true
		}
	}
	return nil
}

// readAuthorization: RFC 6750 section 2.1, RFC 7617. Another scheme is a
// credential that cannot be right.
func readAuthorization(a *arrival) *rejection {
	if !a.req.has(fieldAuthorization) {
		return nil
	}
	a.offered = true
	scheme, value, _ := strings.Cut(string(a.req.value(fieldAuthorization)), " ")
	value = strings.TrimSpace(value)
	switch strings.ToLower(scheme) {
	case "bearer":
		a.credential.Token = value
		return nil
	case "basic":
		decoded, err := base64.StdEncoding.DecodeString(value)
		client, password, ok := strings.Cut(string(decoded), ":")
		if err == nil && ok {
			if !room.AdmitsOrigin(a.req.origin(), a.req.host(), []string{schema.OriginSelf}) {
				return &refusedOrigin
			}
			a.credential.Client, a.credential.Password = client, password
			return nil
		}
	}
	refused := reject(401, schema.Unauthorized, "Authorization is Bearer TOKEN, or Basic with client:password in base64")
	return &refused
}

func isSiblingKey(key string) bool {
	const least, most = 22, 128
	return len(key) >= least && len(key) <= most && !strings.ContainsFunc(key, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	})
}

var refusedOrigin = rejectVerdict(room.Verdict{Why: room.ForeignOrigin})

// keep copies the head, because the answer comes when the bytes are others.
func (a *arrival) keep() {
	head := slices.Clone(a.req.head)
	fresh, _ := guard{headerBytes: len(head)}.judge(head)
	a.req = fresh
}

// introduce finds out who it is.
func (p *Puddle) introduce(a *arrival) {
	if !a.offered || a.lead.kind == targetSibling {
		p.register(a)
		return
	}
	p.ask(ipc.Question{Who: &ipc.AskWho{Credential: a.credential, Address: p.address(a.i)}}, func(reply *ipc.Reply) {
		switch {
		case !p.arriving(a):
		case reply.Refused != nil || reply.Identity == nil:
			refused := rejectWith(reply.Refused)
			refused.after = reply.After
			p.turnBack(a, refused)
		default:
			p.known(a.i, p.stands(a.i), reply.Identity)
			p.register(a)
		}
	})
}

// arriving tells whether an arrival's socket still waits.
func (p *Puddle) arriving(a *arrival) bool {
	s := &p.table.Sockets[a.i]
	return s.ID == a.id && s.State == schema.Handshake && !a.done
}

// register has the key of the socket's sibling noted: the first use wins.
func (p *Puddle) register(a *arrival) {
	if a.key == "" || a.lead.kind == targetSibling {
		p.findHome(a)
		return
	}
	question := ipc.AskRegister{Key: sha256.Sum256([]byte(a.key)), Sequence: a.id}
	p.ask(ipc.Question{Register: &question}, func(reply *ipc.Reply) {
		switch {
		case !p.arriving(a):
		case reply.Refused != nil:
			p.turnBack(a, rejectWith(reply.Refused))
		default:
			p.stands(a.i).key = a.key
			p.table.Sockets[a.i].Flags |= table.FlagKnown // so that its end is told
			p.findHome(a)
		}
	})
}

// findHome finds out whom a client's endpoint admits.
func (p *Puddle) findHome(a *arrival) {
	if a.lead.client == "" || a.lead.kind == targetSibling {
		p.arrive(a, nil)
		return
	}
	p.ask(ipc.Question{Home: &ipc.AskHome{Client: a.lead.client}}, func(reply *ipc.Reply) {
		switch {
		case !p.arriving(a):
		case reply.Refused != nil || reply.Home == nil:
			p.turnBack(a, rejection{status: 404, Refusal: *unknownHost})
		default:
			p.arrive(a, reply.Home.Admits)
		}
	})
}

// arrive takes the socket to where its address leads.
func (p *Puddle) arrive(a *arrival, admits []string) {
	if a.lead.kind == targetSibling {
		p.arriveSibling(a)
		return
	}
	p.settleIn(a, admits)
	lines := []string{}
	if a.wants {
		lines = append(lines, "Porthouse-Sibling: "+a.key)
	}
	if agreed := p.agree(a); agreed != "" {
		lines = append(lines, agreed)
	}
	opened, err := upgrade(nil, a.req.upgradable(), a.echo, a.id, lines...)
	if err != nil {
		p.turnBack(a, reject(400, schema.Malformed, err.Error()))
		return
	}
	p.answers[a.i] = greeting{opened, a.end}
	if a.lead.kind == targetRoom {
		p.arriveInRoom(a, a.lead.room, nil)
		return
	}
	p.arriveInLobby(a)
}

// agree negotiates extensions, and gives the line that the 101 tells them by.
func (p *Puddle) agree(a *arrival) (line string) {
	s := &p.table.Sockets[a.i]
	s.Agreed &= table.Sealed
	if p.settings.DeflateLeast == 0 {
		return ""
	}
	agreed, answer := negotiateDeflate(&a.req)
	if agreed == 0 {
		return ""
	}
	s.Agreed |= agreed
	return "Sec-WebSocket-Extensions: " + answer
}

// settleIn gives the socket its standing, unless it is an anonymous raw one
// at the front door, which needs none.
func (p *Puddle) settleIn(a *arrival, admits []string) {
	if p.standing(a.i) == nil && a.speaks == format.Raw && a.req.origin() == nil && a.lead.client == "" && a.lead.kind == targetRoom {
		return
	}
	st := p.stands(a.i)
	st.speaks, st.spoke = a.speaks, p.now
	if a.req.origin() != nil || a.lead.client != "" {
		st.door = &door{host: string(a.req.host()), origin: slices.Clone(a.req.origin()), client: a.lead.client, admits: admits}
	}
}

func (p *Puddle) arriveInRoom(a *arrival, name string, o *order) {
	i := a.i
	e := &entry{
		i: i, name: name, create: true, surface: room.OnSocket, counts: a.speaks != format.Raw,
		password: a.password, otp: a.otp, given: a.password != "" || a.otp != "",
		asker: func(facts *room.Facts) room.Asker { return p.before(i, facts, room.OnSocket) },
	}
	e.ended = func(refused *rejection) { p.arrivalEnded(a, e, refused) }
	e.opened = func() { p.opened101(a) }
	p.seek(e)
}

// arrivalEnded is how an entry by an address ends, before the 101 or after it.
func (p *Puddle) arrivalEnded(a *arrival, e *entry, refused *rejection) {
	switch {
	case refused == nil:
		p.opened101(a)
	case p.arriving(a):
		p.turnBack(a, *refused)
	case p.table.Sockets[a.i].ID == a.id && e.over:
		p.happen(a.i, violated(refused.closeCode(), string(closeReasonOf(&refused.Refusal))))
	}
}

// arriveInLobby: at a root address nothing is said unasked.
func (p *Puddle) arriveInLobby(a *arrival) {
	st := p.stands(a.i)
	who := p.identity(a.i)
	switch {
	case !room.AdmitsOrigin(a.req.origin(), a.req.host(), p.lobbyOrigins()):
		p.turnBack(a, refusedOrigin)
		return
	case st.who != nil && !admitsAt(st.door, &who):
		p.turnBack(a, reject(403, schema.Denied, "this endpoint does not take you: ask its client, or use the primary address"))
		return
	case st.door.client != "" && st.door.client == who.Client:
		p.arriveInRoom(a, who.Client+"/home", nil)
		return
	}
	p.happen(a.i, p.landing(a.i))
	p.opened101(a)
}

// lobbyOrigins are the pages that may speak to a lobby, which has no rules of
// its own: those of the house.
func (p *Puddle) lobbyOrigins() []string {
	if len(p.house.Origins) > 0 {
		return p.house.Origins
	}
	return []string{schema.OriginSelf}
}

// opened101 ends an arrival well.
func (p *Puddle) opened101(a *arrival) {
	a.done = true
	if p.table.Sockets[a.i].ID == a.id {
		p.unbusy(a.i)
	}
}

// turnBack ends an arrival with a refusal.
func (p *Puddle) turnBack(a *arrival, refused rejection) {
	a.done = true
	p.table.Add(table.RefusedRow(refused.counts()), 1)
	var reply []byte
	if refused.Message == refusedOrigin.Message {
		reply = refused.answer().append(nil) // a foreign page hears no more
	} else {
		reply = turnAway(nil, &a.req, a.id, refused)
	}
	delete(p.answers, a.i)
	p.ownAfter(a.i, reply, schema.Handshake, a.end, a.end)
	p.happen(a.i, input{event: sequence.Answered})
	p.schedule(a.i, p.after(p.settings.CloseTime))
}
