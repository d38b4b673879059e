// The page of a house: the lobby at its roots, a conversation at a room's
// address. It is a client like any other and speaks porthouse.v1.json (see
// wire.md). What others say is only ever put into text nodes.
"use strict"

const messagesMost = 500        // kept on the page
const membersMost = 200         // asked for again and again
const textMost = 4000           // characters shown before a message is folded
const pollEvery = 2000          // milliseconds
const pauseLeast = 500, pauseMost = 20000 // milliseconds before it connects again
const again = new Set([1001, 1006, 1011, 1012, 1013, 4413, 4429, 4503])

const $ = id => document.getElementById(id)

/** An element with properties and children, which are elements or text. */
function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties)
  element.append(...children)
  return element
}

function show(id, shown = true) { $(id).hidden = !shown }

// ---- what is known

let access = {}                 // {token} or {client, password, otp}
let socket = null
let tries = 0                   // to connect, in a row
let timer = 0                   // of the next one
let room = ""                   // the one that it is in; "": none
let rules = {}
let me = {}                     // {client, sequence}
let crowd = 0                   // members, when last told
let lastRef = 0
let asleep = false              // it goes on when somebody looks
let answer = null               // to what a room asks, before it asks again
const sent = new Map()          // ref → what tells of its fate
const token = "porthouse.token" // its place in the tab's storage

// ---- the socket

function connect() {
  clearTimeout(timer)
  leave()
  const path = access.client ? "/" : location.pathname
  const offers = ["porthouse.v1.json"]
  if (access.token) offers.push("porthouse.token." + access.token)
  let fresh
  try {
    fresh = new WebSocket(location.origin.replace(/^http/, "ws") + path, offers)
  } catch {
    forget()
    return refusedEntry("This is no token.")
  }
  socket = fresh
  state(tries ? "connecting again…" : "connecting…")
  fresh.onopen = () => {
    if (access.client) say({ do: "auth", client: access.client, password: access.password, otp: access.otp || undefined })
    else if (path === "/") say({ do: "whoami" })
  }
  fresh.onmessage = event => { if (socket === fresh) hear(parse(event.data)) }
  fresh.onclose = event => { if (socket === fresh) closed(event.code, event.reason) }
}

/** Away from where it is, without a word. */
function leave() {
  const old = socket
  socket = null
  if (old) old.close()
  room = ""
  rules = {}
  for (const fate of sent.values()) fate("it is not known whether this was heard")
  sent.clear()
  ready(false)
}

function say(envelope) { if (socket) socket.send(JSON.stringify(envelope)) }

/** JSON whose numbers stay as they were written, where the browser can. */
function parse(text) {
  return JSON.parse(text, (key, value, context) =>
    typeof value === "number" && context && JSON.rawJSON && String(value) !== context.source ? JSON.rawJSON(context.source) : value)
}

function closed(code, reason) {
  let why = {}
  try { why = JSON.parse(reason) } catch {}
  const wasIn = room
  leave()
  const words = why.message || closings[code] || `The house closed the connection (${code}).`
  const entering = !$("enter").hidden
  if (code === 4408 && (entering || document.hidden)) { // who types slowly, and who is not looking
    asleep = !entering
    return state("")
  }
  if (again.has(code)) {
    if (wasIn) note(["The connection was lost; what is said until it is back is not heard."])
    const pause = Math.random() * Math.min(pauseMost, pauseLeast * 2 ** tries++)
    state("the connection was lost, trying again…")
    if (why.message) notice(words)
    timer = setTimeout(connect, pause)
    return
  }
  tries = 0
  state("not connected")
  show("again")
  if (code === 4401 && !entering) refusedEntry(words)
  else notice(words)
}

const closings = {
  1000: "The conversation is over.",
  1009: "That was larger than the room takes.",
  4401: "Nobody is let in without saying who they are, or with a wrong password.",
  4403: "You are not admitted here.",
  4404: "There is no such room, or not for you.",
  4408: "The answer took too long.",
  4409: "You were put out.",
  4410: "The room is gone."
}

