// The operator's console. It hears the room -console, which the house alone
// speaks in, over a WebSocket of porthouse.v1.json, and asks the admin API for
// the rest. What comes from elsewhere is only ever put into text nodes.
"use strict"

const secondsShown = 300
const linesMost = 500
const rowsMost = 1000

const $ = id => document.getElementById(id)

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties)
  element.append(...children)
  return element
}

function write(element, text) { if (element.textContent !== text) element.textContent = text }
function show(id, shown = true) { $(id).hidden = !shown }
function notice(words) { write($("notice"), words); show("notice", Boolean(words)) }

// ---- who one is

let csrf = ""

/** Asks the house; what it refuses is thrown with its message. */
async function call(method, path, body) {
  const headers = { "Porthouse-CSRF": csrf }
  if (body !== undefined) headers["Content-Type"] = "application/json"
  const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), cache: "no-store" })
  const said = await answer.json().catch(() => ({}))
  if (answer.ok) return said
  if (answer.status === 401) login("")
  throw new Error(said.message || `${method} ${path} was answered with ${answer.status}`)
}

/** Does a deed and tells what went wrong, if anything. */
async function tried(deed) {
  notice("")
  try {
    await deed()
    return true
  } catch (error) {
    notice(error.message)
    return false
  }
}

async function begin() {
  const code = location.hash.length > 40 ? location.hash.slice(1) : ""
  if (code) {
    history.replaceState(null, "", "/") // it is of no use to anybody any more
    return enter({ code })
  }
  try {
    csrf = (await call("GET", "/-/session")).csrf
  } catch { return login("") }
  inside()
}

async function enter(by) {
  try {
    csrf = (await call("POST", "/-/session", by)).csrf
  } catch (error) { return login(error.message) }
  inside()
}

function login(words) {
  csrf = ""
  socket?.close()
  socket = null
  for (const id of [...tabs, "nav", "leave"]) show(id, false)
  show("login")
  write($("state"), "")
  notice(words)
}

function inside() {
  notice("")
  show("login", false)
  show("nav")
  show("leave")
  turn()
  listen()
}

$("login").onsubmit = event => {
  event.preventDefault()
  const token = $("token").value.trim()
  $("token").value = ""
  enter({ token })
}
$("leave").onclick = () => tried(async () => {
  await call("DELETE", "/-/session")
  login("You are signed out.")
})

// ---- the room -console

let socket = null, tries = 0

function listen() {
  const fresh = socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/-/console", "porthouse.v1.json")
  fresh.onmessage = event => {
    if (socket !== fresh) return
    tries = 0
    const m = JSON.parse(event.data)
    if (m.room === "-console" && m.data && Object.hasOwn(kinds, m.data.kind)) kinds[m.data.kind](m.data)
  }
  fresh.onclose = event => {
    if (socket !== fresh) return
    if (event.code === 4401) return login("The session is over.")
    write($("state"), "the connection was lost, trying again…")
    last = null
    setTimeout(async () => {
      if (socket !== fresh) return
      const known = await fetch("/-/session", { cache: "no-store" }).then(answer => answer.status, () => 0)
      if (socket !== fresh) return
      if (known === 401 || known === 403) return login("The house does not know this session any more: porthouse console prints another address.")
      listen()
    }, Math.random() * Math.min(10000, 500 * 2 ** tries++))
  }
}

const kinds = {
  past(m) {
    $("handovers").replaceChildren()
    stalls.length = 0
    for (const h of m.past || []) handedOver(h)
    $("lines").replaceChildren()
    for (const line of m.lines || []) logged(line)
  },
  snapshot(m) { picture(m.snapshot) },
  handover(m) { handedOver(m.handover) },
  progress({ progress: p }) {
    const steps = { start: "a fresh process starts", fetch: `${p.sockets} sockets fetched`, serve: `${p.sockets} sockets served after ${milliseconds(p.stall)}, ${p.lost} lost` }
    progress(`puddle ${p.slot}: ${steps[p.step] || p.step}`)
  },
  reloaded(m) { progress(m.failed ? `failed: ${m.failed}` : "done", Boolean(m.failed)) },
  line(m) { logged(m.line) }
}

