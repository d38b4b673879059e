// The JavaScript client of Porthouse: rooms over one WebSocket. It runs in
// browsers and in Node 20 and later, and depends on nothing. docs/javascript.md
// is its guide, schema/wire.md what it speaks.

/** What an option is where nobody said otherwise; times in milliseconds. */
export const defaults = Object.freeze({
  pauseLeast: 500,     // before it connects again: random, at most this at first
  pauseMost: 20_000,   // and at most this later
  heartbeat: 25_000,   // of silence until it asks whether the house is there
  timeout: 30_000,     // for a reply, and for a socket to open
  patience: 60_000,    // for a receipt; less than the 2 minutes that a house remembers a key
  buffer: 1 << 20,     // bytes in the socket's own buffer; beyond it sends wait
  waiting: 4096,       // sends that wait; one more is refused
  inbox: 10_000,       // messages that wait for a loop that reads slowly
  early: 256,          // messages that wait until somebody first listens
})

const again = new Set([1001, 1006, 1011, 1012, 1013, 4413, 4429, 4503]) // and 4401 once
const closings = {
  1000: "closed", 1009: "too-large", 4400: "malformed", 4401: "unauthorized", 4403: "denied", 4404: "not-found",
  4408: "unauthorized", 4409: "denied", 4410: "gone", 4413: "full", 4429: "rate",
}
const later = new Set(["full", "rate", "unavailable"]) // a room that refuses so is asked again
const harmless = new Set(["who", "spaces", "whoami", "ping", "help"]) // to be said twice

/** What was refused or failed. `code` is the house's error code, or one of
 * `closed` (by this side), `gone` (the room), `lost` (it may or may not have
 * been done: the connection was lost and the answer with it). */
export class PorthouseError extends Error {
  constructor(code, message, more) {
    super(message || code)
    this.name = "PorthouseError"
    this.code = code
    Object.assign(this, more)
  }
}

function closeError(code, reason) {
  try {
    const said = JSON.parse(reason)
    if (said.error) return new PorthouseError(said.error, said.message, { closeCode: code })
  } catch {}
  return new PorthouseError(closings[code] ?? (again.has(code) ? "unavailable" : "malformed"),
    reason || `the connection was closed with ${code}`, { closeCode: code })
}

// ---- envelopes and bytes

const isBytes = data => data instanceof ArrayBuffer || ArrayBuffer.isView(data)
const toBytes = data => data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength)

function toBase64(bytes) {
  let text = ""
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000))
  return btoa(text)
}

/** Envelopes as JSON: `bytes` is base64 on the wire. */
export const json = {
  protocol: "porthouse.v1.json",
  encode({ data, ...rest }) {
    return JSON.stringify(data === undefined ? rest : isBytes(data) ? { ...rest, bytes: toBase64(toBytes(data)) } : { ...rest, data })
  },
  decode(frame) {
    const { bytes, ...envelope } = JSON.parse(frame)
    if (bytes !== undefined) envelope.data = Uint8Array.from(atob(bytes), c => c.charCodeAt(0))
    return envelope
  },
}

/** Envelopes as msgpack, by a library that encodes and decodes it. */
export function msgpack({ encode, decode }) {
  return {
    protocol: "porthouse.v1.msgpack",
    encode(envelope) {
      const said = Object.fromEntries(Object.entries(envelope).filter(([, value]) => value !== undefined))
      if (isBytes(said.data)) said.data = toBytes(said.data)
      return encode(said)
    },
    decode: frame => decode(new Uint8Array(frame)),
  }
}

async function codecOf({ protocol = "json", codec }) {
  if (codec) return codec
  if (protocol === "json") return json
  if (protocol !== "msgpack") throw new PorthouseError("malformed", `protocol: "json" or "msgpack", not ${protocol}`)
  try {
    return msgpack(await import("@msgpack/msgpack"))
  } catch (cause) {
    throw new PorthouseError("malformed", "protocol msgpack needs the package @msgpack/msgpack, or a codec", { cause })
  }
}

// ---- who listens

/** What House, Room and Pipe share: listeners, and a loop over messages. */
class Ear {
  #listeners = new Map()
  #readers = new Set()
  #early = []          // null once somebody has listened
  #end                 // { error } once it is over
  _limits = defaults