function refusedEntry(words) {
  forget()
  notice(words)
  state("not connected")
  show("enter", false)
  show("again")
  signin(true)
}

// ---- what the house says

function hear(m) {
  if (m.ask) asked(m)
  else if (m.event) happened(m)
  else if (m.error) refused(m)
  else if (m.ok) { if (Object.hasOwn(replies, m.ok)) replies[m.ok](m) }
  else if ("data" in m || "bytes" in m) arrived(m)
}

const replies = {
  auth(m) {
    me = { client: m.client, sequence: m.sequence }
    const name = location.pathname.slice(1)
    say(name ? { do: "join", room: name } : { do: "whoami" })
  },
  whoami(m) {
    me = { client: m.client, sequence: m.sequence }
    $("whoami").textContent = me.client || "Sign in"
    if (m.state === "lobby" || m.state === "space") inLobby()
  },
  join(m) { inRoom(m) },
  rules(m) {
    if (m.room !== room) return
    rules = m.rules
    $("as").value = rules.format === "json" ? "json" : "text"
    $("say").hidden = rules.send === "nobody"
  },
  spaces(m) { listSpaces(m.rooms) },
  who(m) { if (m.room === room) listMembers(m.members) },
  send(m) { fateOf(m.ref)(m.receivers === 1 ? "heard by 1" : `heard by ${m.receivers}`) }
}

function fateOf(ref) {
  const fate = sent.get(ref)
  sent.delete(ref)
  return fate || (() => {})
}

function refused(m) {
  if (m.ref && sent.has(m.ref)) return fateOf(m.ref)(m.message, true)
  if (m.do === "who" || m.do === "spaces" || m.do === "rules") return
  if (m.do === "auth") return refusedEntry(m.message)
  notice(m.message)
  if (m.do === "enter") return $($("password-row").hidden ? "otp" : "password").focus()
  if (m.do === "join") {
    state("not in the room")
    show("again")
  }
}

function happened(m) {
  if (m.event === "join" || m.event === "leave") {
    note([nameOf(m), m.event === "join" ? " came" : " went"])
    if (crowd <= membersMost) soon()
  } else if (m.event === "out") {
    notice(m.code === "gone" ? "The room is gone." : "You were put out of the room.")
    ready(false)
    show("again")
  } else if (m.event === "expiring") {
    notice(`What you signed in with ends in ${m.in} seconds.`)
  }
}

// ---- the lobby

function inLobby() {
  tries = 0
  view("lobby")
  state("")
  show("again", false)
  notice("")
  document.title = `Porthouse · ${location.host}`
  $("title").textContent = "Porthouse"
  say({ do: "spaces" })
}

const spaces = new Map() // room → its line

function listSpaces(list) {
  const seen = new Set()
  for (const each of list) {
    seen.add(each.room)
    let line = spaces.get(each.room)
    if (!line) {
      const link = make("a", { href: addressOf(each.room), textContent: each.room })
      link.onclick = event => { if (!event.ctrlKey && !event.metaKey && !event.shiftKey) { event.preventDefault(); go(link.pathname) } }
      line = make("li", {}, link, make("span", { className: "count" }), make("span", { className: "needs" }))
      line.dataset.room = each.room
      spaces.set(each.room, line)
    }
    write(line.querySelector(".count"), each.members === 1 ? "1 here" : `${each.members} here`)
    write(line.querySelector(".needs"), needsOf(each))
  }
  for (const [name, line] of spaces) {
    if (!seen.has(name)) { line.remove(); spaces.delete(name) }
  }
  list.forEach((each, n) => {
    const line = spaces.get(each.room)
    if ($("spaces").children[n] !== line) $("spaces").insertBefore(line, $("spaces").children[n] || null)
  })
  show("norooms", list.length === 0)
}

function needsOf(space) {
  const needs = []
  if (space.access !== "anyone") needs.push(space.access === "authenticated" ? "for who has signed in" : "for whom it lists")
  if (space.asks.includes("password")) needs.push("asks for a password")
  if (space.asks.includes("otp")) needs.push("asks for a code")
  return needs.join(", ")
}

