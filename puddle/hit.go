package puddle

import (
	"encoding/base64"
	"net/netip"
	"slices"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/puddle/driver"
	"github.com/porthouse/porthouse/puddle/room"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/format"
)

// A single hit is a message without a socket: a POST, the admin API, the
// command line. It takes the way of an entry, says its message where a socket
// would be seated, and is gone.

// openDesk lets plain HTTP be answered beside the loop.
func (p *Puddle) openDesk() {
	p.desk = newDesk(deskLimits{headBytes: p.settings.HeaderBytes, bodyMost: p.settings.PostBytes, plain: true, page: p.settings.Page}, p.box.putHit)
	if p.settings.AddressSockets > 0 || p.settings.AddressPace.Limits() {
		p.desk.left = func(address netip.AddrPort) { p.box.call(func() { p.fromDesk(address) }) }
	}
}

// visitor is who hits.
type visitor struct {
	surface  room.Surface
	who      schema.Identity
	address  string
	host     string
	origin   []byte
	password string
	otp      string
	room     string // "": direct
	message  format.Message
	file     string // that the message is, by its name
	to       []string
	key      string
	wraps    bool     // bytes that are the answer go into JSON
	admits   []string // origins, as far as it is known whom it asks
	done     func(hitAnswer)
}

// answer says the answer, which the pages of admitted origins may read.
func (v *visitor) answer(a hitAnswer) {
	a.allowOrigin = v.origin != nil && room.AdmitsOrigin(v.origin, []byte(v.host), v.admits)
	v.done(a)
}

func (v *visitor) refuse(refused rejection) {
	v.answer(hitAnswer{status: refused.status, json: refused.JSON(), retryAfter: refused.after})
}

func (v *visitor) asker() ipc.Asker {
	return ipc.Asker{Client: v.who.Client, Owner: v.who.Owner, Primary: v.who.Primary, Admin: v.who.Admin, Rooms: v.who.Rooms}
}

// onHit takes a request of the desk.
func (p *Puddle) onHit(h *hit) {
	to, refusal := p.follow(h.host, []byte(h.path))
	if h.browser && refusal == nil && to.showsPage() { // also by who is frozen
		h.done(hitAnswer{shows: true})
		return
	}
	if h.clear && (h.offered || h.password != "" || h.otp != "") {
		p.tellOverheard(h.address.Addr().Unmap(), h.method, h.credential.Token != "")
	}
	if p.frozen {
		p.passOn(h)
		return
	}
	if p.standsStill() {
		p.delayed.hits = append(p.delayed.hits, h)
		return
	}
	v := &visitor{
		surface: room.OnPost, address: h.address.Addr().Unmap().String(), host: h.host, origin: h.origin,
		password: h.password, otp: h.otp, room: to.room, message: h.message, file: h.file, to: h.to, key: h.key, wraps: h.wraps,
		admits: p.lobbyOrigins(), done: h.done,
	}
	then := p.hitRoom
	switch {
	case h.kind == hitHost:
		p.answerHost(h)
		return
	case refusal != nil:
		v.refuse(rejection{status: 404, Refusal: *refusal})
		return
	case h.kind == hitPlain:
		v.done(p.plainly(h, to))
		return
	case h.kind == hitCORS:
		p.preflight(v)
		return
	case h.kind == hitSend && to.kind != targetRoom:
		v.refuse(reject(405, schema.Unknown, "a message is posted to a room: POST /chat"))
		return
	case h.basic && !room.AdmitsOrigin(h.origin, []byte(h.host), []string{schema.OriginSelf}):
		v.refuse(refusedOrigin)
		return
	case h.kind == hitSpaces:
		then = p.hitSpaces
	}
	if !h.offered {
		then(v)
		return
	}
	p.ask(ipc.Question{Who: &ipc.AskWho{Credential: h.credential, Address: v.address}}, func(reply *ipc.Reply) {
		if reply.Refused != nil || reply.Identity == nil {
			refused := rejectWith(reply.Refused)
			refused.after = reply.After
			v.refuse(refused)
			return
		}
		v.who = *reply.Identity
		then(v)
	})
}

// plainly answers what the loop answers by itself where it has the connection.
func (p *Puddle) plainly(h *hit, to lead) hitAnswer {
	ready := p.table.HouseNow() == table.Up && !p.stopping
	req := request{method: []byte(h.method), path: []byte(h.path)}
	req.values[fieldHost] = []byte(h.host)
	a := to.answer(&req, ready)
	return hitAnswer{status: a.status, json: a.body, text: a.text}
}