function progress(words, wrong = false) {
  $("progress").append(make("li", { textContent: words, className: wrong ? "wrong" : "" }))
  while ($("progress").children.length > 12) $("progress").firstChild.remove()
}

// ---- pictures

const numbers = [
  ["Sockets", s => count(s.status.sequences), s => s.status.sequences],
  ["Messages/s", s => count(s.received), s => s.received],
  ["Deliveries/s", s => count(s.deliveries), s => s.deliveries],
  ["Outbox", s => bytes(s.status.outbox_bytes), s => s.status.outbox_bytes],
  ["Registry lag", s => milliseconds(s.status.registry_lag), s => s.status.registry_lag * 1000],
  ["Rooms", s => count(s.status.rooms)],
  ["Handed over", s => `${count(s.moved)}, ${s.lost} lost`],
  ["Up for", s => span(s.status.uptime)]
]
const times = [], stalls = []
const charts = numbers.filter(n => n[2]).map(([name, say, value]) => ({ name, say, value, values: [], said: "" }))
const stallChart = { name: "Stall of hand-overs, ms", values: [] }
let last = null

function count(n) { return n >= 10000 ? Math.round(n).toLocaleString("en") : String(Math.round(n * 10) / 10) }
function bytes(n) { return n < 1024 ? `${n} B` : n < 1 << 20 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / (1 << 20)).toFixed(1)} MiB` }
function milliseconds(seconds) { return `${(seconds * 1000).toFixed(seconds < 0.01 ? 2 : 0)} ms` }
function span(seconds) {
  const d = Math.floor(seconds / 86400), h = Math.floor(seconds / 3600) % 24, m = Math.floor(seconds / 60) % 60
  return d ? `${d} d ${h} h` : h ? `${h} h ${m} min` : m ? `${m} min` : `${Math.floor(seconds)} s`
}

/** How much a counter grew a second; one that began anew grew by nothing. */
function rate(now, before, seconds) { return before === undefined || seconds <= 0 ? 0 : Math.max(0, now - before) / seconds }

function picture(s) {
  const seconds = last ? (s.at - last.at) / 1000 : 0
  s.received = rate(s.status.received, last?.status.received, seconds)
  s.deliveries = rate(s.status.deliveries, last?.status.deliveries, seconds)
  write($("state"), `${s.status.state}, ${s.status.listen.join(" ")}, version ${s.status.version}`)
  if (!$("numbers").children.length) $("numbers").append(...numbers.map(([name]) => make("div", {}, make("dt", { textContent: name }), make("dd", {}))))
  numbers.forEach(([, say], n) => write($("numbers").children[n].lastChild, say(s)))
  listPuddles(s, seconds)
  listEnds(s)
  if (document.activeElement !== $("scale-n") && !$("scale-n").value) $("scale-n").value = s.status.puddles.length
  times.push(s.at / 1000)
  for (const chart of charts) {
    chart.values.push(chart.value(s))
    chart.said = chart.say(s)
  }
  while (times.length > secondsShown) {
    times.shift()
    for (const chart of charts) chart.values.shift()
  }
  last = s
  draw()
}

function draw() {
  if ($("house").hidden || document.hidden || !times.length) return
  const until = times.at(-1), window = [until - secondsShown, until]
  for (const chart of charts) {
    plot(chart, window)
    chart.plot.setData([times, chart.values])
    write(chart.caption, `${chart.name}: ${chart.said}`)
  }
  const seen = stalls.filter(h => h.at / 1000 >= window[0])
  plot(stallChart, window, true)
  stallChart.plot.setData([seen.map(h => h.at / 1000), seen.map(h => h.stall * 1000)])
  write(stallChart.caption, `${stallChart.name}: ${seen.length ? `longest ${milliseconds(Math.max(...seen.map(h => h.stall)))}` : "none in five minutes"}`)
}

function plot(chart, window, dots = false) {
  chart.window = window
  if (chart.plot) return
  const style = getComputedStyle(document.documentElement)
  const color = name => style.getPropertyValue(name).trim()
  chart.caption ||= make("figcaption", {})
  chart.figure ||= make("figure", {}, chart.caption)
  if (!chart.figure.isConnected) $("plots").append(chart.figure)
  const axis = { stroke: color("--quiet"), grid: { stroke: color("--grid"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" }
  const width = () => Math.max(200, chart.figure.clientWidth - 16)
  chart.plot = new uPlot({
    width: width(), height: 116, legend: { show: false }, cursor: { show: false },
    scales: { x: { range: () => chart.window }, y: { range: (_, low, high) => [0, Math.max(1, (high || 0) * 1.1)] } },
    axes: [{ ...axis, space: 70, size: 26, values: (_, ticks) => ticks.map(t => new Date(t * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })) }, { ...axis, size: 54, values: (_, ticks) => ticks.map(short) }],
    series: [{}, dots
      ? { stroke: color("--accent"), paths: () => null, points: { show: true, size: 7, fill: color("--accent") } }
      : { stroke: color("--accent"), width: 2, points: { show: false } }]
  }, [[], []], chart.figure)
  chart.watch ||= new ResizeObserver(() => {
    if (chart.plot && chart.figure.clientWidth && chart.plot.width !== width()) chart.plot.setSize({ width: width(), height: 116 })
  })
  chart.watch.observe(chart.figure)
}

function short(n) { return n >= 1e6 ? `${n / 1e6} M` : n >= 1e3 ? `${n / 1e3} k` : String(n) }

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const chart of [...charts, stallChart]) {
    chart.plot?.destroy()
    chart.plot = null
  }
  draw()
})

/** Puts rows into a table's body, cell by cell, so that what has the focus stays. */
function fill(body, rows) {
  rows.forEach((cells, n) => {
    const row = body.children[n] || body.appendChild(make("tr", {}))
    cells.forEach((cell, at) => {
      const is = row.children[at] || row.appendChild(make("td", {}))
      if (cell instanceof Node) { if (is.firstChild?.textContent !== cell.textContent) is.replaceChildren(cell) }
      else write(is, String(cell))
      is.className = body.closest("table").tHead.rows[0].cells[at].className
    })
  })
  while (body.children.length > rows.length) body.lastChild.remove()
}

function listPuddles(s, seconds) {
  const before = new Map((last?.status.puddles || []).map(p => [p.slot, p]))
  fill($("puddles"), s.status.puddles.map(p => [
    p.slot, p.pid || "none", p.generation, `${p.state}, ${span(p.since)}`, p.sequences, p.rooms,
    count(rate(p.received, before.get(p.slot)?.received, seconds)), count(rate(p.deliveries, before.get(p.slot)?.deliveries, seconds)), bytes(p.outbox_bytes),
    deed(`Reload ${p.slot}`, () => reload({ slot: p.slot }))
  ]))
}

function listEnds(s) {
  const rows = []
  for (const [reason, n] of Object.entries(s.refused)) if (n) rows.push([`refused: ${reason}`, n])
  for (const [code, n] of Object.entries(s.closes)) if (n) rows.push([`ended with ${code}`, n])
  fill($("ends"), rows)
}

function handedOver(h) {
  stalls.push(h)
  if (stalls.length > 200) stalls.shift()
  const row = make("tr", {})
  for (const text of [new Date(h.at).toLocaleTimeString(), h.slot, h.planned ? "planned" : "after a crash", h.sockets, h.lost, milliseconds(h.stall)]) row.append(make("td", { textContent: text }))
  for (const at of [3, 4, 5]) row.cells[at].className = "n"
  if (h.lost) row.cells[4].classList.add("wrong")
  $("handovers").prepend(row)
  while ($("handovers").children.length > 50) $("handovers").lastChild.remove()
}

// ---- deeds on the house

function deed(words, does, bad = false) {
  const button = make("button", { type: "button", textContent: words, className: bad ? "bad" : "" })
  button.onclick = does
  return button
}

/** Asks whether somebody means it. */
function sure(words) {
  const dialog = $("sure")
  write($("sure-h"), words)
  dialog.showModal()
  return new Promise(resolve => {
    dialog.onclose = () => resolve(dialog.returnValue === "yes")
    $("sure-yes").onclick = () => dialog.close("yes")
    $("sure-no").onclick = () => dialog.close("no")
    dialog.oncancel = () => { dialog.returnValue = "no" }
  })
}

function reload(how) {
  return tried(async () => {
    progress(how.upgrade ? "upgrading…" : "reloading…")
    await call("POST", "/-/reload", how)
  })
}

$("reload").onclick = () => reload({})
$("upgrade").onclick = async () => {
  if (await sure("Put the binary that is on disk to work, supervisor too? Sockets live on; this console's session does not.")) reload({ upgrade: true })
}
$("scale").onsubmit = event => {
  event.preventDefault()
  tried(async () => {
    const { Puddles: n } = await call("POST", "/-/scale", { puddles: Number($("scale-n").value) })
    progress(`${n} puddles take new connections from now on`)
  })
}

// ---- tables of what can be opened

/** The API's path of something by its name; of names only a room's has parts. */
function path(kind, name) { return `/api/${kind}/${(kind === "rooms" ? name.split("/") : [name]).map(encodeURIComponent).join("/")}` }
function rulesPath(name) { return path("rooms", name).replace("/api/rooms/", "/-/rules/") }

function opener(name, opens) {
  const link = make("a", { href: "#", textContent: name })
  link.onclick = event => {
    event.preventDefault()
    opens(name)
  }
  return link
}

/** Rows of cells that are texts or elements; only as many as one can read. */
function rows(body, list) {
  const heads = body.closest("table").tHead.rows[0].cells
  body.replaceChildren(...list.slice(0, rowsMost).map(cells => make("tr", {}, ...cells.map((cell, at) =>
    cell instanceof Node ? make("td", {}, cell) : make("td", { textContent: cell, className: heads[at].className || "fold" })))))
}

// ---- rooms

let spaces = [], openRoom = "", kindOf = "", rulesShown = {}

async function listRooms() {
  await tried(async () => {
    spaces = (await call("GET", "/-/spaces")).rooms
    findRooms()
  })
}

function findRooms() {
  const wanted = $("rooms-find").value
  rows($("rooms-list"), spaces.filter(r => r.room.includes(wanted)).map(r => [opener(r.room, showRoom), r.kind, r.members, r.access, r.asks.join(", ")]))
}

function showRoom(name) {
  return tried(async () => {
    const { rules } = await call("GET", rulesPath(name))
    openRoom = name
    kindOf = spaces.find(r => r.room === name)?.kind || ""
    show("room")
    write($("room-h"), `${name}${kindOf ? `, ${kindOf}` : ""}`)
    show("room-remove", kindOf === "persistent")
    showRules(rules)
    write($("room-rules-said"), "")
    await listWho()
    $("room-h").focus()
  })
}

function showRules(rules) {
  rulesShown = rules
  $("room-rules-text").value = JSON.stringify(rules, null, 2)
}

async function listWho() {
  const { sequences } = await call("GET", `/-/sequences?room=${encodeURIComponent(openRoom)}`)
  listSequences($("who"), sequences, listWho)
}

/** What of the rules was changed, as a merge patch: what was taken out is reset. */
function patchOf(shown, wanted) {
  const patch = {}
  for (const [key, value] of Object.entries(wanted)) if (JSON.stringify(value) !== JSON.stringify(shown[key])) patch[key] = value
  for (const key of Object.keys(shown)) if (!Object.hasOwn(wanted, key)) patch[key] = null
  return patch
}

$("room-rules").onsubmit = async event => {
  event.preventDefault()
  const said = $("room-rules-said")
  said.className = ""
  try {
    const wanted = JSON.parse($("room-rules-text").value)
    if (typeof wanted !== "object" || !wanted || Array.isArray(wanted)) throw new Error("rules are one JSON object")
    const patch = patchOf(rulesShown, wanted)
    if (!Object.keys(patch).length) return write(said, "Nothing was changed.")
    showRules((await call("POST", rulesPath(openRoom), patch)).rules)
    write(said, `Saved: ${Object.keys(patch).join(", ")}. It holds on live sockets.`)
  } catch (error) {
    said.className = "wrong"
    write(said, error.message)
  }
}
$("room-remove").onclick = async () => {
  if (!await sure(`Remove the room ${openRoom}? Who is in it is put out.`)) return
  await tried(() => call("DELETE", path("rooms", openRoom)))
  show("room", false)
  listRooms()
}
$("room-say").onsubmit = event => {
  event.preventDefault()
  tried(async () => {
    const { receivers } = await call("POST", "/api/send", { room: openRoom, data: $("room-say-text").value })
    $("room-say-text").value = ""
    write($("room-rules-said"), `Heard by ${receivers}.`)
  })
}
$("room-add").onsubmit = event => {
  event.preventDefault()
  tried(async () => {
    const body = {}
    if ($("room-add-owner").value) body.owner = $("room-add-owner").value
    if ($("room-add-rules").value.trim()) body.rules = JSON.parse($("room-add-rules").value)
    const name = $("room-add-name").value
    await call("PUT", path("rooms", name), body)
    event.target.reset()
    await listRooms()
    await showRoom(name)
  })
}
$("rooms-find").oninput = findRooms
$("rooms-again").onclick = listRooms

// ---- sequences

function listSequences(body, list, again) {
  rows(body, list.map(s => [
    s.sequence, puddleOf(s, again), s.client ?? "", s.state, s.rooms.join(", "), s.address, new Date(s.since).toLocaleString(),
    deed("Close", async () => { if (await tried(() => call("DELETE", path("sequences", s.sequence)))) setTimeout(again, 100) }, true)
  ]))
}

/** Where a sequence is, and where it may move. It notices nothing of it. */
function puddleOf(s, again) {
  const slots = (last?.status.puddles || []).map(p => p.slot)
  if (slots.length < 2) return s.slot
  const choice = make("select", { ariaLabel: `Puddle of ${s.sequence}` })
  for (const slot of slots) choice.append(make("option", { value: slot, textContent: slot, selected: slot === s.slot }))
  choice.onchange = async () => {
    await tried(() => call("PATCH", path("sequences", s.sequence), { slot: +choice.value }))
    setTimeout(again, 100)
  }
  return choice
}

async function find() {
  await tried(async () => {
    const query = new URLSearchParams()
    for (const key of ["sequence", "client", "room"]) if ($(`find-${key}`).value.trim()) query.set(key, $(`find-${key}`).value.trim())
    const { all, sequences } = await call("GET", `/-/sequences?${query}`)
    write($("found"), all > sequences.length ? `${all} are there; these are the first ${sequences.length}` : `${all} found`)
    listSequences($("sequences-list"), sequences, find)
  })
}
$("find").onsubmit = event => {
  event.preventDefault()
  find()
}

// ---- clients

let clients = [], openClient = ""

async function listClients() {
  await tried(async () => {
    clients = await call("GET", "/api/clients")
    findClients()
  })
}

function findClients() {
  const wanted = $("clients-find").value
  rows($("clients-list"), clients.filter(c => c.client.includes(wanted)).map(c => [
    opener(c.client, showClient), ["owner", "primary", "admin"].filter(flag => c[flag]).join(", "),
    c.password ? "yes" : "", c.totp ? "yes" : "", c.tokens, (c.rooms || []).join(", ")
  ]))
}

function showClient(name) {
  return tried(async () => {
    const client = await call("GET", path("clients", name))
    openClient = name
    show("client")
    write($("client-h"), name)
    for (const flag of ["owner", "primary", "admin"]) $(`client-${flag}`).checked = client[flag]
    show("token-shown", false)
    await listTokens()
    $("client-h").focus()
  })
}

async function listTokens() {
  const tokens = await call("GET", `/api/tokens?client=${encodeURIComponent(openClient)}`)
  rows($("tokens"), tokens.map(t => [
    t.id, t.expires ? new Date(t.expires).toLocaleString() : "never", t.rooms ? JSON.stringify(t.rooms) : "nothing",
    deed("Revoke", async () => { if (await sure(`Revoke token ${t.id}? Its sockets are closed.`)) tried(async () => { await call("DELETE", path("tokens", t.id)); await listTokens() }) }, true)
  ]))
}

$("client-set").onsubmit = event => {
  event.preventDefault()
  tried(async () => {
    await call("PATCH", path("clients", openClient), Object.fromEntries(["owner", "primary", "admin"].map(flag => [flag, $(`client-${flag}`).checked])))
    await listClients()
  })
}
$("client-password").onsubmit = event => {
  event.preventDefault()
  tried(async () => {
    await call("POST", path("clients", openClient) + "/password", { password: $("client-password-text").value })
    $("client-password-text").value = ""
    await listClients()
  })
}
$("token-add").onsubmit = event => {
  event.preventDefault()
  tried(async () => {
    const body = { client: openClient }
    if ($("token-expires").value.trim()) body.expires = $("token-expires").value.trim()
    if ($("token-rooms").value.trim()) body.rooms = JSON.parse($("token-rooms").value)
    const { id, token } = await call("POST", "/api/tokens", body)
    event.target.reset()
    await listTokens()
    $("token-shown").replaceChildren(`Token ${id}, which is not shown again: `, make("code", { textContent: token }))
    show("token-shown")
  })
}
$("client-close").onclick = async () => {
  if (await sure(`Close all sockets of ${openClient}?`)) tried(() => call("DELETE", path("clients", openClient) + "/sockets"))
}
$("client-remove").onclick = async () => {
  if (!await sure(`Remove the client ${openClient}, with its tokens, rooms and endpoints?`)) return
  await tried(() => call("DELETE", path("clients", openClient)))
  show("client", false)
  listClients()
}
$("client-add").onsubmit = event => {
  event.preventDefault()
  tried(async () => {
    const name = $("client-add-name").value
    await call("PUT", path("clients", name), {})
    event.target.reset()
    await listClients()
    await showClient(name)
  })
}
$("clients-find").oninput = findClients
$("clients-again").onclick = listClients

// ---- the log

const levels = { DEBUG: -4, INFO: 0, WARN: 4, ERROR: 8 }

function logged(line) {
  const { time, level, msg, ...rest } = line
  const log = $("lines")
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40
  const text = [new Date(time).toLocaleTimeString(), level, msg, ...Object.entries(rest).map(([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`)].join(" ")
  const item = make("li", { textContent: text, className: level })
  item.hidden = (levels[level] ?? 0) < Number($("log-level").value)
  log.append(item)
  while (log.children.length > linesMost) log.firstChild.remove()
  if (atEnd && !$("log-still").checked) log.scrollTop = log.scrollHeight
}
$("log-level").onchange = () => {
  for (const item of $("lines").children) item.hidden = (levels[item.className] ?? 0) < Number($("log-level").value)
}

// ---- the page

const tabs = ["house", "rooms", "clients", "sequences", "log"]
const opens = { rooms: listRooms, clients: listClients, sequences: find, house: draw, log() { $("lines").scrollTop = $("lines").scrollHeight } }

function turn() {
  if (!csrf) return
  const at = tabs.includes(location.hash.slice(1)) ? location.hash.slice(1) : "house"
  for (const id of tabs) show(id, id === at)
  for (const link of $("nav").children) {
    if (link.hash === `#${at}`) link.setAttribute("aria-current", "page")
    else link.removeAttribute("aria-current")
  }
  notice("")
  opens[at]()
}
addEventListener("hashchange", () => {
  if (location.hash.length > 40) begin() // an address that was pasted into an open console
  else turn()
})
begin()