/** A text that is set only where it changes, so that nothing is read out twice. */
function write(element, text) { if (element.textContent !== text) element.textContent = text }

/** A room's path; on a client's own host its rooms stand without their prefix. */
function addressOf(name) {
  const [prefix, rest] = name.split("/")
  return rest && location.hostname.startsWith(prefix + ".") ? "/" + rest : "/" + name
}

function go(path) {
  if (path !== location.pathname) history.pushState(null, "", path)
  tries = 0
  notice("")
  show("again", false)
  $("messages").replaceChildren()
  show("earlier", false)
  connect()
  $("main").focus({ preventScroll: true })
}

// ---- a room

function asked(m) {
  if (answer) {
    say(answer)
    answer = null
    return
  }
  view("enter")
  show("again", false)
  state("")
  $("title").textContent = m.room
  document.title = `${m.room} · Porthouse`
  $("asks").textContent = m.ask.includes("password") ? "This room asks for a password" : "This room asks for a code"
  show("password-row", m.ask.includes("password"))
  show("otp-row", m.ask.includes("otp"))
  $(m.ask.includes("password") ? "password" : "otp").focus()
}

function inRoom(m) {
  tries = 0
  room = m.room
  crowd = m.members
  view("room")
  notice("")
  show("again", false)
  state("")
  ready(true)
  $("title").textContent = room
  document.title = `${room} · Porthouse`
  $("password").value = $("otp").value = ""
  write($("here"), `${crowd} here`)
  for (const verb of ["whoami", "rules", "who"]) say({ do: verb, room: verb === "whoami" ? undefined : room })
  programs()
}

function ready(is) { for (const control of $("say").querySelectorAll("button, input")) control.disabled = !is }

function nameOf(who) {
  return make("bdi", { textContent: who.client || `nobody ${who.sequence || ""}`, title: who.sequence || "" })
}

function listMembers(list) {
  crowd = list.length
  write($("here"), `${crowd} here`)
  show("few", crowd > membersMost && !rules.presence)
  const sockets = new Map() // name → how many; nobodies are told apart by none
  for (const each of list) sockets.set(each.client || "", (sockets.get(each.client || "") || 0) + 1)
  const lines = [...sockets].sort(([a], [b]) => (a === "") - (b === "") || (a < b ? -1 : 1)).slice(0, membersMost).map(([name, n]) => {
    const mine = (me.client || "") === name
    const line = make("li", {}, make("bdi", { textContent: name || (n === 1 ? "somebody without a name" : `${n} without a name`) }))
    if (name && n > 1) line.append(` × ${n}`)
    if (mine) line.append(name || n === 1 ? " (you)" : ", one is you")
    return line
  })
  $("members").replaceChildren(...lines)
}

let asking = 0
function soon() { asking ||= setTimeout(() => { asking = 0; if (room) say({ do: "who", room }) }, 300) }

setInterval(() => {
  if (document.hidden || !socket || socket.readyState !== WebSocket.OPEN) return
  if (!$("lobby").hidden) say({ do: "spaces" })
  else if (room && !rules.presence && crowd <= membersMost) say({ do: "who", room })
}, pollEvery)

// ---- messages

const waiting = [] // lines that are not on the page yet

function put(line) {
  waiting.push(line)
  if (waiting.length === 1) setTimeout(flush, 40) // also in a tab that is not seen
}

function flush() {
  const log = $("messages")
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60
  const lines = waiting.splice(0).slice(-messagesMost)
  const fragment = document.createDocumentFragment()
  for (const line of lines) fragment.append(line())
  log.append(fragment)
  while (log.children.length > messagesMost) {
    log.firstChild.remove()
    show("earlier")
  }
  if (atEnd) log.scrollTop = log.scrollHeight
}