  /** Calls listener at each event; the function that it returns ends that. */
  on(event, listener) {
    if (!this.#listeners.has(event)) this.#listeners.set(event, new Set())
    this.#listeners.get(event).add(listener)
    if (event === "message") queueMicrotask(() => this.#begin())
    return () => this.off(event, listener)
  }

  off(event, listener) { this.#listeners.get(event)?.delete(listener) }

  _emit(event, what) {
    for (const listener of [...this.#listeners.get(event) ?? []]) {
      try {
        listener(what)
      } catch (error) { // the program's own, and not to stop what is read here
        queueMicrotask(() => { throw error })
      }
    }
  }

  #begin() {
    const early = this.#early ?? []
    this.#early = null
    early.forEach(message => this._message(message))
  }

  _message(message) {
    if (this.#early) {
      if (this.#early.push(message) > this._limits.early) this.#early.shift()
      return
    }
    this._emit("message", message)
    for (const reader of this.#readers) reader.take(message)
  }

  /** The end: loops see what they were sent, then the error if there is one. */
  _finish(error) {
    if (this.#end) return false
    this.#end = { error }
    for (const reader of this.#readers) reader.end(error)
    return true
  }

  [Symbol.asyncIterator]() {
    const queue = [], waits = [], limit = this._limits.inbox
    let over = this.#end
    const settle = () => {
      while (waits.length && (queue.length || over)) {
        const { resolve, reject } = waits.shift()
        if (queue.length) resolve({ value: queue.shift(), done: false })
        else if (over.error) { reject(over.error); over = {} }
        else resolve({ value: undefined, done: true })
      }
    }
    const reader = {
      take: message => {
        queue.push(message)
        if (queue.length > limit) reader.end(new PorthouseError("full", `more than ${limit} messages wait to be read: read faster, or raise inbox`))
        settle()
      },
      end: error => { over ??= { error }; this.#readers.delete(reader); settle() },
    }
    if (this.#early) queue.push(...this.#early.splice(0))
    this.#early = null
    if (!over) this.#readers.add(reader)
    return {
      next: () => new Promise((resolve, reject) => { waits.push({ resolve, reject }); settle() }),
      return: async () => { queue.length = 0; reader.end(); return { value: undefined, done: true } },
      [Symbol.asyncIterator]() { return this },
    }
  }
}

// ---- one WebSocket after the other

const refusals = { 400: 4400, 401: 4401, 403: 4403, 404: 4404, 429: 4429, 503: 4503 } // a handshake's, by HTTP

/** A connection that comes back, and what waits to be sent over it. */
class Line extends Ear {
  #url
  #ws = null
  #opened = false
  #heardAt = Date.now() // or when it began to open
  #askedAt = 0          // whether it lives; 0: it was heard since
  #upAt = 0
  #tries = 0
  #freshened = false    // it has had its try with a fresh token
  #again
  #clock
  #thaw
  _over = null          // why it ended for good
  _ready = false        // frames may be written
  _sends = new Map()    // all that nobody knows the fate of
  _queue = new Set()    // those not written to this socket, in the order of their numbers
  _numbers = 0

  constructor(url, options) {
    super()
    this._options = options
    this._limits = { ...defaults }
    for (const name in defaults) if (options[name] !== undefined) this._limits[name] = options[name]
    this.#url = new URL(url, globalThis.location?.href)
    this.#url.protocol = this.#url.protocol.replace(/^http/, "ws")
    this.#clock = setInterval(() => this.#tick(Date.now()), 1000)
    queueMicrotask(() => this.#connect(false))
  }

  /** Bytes that the socket has taken and not sent yet. */
  get bufferedAmount() { return this.#ws?.bufferedAmount ?? 0 }

  async #connect(fresh) {
    let protocol, token
    try {
      protocol = await this._protocol()
    } catch (error) {
      return this._stop(error)
    }
    try {
      token = await valueOf(this._options.token, { fresh })
    } catch (cause) {
      return this.#lost(1006, new PorthouseError("unauthorized", `no token to be had: ${cause?.message ?? cause}`, { cause }))
    }
    if (this._over) return
    const Socket = this._options.WebSocket ?? globalThis.WebSocket
    if (!Socket) return this._stop(new PorthouseError("unavailable", "there is no WebSocket here: give one as the option WebSocket, such as the package ws"))
    let ws
    try {
      ws = new Socket(this.#url.href, token ? [protocol, `porthouse.token.${token}`] : [protocol])
    } catch (cause) {
      return this._stop(new PorthouseError("malformed", `no WebSocket to ${this.#url.host}: ${cause.message}`, { cause }))
    }
    this.#ws = ws
    this.#opened = false
    this.#heardAt = Date.now()
    const closed = (code, reason) => { if (this.#ws === ws) this.#lost(code, closeError(code, reason)) }
    ws.binaryType = "arraybuffer"
    ws.onopen = () => {
      if (this.#ws !== ws) return
      this.#opened = true
      this._opened()
    }
    ws.onmessage = ({ data }) => {
      if (this.#ws !== ws) return
      this.#heardAt = Date.now()
      this.#askedAt = 0
      this._heard(data)
    }
    ws.onerror = () => {} // the close tells more
    ws.onclose = async ({ code, reason }) => {
      const dark = !this.#opened && code === 1006 && !globalThis.location
      closed(dark && this.#ws === ws ? await this.#probe(token) : code, reason)
    }
    ws.on?.("unexpected-response", (request, response) => { // the package ws tells what HTTP said
      let body = ""
      response.on("data", piece => { body += piece })
      response.on("close", () => {
        closed(refusals[response.statusCode] ?? 1006, body)
        request.destroy()
      })
    })
  }

  /** Without an Origin a handshake is refused by HTTP, which a WebSocket does
   * not show. Asks the house whether it is the token. */
  async #probe(token) {
    const headers = token ? { Authorization: `Bearer ${token}` } : {}
    try {
      const { status } = await fetch(new URL("/-/spaces", this.#url.href.replace(/^ws/, "http")), { headers, signal: AbortSignal.timeout(this._limits.timeout) })
      return status === 401 || status === 404 ? refusals[status] : 1006
    } catch {
      return 1006
    }
  }

  #lost(code, error) {
    if (this._over) return
    const since = new Date(this.#heardAt)
    this.#drop()
    if (this.#upAt && Date.now() - this.#upAt > 10_000) this.#tries = 0
    this.#upAt = 0
    const fresh = code === 4401 && !this.#freshened && typeof this._options.token === "function"
    if (!fresh && !again.has(code)) return this._stop(error)
    this.#freshened ||= fresh
    this._ready = false
    this._down(error, since)
    const { pauseLeast, pauseMost } = this._limits
    const pause = Math.random() * Math.min(pauseMost, pauseLeast * 2 ** this.#tries++)
    this.#again = setTimeout(() => this.#connect(fresh), pause)
    this._emit("disconnect", { error, pause })
  }

  /** Lets go of the socket; nothing of it is heard any more. */
  #drop(code) {
    const ws = this.#ws
    this.#ws = null
    this.#askedAt = 0
    if (code === undefined && ws?.terminate) ws.terminate()
    else ws?.close(code)
  }

  /** The house takes us; what has waited goes out. */
  _up() {
    this.#upAt = Date.now()
    this.#freshened = false
    this._ready = true
    this._pump()
  }

  _write(frame) { this.#ws?.send(frame) }

  _break() { if (this.#ws) this.#lost(1006, closeError(1006)) }

  _stop(error) {
    if (this._over) return
    this._over = error
    this._ready = false
    clearInterval(this.#clock)
    clearTimeout(this.#again)
    clearTimeout(this.#thaw)
    this.#drop(1000)
    this._down(error, new Date(this.#heardAt))
    for (const item of this._sends.values()) this._fail(item, item.written ? unknown(error) : error)
    this._finish(error.code === "closed" ? undefined : error)
    this._emit("close", error)
  }

  /** Ends it for good. What was not sent is refused with `closed`. */
  close() { this._stop(new PorthouseError("closed", "closed by this side")) }

  /** Sends when it may; the promise is what becomes of it. */
  _push(item) {
    return new Promise((resolve, reject) => {
      const { waiting } = this._limits
      if (this._over) throw this._over
      if (this._sends.size >= waiting) throw new PorthouseError("full", `${waiting} messages wait already: wait for their receipts`)
      Object.assign(item, { number: ++this._numbers, at: Date.now(), written: false, resolve, reject })
      if (this._encodes) item.frame = this._encode(item)
      this._sends.set(item.number, item)
      this._queue.add(item)
      this._pump()
    })
  }

  /** Writes what may be written, in order, while the socket takes it. */
  _pump() {
    clearTimeout(this.#thaw)
    if (!this._ready) return
    for (const item of this._queue) {
      if (item.room && !item.room._in) continue
      if (this.bufferedAmount > this._limits.buffer) {
        this.#thaw = setTimeout(() => this._pump(), 20)
        return
      }
      try {
        item.frame ??= this._encode(item)
      } catch (error) {
        this._fail(item, error)
        continue
      }
      this._queue.delete(item)
      this._write(item.frame)
      item.written = true
      if (!item.receipt) this._settle(item)?.resolve()
    }
  }

  _settle(item) {
    if (!item) return
    this._queue.delete(item)
    this._sends.delete(item.number)
    return item
  }

  _fail(item, error) { this._settle(item).reject(error) }

  #tick(now) {
    const { heartbeat, timeout, patience } = this._limits
    const asked = this.#opened ? this.#askedAt : this.#heardAt
    if (this.#ws && asked && now - asked > timeout) return this._break()
    if (this._ready && !this.#askedAt && now - this.#heardAt > heartbeat && this._ask()) this.#askedAt = now
    for (const item of this._sends.values()) {
      if (now - item.at > patience) this._fail(item, item.written ? unknown() : new PorthouseError("unavailable", "it could not be sent in time"))
    }
    this._expire(now - timeout)
  }

  _ask() { return false }
  _expire() {}
}

const unknown = cause => new PorthouseError("lost", "the connection was lost before the answer: it may or may not have been done", cause && { cause })

const valueOf = (value, ...hint) => typeof value === "function" ? value(...hint) : value

// ---- a house

/** A connection to a house: its rooms, its commands, direct messages. */
class House extends Line {
  #codec
  #rooms = new Map()   // by full name
  #orders = new Map()  // ref → a command that waits for its reply
  #held = []           // commands for when the house hears them
  #asking = 0          // questions of rooms, not yet answered
  #joins = Promise.resolve()
  #homes = []          // who waits for the room that the address leads to
  #memory              // names the house's memory of keys
  #key = Array.from(crypto.getRandomValues(new Uint8Array(12)), b => b.toString(36)).join("")
  #gap = null          // when the house was last heard, until it is back
  #settle

  constructor(url, options) {
    super(url, options)
    /** Is there once the house has said who this is, or will not have it. */
    this.ready = new Promise((resolve, reject) => { this.#settle = { resolve, reject } })
    this.ready.catch(() => {})
  }

  /** The rooms that it is in. */
  get rooms() { return [...this.#rooms.values()] }

  async _protocol() { return (this.#codec ??= await codecOf(this._options)).protocol }

  async _opened() {
    try {
      const { client, password, otp } = this._options
      if (client) await this.#now({ do: "auth", client, password, otp: await valueOf(otp) })
      const who = await this.#now({ do: "whoami" })
      this.client = who.client // null: anonymous
      this.sequence = who.sequence
      this._encodes = true
      this.#restore(who)
    } catch (error) {
      if (this._over || error.code === "lost") return
      if (later.has(error.code)) this._break()
      else this._stop(error)
    }
  }

  /** Back to where it was: its rooms, then what waited, in the order in which
   * it was said. What was written before is said again only where the house
   * knows its key. */
  #restore(who) {
    const knows = this.client && who.house && who.house === this.#memory
    this.#memory = who.house
    for (const item of this._sends.values()) {
      if (!item.written) continue
      const sure = knows && item.key && item.client === this.client && !item.room?._left
      if (!sure || Date.now() - item.at > this._limits.patience) this._fail(item, unknown())
      else item.retried = true
    }
    this._queue = new Set(this._sends.values())
    for (const room of this.#rooms.values()) if (!room._in) this.#rejoin(room)
    const since = this.#gap
    this.#gap = null
    this._up()
    this.#release()
    this.#settle.resolve(who)
    if (since) this._emit("reconnect", { missed: true, since })
    else this._emit("open", who)
  }

  _down(error, since) {
    if (this.#memory !== undefined || this.client !== undefined) this.#gap ??= since
    this.#asking = 0
    for (const room of this.#rooms.values()) {
      if (room._in) room._gap ??= since
      room._in = false
    }
    const orders = [...this.#orders.values()]
    this.#orders.clear()
    for (const order of orders) {
      if (order.now || order.rejoins) order.done(unknown(error))
      else if (order.join || harmless.has(order.envelope.do)) this.#held.push(order)
      else order.done(unknown(error))
    }
    for (const item of this._sends.values()) if (item.written && !(item.key && item.client)) this._fail(item, unknown(error))
    if (!this._over) return
    for (const order of this.#held.splice(0)) order.done(error)
    for (const home of this.#homes.splice(0)) home.reject(error)
    for (const room of this.#rooms.values()) this.#end(room, error)
    this.#settle.reject(error)
  }

  // -- what is heard

  _heard(frame) {
    const said = this.#codec.decode(frame)
    const room = this.#rooms.get(said.room)
    if ("data" in said) return said.room === undefined ? this._message(said) : room?._message(said)
    if (said.event) return this.#event(said, room)
    const order = this.#orders.get(said.ref)
    this.#orders.delete(said.ref)
    const error = said.error && new PorthouseError(said.error, said.message, { do: said.do })
    if (order) this.#replied(order, said, error)
    else if (said.ok === "send" || said.do === "send" && said.ref) this.#receipt(this._settle(this._sends.get(parseInt(said.ref, 36))), said, error)
    else if (error) this._emit("error", error)
    else if (said.ref && said.ok === "join") this.#order({ envelope: { do: "leave", room: "/" + said.room }, done() {} }) // nobody waited so long
    else if (said.ok === "join") this.#admit(said)
    else if (said.ask) this.#question({ secrets: {}, done: error => error && this._emit("error", error) }, said)
  }

  #receipt(item, { id, receivers }, error) {
    if (!error) item?.resolve({ id, receivers })
    else item?.reject(item.retried ? unknown(error) : error)
  }

  #replied(order, said, error) {
    if (said.ask && order.join) return this.#question(order, said)
    if (error?.code === "denied" && this.#asking && !order.now && !order.redone) { // not before the question is answered
      order.redone = true
      return this.#order(order)
    }
    if (!error && (said.ok === "join" || said.ok === "new room")) {
      const left = order.rejoins?._left
      if (left) this.#order({ envelope: { do: "leave", room: order.rejoins._said }, done() {} })
      else order.room = this.#admit(said, order)
    }
    order.done(error, said)
  }

  #event(said, room) {
    if (said.event === "expiring") this.#renew()
    if (said.event === "out" && room) {
      this.#end(room, new PorthouseError(said.code, `put out of ${room.name}`))
    }
    room?._emit(said.event, said)
    this._emit(said.event, said)
  }

  async #renew() {
    if (typeof this._options.token !== "function") return
    try {
      await this.#now({ do: "auth", token: await this._options.token({ fresh: true }) })
    } catch (error) {
      if (!this._over) this._emit("error", error)
    }
  }

  // -- what is said

  /** Says a command as soon as the house hears it; done(error, reply) follows. */
  #order(order) {
    if (this._over) return order.done(this._over)
    order.at ??= Date.now()
    if (!order.now && (!this._ready || this.#asking)) return this.#held.push(order)
    const ref = (++this._numbers).toString(36)
    this.#orders.set(ref, order)
    this._write(this.#codec.encode({ ...order.envelope, ref }))
  }

  #release() { for (const order of this.#held.splice(0)) this.#order(order) }

  #promise(order) {
    return new Promise((resolve, reject) => this.#order({ ...order, done: (error, reply) => error ? reject(error) : resolve(reply) }))
  }

  /** Says it though others wait. */
  #now(envelope, more) { return this.#promise({ envelope, now: true, ...more }) }

  /** Any command as an envelope; the reply. */
  command(envelope) { return this.#promise({ envelope }) }

  _ask() {
    this.#now({ do: "ping" }).catch(() => {})
    return true
  }

  _expire(before) {
    const late = order => order.at < before
    for (const [ref, order] of this.#orders) {
      if (!late(order)) continue
      this.#orders.delete(ref)
      order.done(new PorthouseError(order.join || order.now || harmless.has(order.envelope.do) ? "unavailable" : "lost", "the house did not answer in time"))
    }
    for (const order of this.#held.filter(late)) {
      this.#held.splice(this.#held.indexOf(order), 1)
      order.done(new PorthouseError("unavailable", "the house was not there in time"))
    }
  }

  _encode(item) {
    if (item.data === undefined) throw new PorthouseError("malformed", "nothing to send")
    item.client = this.client
    if (item.key === undefined && this._options.retry && item.receipt && item.client) item.key = `${this.#key}.${item.number.toString(36)}`
    return this.#codec.encode({
      room: item.room?._said, data: item.data, to: item.to,
      ref: item.receipt ? item.number.toString(36) : undefined, key: item.key || undefined,
    })
  }

  /** Sends directly to the clients or sequences in `to`; the receipt. */
  send(data, options) { return this._say(null, data, options) }

  _say(room, data, { to, key, receipt = true } = {}) {
    if (room?._left) return Promise.reject(new PorthouseError("gone", `it is not in ${room.name} any more`))
    return this._push({ room, data, key, receipt, to: to === undefined ? to : [to].flat() })
  }

  /** Authenticates this socket, and those after it. */
  async auth(credentials) {
    const { client, password, otp, token } = credentials
    const reply = await this.command({ do: "auth", client, password, otp: await valueOf(otp), token: await valueOf(token, {}) })
    this._options = { ...this._options, client, password, otp, token }
    this.client = reply.client
    return reply
  }

  whoami() { return this.command({ do: "whoami" }) }
  async spaces() { return (await this.command({ do: "spaces" })).rooms }
  async who(room) { return (await this.command({ do: "who", room: nameOf(room) })).members }

  /** The rules of a room; with a patch (RFC 7396), those after it. */
  async rules(room, rules) { return (await this.command({ do: "rules", room: nameOf(room), rules })).rules }

  /** Puts a client, or a sequence (~…), out of a room; how many sockets that were. */
  async putOut(room, who) {
    return (await this.command({ do: "put out", room: nameOf(room), [who.startsWith("~") ? "sequence" : "client"]: who })).sockets
  }

  /** Makes a room, and is in it. */
  async newRoom(name, rules, { keep } = {}) {
    const order = { said: name, secrets: {}, envelope: { do: "new room", room: name, rules, keep } }
    await this.#promise(order)
    return this.#named(name)
  }

  // -- rooms

  #named(said) { return this.rooms.find(room => room._said === said || room.name === said || "/" + room.name === said) }

  /** Goes into a room, and back into it after each reconnect. Without a name:
   * the room that the address leads to. */
  join(name, secrets = {}) {
    if (this._over) return Promise.reject(this._over)
    if (name === undefined) {
      const home = this.rooms.find(room => room._home)
      return home ? Promise.resolve(home) : new Promise((resolve, reject) => this.#homes.push({ resolve, reject }))
    }
    const joined = this.#joins.then(() => this.#named(name) ?? this.#enter(name, secrets))
    this.#joins = joined.catch(() => {})
    return joined
  }

  async #enter(name, secrets) {
    const { password, otp } = secrets
    const envelope = { do: "join", room: name, password: await valueOf(password), otp: await valueOf(otp) }
    return new Promise((resolve, reject) => {
      const order = { join: true, said: name, secrets, envelope, done: error => error ? reject(error) : resolve(order.room) }
      this.#order(order)
    })
  }

  #admit({ room: name }, { said, secrets } = {}) {
    let room = this.#rooms.get(name)
    if (!room) {
      room = new Room(this, name, said ?? "/" + name, secrets ?? {})
      room._home = !said
      this.#rooms.set(name, room)
      this._emit("room", room)
    }
    room._in = true
    const since = room._gap
    room._gap = null
    if (since) room._emit("reconnect", { missed: true, since })
    if (room._home) for (const home of this.#homes.splice(0)) home.resolve(room)
    this._pump()
    return room
  }

  /** A room asks for a password or a code: whoever joined may know it. Until
   * then the house hears little else. */
  async #question(order, { ask, room }) {
    const answers = order.secrets.ask ?? this._options.ask
    let reply, error = new PorthouseError("unauthorized", `${room} asks for ${ask.join(" and ")}`, { ask })
    this.#asking++
    for (let tries = 0; tries < 3 && !reply; tries++) {
      try {
        const answer = await answers?.({ room, ask, error: tries ? error : undefined })
        if (!answer) break
        reply = await this.#now({ do: "enter", password: answer.password, otp: answer.otp }, { said: order.said, secrets: order.secrets, rejoins: order.rejoins })
        if (answer.password) order.secrets.password ??= answer.password
      } catch (cause) {
        error = cause
        if (cause.code !== "unauthorized") break
      }
    }
    if (!reply && error.code !== "lost") await this.#now({ do: "leave", room: "/" + room }).catch(() => {})
    this.#asking = Math.max(0, this.#asking - 1)
    this.#release()
    if (error.code === "lost" && !reply && order.join && !order.rejoins) return this.#order(order)
    order.room = this.#rooms.get(room)
    order.done(reply ? undefined : error, reply)
  }

  async #rejoin(room) {
    const ended = error => {
      if (!error || room._left || error.code === "lost") return
      if (!later.has(error.code)) return this.#end(room, error)
      const { pauseLeast, pauseMost } = this._limits
      setTimeout(() => this._ready && !room._in && !room._left && this.#rejoin(room), pauseLeast + Math.random() * pauseMost / 2)
    }
    try {
      const { password, otp } = room._secrets
      const envelope = { do: "join", room: room._said, password: await valueOf(password), otp: typeof otp === "function" ? await otp() : undefined }
      if (this._ready && !room._in && !room._left) this.#order({ join: true, rejoins: room, said: room._said, secrets: room._secrets, envelope, done: ended })
    } catch (error) {
      ended(error)
    }
  }

  async _leave(room) {
    if (room._left) return
    const was = room._in
    this.#end(room)
    if (was && this._ready) await this.command({ do: "leave", room: room._said })
  }

  #end(room, error) {
    this.#rooms.delete(room.name)
    room._left = true
    room._in = false
    for (const item of this._queue) if (item.room === room) this._fail(item, error ?? new PorthouseError("gone", `it has left ${room.name}`))
    room._finish(error)
    room._emit("close", error)
  }
}

/** A room that a house's socket is in. */
class Room extends Ear {
  #house
  _in = false
  _left = false
  _gap = null

  constructor(house, name, said, secrets) {
    super()
    this.#house = house
    this._limits = house._limits
    this._said = said
    this._secrets = { ...secrets }
    this.name = name // in full: alice/notes
  }

  /** Sends to the room, or to those of its members that `to` names; the
   * receipt says how many sockets had it queued. */
  send(data, options) { return this.#house._say(this, data, options) }

  who() { return this.#house.who(this) }
  rules(patch) { return this.#house.rules(this, patch) }
  putOut(who) { return this.#house.putOut(this, who) }

  /** Leaves it; loops over its messages end. */
  leave() { return this.#house._leave(this) }
}

const nameOf = room => room instanceof Room ? room._said : room

/** A raw socket: what is sent into it is a message, and nothing else is heard. */
class Pipe extends Line {
  #gap = null
  #been = false

  constructor(url, options) {
    super(url, options)
    this._encodes = true
  }

  async _protocol() { return "porthouse.v1.raw" }

  _opened() {
    this._up()
    if (this.#gap) this._emit("reconnect", { missed: true, since: this.#gap })
    else if (!this.#been) this._emit("open")
    this.#been = true
    this.#gap = null
  }

  _down(error, since) { if (this.#been) this.#gap ??= since }

  _heard(data) { this._message(typeof data === "string" ? data : new Uint8Array(data)) }

  _encode({ data }) {
    if (typeof data === "string") return data
    if (isBytes(data)) return toBytes(data).slice()
    throw new PorthouseError("malformed", "a pipe takes strings and bytes")
  }

  /** Sends a string as text, bytes as bytes. It is done when the socket has
   * it; what becomes of it then is not told. */
  send(data) { return this._push({ data }) }
}

/** Opens a connection to a house; url is its address, ws://host/. */
export function connect(url, options = {}) { return new House(url, options) }

/** Opens a raw socket to a room's address. */
export function raw(url, options = {}) { return new Pipe(url, options) }