// answerHost tells a proxy whether a domain leads somewhere here, so that it
// may get a certificate for it.
func (p *Puddle) answerHost(h *hit) {
	domain := queryValue(h.query, "domain")
	to, refusal := p.follow(domain, []byte("/"))
	if _, _, ok := schema.SplitHost(domain); !ok || refusal != nil && len(p.endpoints[plainHost(domain)]) == 0 {
		h.done(answerWith(rejection{status: 404, Refusal: *unknownHost}))
		return
	}
	known := func() { h.done(hitAnswer{status: 200, json: ok("host").text("host", plainHost(domain)).end()}) }
	if to.client == "" {
		known()
		return
	}
	p.ask(ipc.Question{Home: &ipc.AskHome{Client: to.client}}, func(reply *ipc.Reply) {
		if reply.Refused != nil {
			h.done(answerWith(rejection{status: 404, Refusal: *unknownHost}))
			return
		}
		known()
	})
}

func (p *Puddle) hitSpaces(v *visitor) {
	p.ask(ipc.Question{Spaces: &ipc.AskSpaces{Asker: v.asker()}}, func(reply *ipc.Reply) {
		if reply.Refused != nil {
			v.refuse(rejectWith(reply.Refused))
			return
		}
		v.answer(hitAnswer{status: 200, json: ok("spaces").json("rooms", reply.JSON).end()})
	})
}

// preflight tells a browser whether its page may post to the room at all
// (Fetch, CORS-preflight). A room that is not there admits whom the house does.
func (p *Puddle) preflight(v *visitor) {
	if v.room == "" {
		v.answer(hitAnswer{status: 204})
		return
	}
	p.ask(ipc.Question{Look: &ipc.AskLook{Room: v.room}}, func(reply *ipc.Reply) {
		if reply.Room != nil {
			facts := p.factsOf(reply.Room)
			v.admits = facts.Rules.Origins
		}
		v.answer(hitAnswer{status: 204})
	})
}

// hitRoom takes a visitor to its room.
func (p *Puddle) hitRoom(v *visitor) {
	e := &entry{
		i: table.NoSocket, name: v.room, surface: v.surface, create: true, password: v.password, otp: v.otp,
		given: v.password != "" || v.otp != "", address: v.address, as: v.asker(),
		asker: func(facts *room.Facts) room.Asker { return v.before(facts) },
	}
	e.ended = func(refused *rejection) {
		if refused != nil {
			v.refuse(*refused)
			return
		}
		p.hitClaim(v, e)
	}
	p.seek(e)
}

func (v *visitor) before(facts *room.Facts) room.Asker {
	v.admits = facts.Rules.Origins
	return room.Asker{
		Surface: v.surface, Client: v.who.Client, Admin: v.who.Admin, Scope: v.who.Rooms.Of(facts.Name),
		Owner: rules(facts, v.who.Client, 0), Origin: v.origin, Host: []byte(v.host),
	}
}

// hitClaim sends what has no key, or one that was not used lately.
func (p *Puddle) hitClaim(v *visitor, e *entry) {
	r := &receipt{messageID: p.messageID()}
	r.done = func(receivers int) {
		v.answer(hitAnswer{status: 200, json: sent(r.messageID, receivers).end()})
	}
	if v.key == "" {
		p.hitSend(v, e.r, r)
		return
	}
	sender := v.who.Client
	if sender == "" {
		sender = v.address
	}
	p.rooms[e.r].Visitors++ // while it asks
	p.ask(ipc.Question{Claim: &ipc.AskClaim{Sender: sender, Key: v.key, ID: r.messageID}}, func(reply *ipc.Reply) {
		switch {
		case reply.Refused != nil || reply.Claim == nil:
			v.refuse(rejectWith(reply.Refused))
		case !reply.Claim.First:
			v.answer(hitAnswer{status: 200, json: sent(reply.Claim.ID, reply.Claim.Receivers).end()})
		default:
			r.claim = &ipc.Claimed{Sender: sender, Key: v.key}
			p.hitSend(v, e.r, r)
		}
		p.rooms[e.r].Visitors--
		p.closeIfEmpty(e.r)
	})
}