function arrived(m) {
  put(() => {
    const line = make("li", {})
    const by = make("p", { className: "text by" })
    if (m.from) by.append(nameOf(m.from), m.room ? "" : " to you alone")
    if (m.time) by.append(` ${new Date(m.time).toLocaleTimeString()}`)
    if (by.hasChildNodes()) line.append(by)
    line.append(contentOf(m))
    return line
  })
}

function note(parts) { put(() => make("li", { className: "event" }, ...parts)) }

function contentOf(m) {
  if ("bytes" in m) return bytesOf(m.bytes)
  if (typeof m.data === "string") return textOf(m.data)
  return valueOf(m.data)
}

function textOf(text) {
  if (text.length <= textMost) return make("p", { className: "text", textContent: text })
  return folded(text.slice(0, 200) + "…", `${text.length} characters: `, () => text)
}

function valueOf(value) {
  const short = JSON.stringify(value)
  if (short.length < 60 && (value === null || typeof value !== "object" || JSON.isRawJSON?.(value))) return make("code", { textContent: short })
  return folded(short.length > 100 ? short.slice(0, 100) + "…" : short, "", () => JSON.stringify(value, null, 2))
}

/** A line that opens; the whole is made only then. */
function folded(preview, before, whole) {
  const fold = make("details", {}, make("summary", {}, before, make("code", { textContent: preview })))
  fold.addEventListener("toggle", () => fold.append(make("pre", { className: "text", tabIndex: 0, textContent: whole() })), { once: true })
  return fold
}

function bytesOf(base64) {
  const size = base64.length / 4 * 3 - (base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0)
  const save = make("button", { type: "button", textContent: "Download" })
  save.onclick = () => {
    const bytes = Uint8Array.from(atob(base64), c => c.charCodeAt(0))
    const url = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }))
    make("a", { href: url, download: `${room.replace("/", "-") || "message"}.bin` }).click()
    setTimeout(() => URL.revokeObjectURL(url), 60000)
  }
  return make("p", { className: "text" }, `${sizeOf(size)} of bytes `, save)
}

function sizeOf(n) {
  if (n < 1024) return n === 1 ? "1 byte" : `${n} bytes`
  return n < 1 << 20 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / (1 << 20)).toFixed(1)} MiB`
}

/** Sends content, which is JSON of data or bytes, and shows it. */
function speak(key, content, shown) {
  const ref = String(++lastRef)
  const heardBack = rules.echo || rules.to === "self"
  const fate = make("span", { className: "fate", textContent: "sending…" })
  const line = make("li", { className: "own" }, contentOf(shown), fate)
  if (!heardBack) put(() => line)
  sent.set(ref, (words, wrong) => {
    fate.textContent = words
    if (!wrong) return
    line.classList.add("refused")
    if (heardBack) put(() => line)
  })
  socket.send(`${JSON.stringify({ room, ref }).slice(0, -1)},"${key}":${content}}`)
}

$("say").onsubmit = event => {
  event.preventDefault()
  const words = $("words")
  if (!room || !words.value) return
  let shown = words.value, content = JSON.stringify(words.value)
  if ($("as").value === "json") {
    try { shown = parse(words.value) } catch (error) { return notice(`This is no JSON: ${error.message}`) }
    content = words.value
  }
  notice("")
  speak("data", content, { data: shown })
  words.value = ""
  words.focus()
}

$("words").onkeydown = event => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault()
    $("say").requestSubmit()
  }
}

function sendFiles(files) {
  for (const file of files) {
    if (!room) return
    if (rules.size && file.size > rules.size) {
      notice(`${file.name} has ${sizeOf(file.size)}; this room takes ${sizeOf(rules.size)}.`)
      continue
    }
    const reader = new FileReader()
    reader.onload = () => {
      const base64 = reader.result.slice(reader.result.indexOf(",") + 1)
      if (room && file.size) speak("bytes", JSON.stringify(base64), { bytes: base64 })
    }
    reader.onerror = () => notice(`${file.name} cannot be read.`)
    reader.readAsDataURL(file)
  }
}

$("files").onchange = event => {
  sendFiles(event.target.files)
  event.target.value = ""
}

addEventListener("dragover", event => {
  if (!event.dataTransfer.types.includes("Files")) return
  event.preventDefault()
  document.body.classList.toggle("drop", Boolean(room))
})
addEventListener("dragleave", event => { if (!event.relatedTarget) document.body.classList.remove("drop") })
addEventListener("drop", event => {
  event.preventDefault()
  document.body.classList.remove("drop")
  sendFiles(event.dataTransfer.files)
})

// ---- for developers

function programs() {
  const http = location.origin + location.pathname, ws = http.replace(/^http/, "ws")
  const all = {
    "JavaScript": `const room = new WebSocket("${ws}")\nroom.onmessage = m => console.log(m.data)\nroom.onopen = () => room.send("hello")`,
    "Python (pip install websockets)": `from websockets.sync.client import connect\n\nwith connect("${ws}") as room:\n    room.send("hello")\n    for message in room:\n        print(message)`,
    "websocat": `websocat ${ws}`,
    "curl": `curl -d 'hello' ${http}`,
    "Where the room wants to know who you are": `websocat -H='Authorization: Bearer TOKEN' ${ws}\ncurl -H 'Authorization: Bearer TOKEN' -d 'hello' ${http}`
  }
  $("programs").replaceChildren(...Object.entries(all).flatMap(([name, text]) => {
    const copy = make("button", { type: "button", textContent: "Copy" })
    copy.setAttribute("aria-label", `Copy: ${name}`)
    const code = make("pre", { tabIndex: 0, textContent: text })
    copy.onclick = async () => {
      try {
        await navigator.clipboard.writeText(text)
        copy.textContent = "Copied"
      } catch { getSelection().selectAllChildren(code) } // where the page may not
    }
    return [make("h2", {}, name + " ", copy), code]
  }))
}

// ---- who one is

function signin(open) {
  show("signin", open)
  $("whoami").setAttribute("aria-expanded", open)
  if (open) $("token").focus()
}

function forget() {
  access = {}
  me = {}
  sessionStorage.removeItem(token)
  $("whoami").textContent = "Sign in"
}

$("whoami").onclick = () => signin($("signin").hidden)
$("signin").onsubmit = event => {
  event.preventDefault()
  const given = Object.fromEntries(["token", "client", "secret", "code"].map(id => [id, $(id).value.trim()]))
  given.secret = $("secret").value
  if (!given.token && !given.client) return $("token").focus()
  access = given.token ? { token: given.token } : { client: given.client, password: given.secret, otp: given.code }
  if (given.token) sessionStorage.setItem(token, given.token) // this tab's, and gone with it
  for (const id of ["token", "secret", "code"]) $(id).value = ""
  signin(false)
  go(location.pathname)
}
$("signout").onclick = () => {
  forget()
  signin(false)
  go(location.pathname)
}

// ---- the page

function view(id) {
  for (const each of ["lobby", "enter", "room"]) show(each, each === id)
  show("snippets", id === "room")
}

function state(words) { write($("state"), words) }

function notice(words) {
  write($("notice"), words)
  show("notice", Boolean(words))
}

$("enter").onsubmit = event => {
  event.preventDefault()
  notice("")
  answer = { do: "enter", password: $("password").value || undefined, otp: $("otp").value.trim() || undefined }
  if (!socket) return connect() // it has waited for too long, and asks again
  say(answer)
  answer = null
}
document.addEventListener("visibilitychange", () => {
  if (document.hidden || !asleep) return
  asleep = false
  connect()
})
$("open").onsubmit = event => {
  event.preventDefault()
  go("/" + $("name").value)
}
$("again").onclick = () => go(location.pathname)
$("refresh").onclick = () => say({ do: "who", room })
$("house").onclick = event => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return
  event.preventDefault()
  go("/")
}
addEventListener("popstate", () => go(location.pathname))

write($("house"), location.host)
access = sessionStorage.getItem(token) ? { token: sessionStorage.getItem(token) } : {}
connect()