func (p *Puddle) hitSend(v *visitor, n uint32, r *receipt) {
	facts := &p.rooms[n].Facts
	asker := v.before(facts)
	refuse := func(refused rejection) { p.unclaim(r, func() { v.refuse(refused) }) }
	if verdict := room.MaySend(&facts.Rules, &asker); !verdict.Granted() {
		refuse(rejectVerdict(verdict))
		return
	}
	one := &parcel{from: table.NoSocket, who: v.who, message: v.message, to: v.to, receipt: r}
	if p.withDriver(n) {
		one.file, one.answer = v.file, func(a *driver.Answer) { p.hitAnswered(v, r, a) }
	} else if !p.roomInLog([]uint32{n}, len(v.message.Data)) {
		refuse(rejectWith(notNow))
		return
	}
	if refused, _ := p.deliverTo(one, n); refused != nil {
		refuse(rejectWith(refused))
	}
}

// wrappedMost is how many bytes go into a JSON answer.
const wrappedMost = 4 << 20

// hitAnswered tells what a room's driver answers: a receipt with its answer in
// it, or the bytes themselves.
func (p *Puddle) hitAnswered(v *visitor, r *receipt, a *driver.Answer) {
	switch {
	case a.Refused != nil:
		refused := rejectWith(a.Refused)
		p.unclaim(r, func() { v.refuse(refused) })
		return
	case len(a.Bytes) > wrappedMost && v.wraps:
		v.refuse(rejectWith(&schema.Refusal{Code: schema.TooLarge, Message: "the file is too large for this answer: GET it over a WebSocket or by POST"}))
		return
	}
	if !p.frozen {
		p.noteClaim(r)
	}
	text := sent(r.messageID, 1)
	switch {
	case a.Bytes == nil:
		text = text.json("answer", a.JSON)
	case v.wraps:
		text = text.json("answer", says(`{"ok":"get"`).text("bytes", base64.StdEncoding.EncodeToString(a.Bytes)).end())
	default:
		v.answer(hitAnswer{status: 200, json: slices.Clone(a.Bytes), bytes: true})
		return
	}
	v.answer(hitAnswer{status: 200, json: text.end()})
}

// onAPIHit takes a message of the admin API or the command line.
func (p *Puddle) onAPIHit(h *ipc.Hit) {
	id := h.ID
	if h.Post != nil {
		p.onPost(h)
		return
	}
	v := &visitor{
		surface: room.OnAPI, who: h.Identity, address: h.Address, room: h.Room,
		message: format.Message{Kind: format.Kind(h.Kind), Data: h.Data}, to: slices.Clone(h.To), key: h.Key, wraps: true,
		done: func(a hitAnswer) {
			p.say(ipc.FromPuddle{HitDone: &ipc.HitDone{ID: id, Status: a.status, JSON: a.json}})
		},
	}
	if h.Room != "" {
		p.hitRoom(v)
		return
	}
	r := &receipt{messageID: p.messageID()}
	r.done = func(receivers int) { v.answer(hitAnswer{status: 200, json: sent(r.messageID, receivers).end()}) }
	if refused := p.direct(&parcel{from: table.NoSocket, who: v.who, message: v.message, to: v.to, receipt: r}); refused != nil {
		v.refuse(rejectWith(refused))
	}
}

// onPost takes a message that another puddle has read, and was replaced.
func (p *Puddle) onPost(h *ipc.Hit) {
	id, post := h.ID, h.Post
	read := &hit{
		kind: hitSend, method: "POST", host: post.Host, path: post.Path, basic: post.Basic, offered: post.Offered,
		credential: post.Credential, password: post.Password, otp: post.OTP, to: h.To, key: h.Key,
		message: format.Message{Kind: format.Kind(h.Kind), Data: h.Data}, file: post.File, wraps: true,
		done: func(a hitAnswer) {
			p.say(ipc.FromPuddle{HitDone: &ipc.HitDone{ID: id, Status: a.status, JSON: a.json, After: a.retryAfter, AllowOrigin: a.allowOrigin}})
		},
	}
	if post.Page {
		read.origin = append([]byte{}, post.Origin...)
	}
	if address, err := netip.ParseAddr(h.Address); err == nil {
		read.address = netip.AddrPortFrom(address, post.Port)
	}
	p.onHit(read)
}

// answerWith is a refusal as the desk answers it.
func answerWith(refused rejection) hitAnswer {
	return hitAnswer{status: refused.status, json: refused.JSON(), retryAfter: refused.after}
}
