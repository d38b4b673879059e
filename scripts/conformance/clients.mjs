// Three clients of other hands against an echo room: what they send comes back,
// in whatever sizes and fragments, and their closing handshakes end well.
//
//	node clients.mjs ws://127.0.0.1:8080/echo

import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const [url] = process.argv.slice(2)
const patience = 20_000

// A client is: open, send(data, fragments), heard(message), close(code, reason).
const clients = {
  ws() {
    const WebSocket = require('ws')
    const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: 1 << 28 })
    const client = basics()
    socket.on('open', client.opened)
    socket.on('message', (data, binary) => client.took(binary ? data : data.toString()))
    socket.on('pong', data => client.took({ pong: data.toString() }))
    socket.on('close', (code, reason) => client.ended({ code, reason: reason.toString() }))
    socket.on('error', client.failed)
    client.close = (code, reason) => socket.close(code, reason)
    client.ping = text => socket.ping(text)
    client.send = (data, pieces = 1) => {
      const whole = Buffer.from(data)
      const size = Math.ceil(whole.length / pieces) || 1
      for (let at = 0, n = 1; n <= pieces; n++, at += size)
        socket.send(whole.subarray(at, at + size), { binary: typeof data !== 'string', fin: n === pieces })
    }
    return client
  },
  websocket() {
    const { client: Client } = require('websocket')
    const socket = new Client({ maxReceivedFrameSize: 1 << 28, maxReceivedMessageSize: 1 << 28, fragmentationThreshold: 4096 })
    const client = basics()
    socket.on('connectFailed', client.failed)
    socket.on('connect', c => {
      c.on('message', m => client.took(m.type === 'utf8' ? m.utf8Data : m.binaryData))
      c.on('pong', data => client.took({ pong: data.toString() }))
      c.on('close', (code, reason) => client.ended({ code, reason }))
      c.on('error', client.failed)
      client.close = (code, reason) => c.close(code, reason)
      client.ping = text => c.ping(text)
      client.send = data => typeof data === 'string' ? c.sendUTF(data) : c.sendBytes(data)
      client.opened()
    })
    socket.connect(url)
    return client
  },
  'faye-websocket'() {
    const { Client } = require('faye-websocket')
    const socket = new Client(url, [], { maxLength: 1 << 28 })
    const client = basics()
    socket.on('open', client.opened)
    socket.on('message', e => client.took(typeof e.data === 'string' ? e.data : Buffer.from(e.data)))
    socket.on('close', e => client.ended({ code: e.code, reason: e.reason }))
    socket.on('error', client.failed)
    client.close = (code, reason) => socket.close(code, reason)
    client.ping = text => socket.ping(text, () => client.took({ pong: text }))
    client.send = data => socket.send(data)
    return client
  },
}

function basics() {
  const queue = [], waiting = []
  const give = one => waiting.length ? waiting.shift()(one) : queue.push(one)
  const client = {
    took: message => give({ message }),
    ended: end => give({ end }),
    failed: error => give({ error }),
    next: () => queue.length ? Promise.resolve(queue.shift()) : Promise.race([
      new Promise(done => waiting.push(done)),
      new Promise((_, fail) => setTimeout(() => fail(new Error('nothing came')), patience).unref()),
    ]),
  }
  client.open = new Promise(done => { client.opened = done })
  return client
}

const same = (a, b) => typeof a === typeof b && (typeof a === 'string' ? a === b : Buffer.isBuffer(a) ? Buffer.compare(a, b) === 0 : JSON.stringify(a) === JSON.stringify(b))

async function echo(client, data, pieces) {
  client.send(data, pieces)
  const got = await client.next()
  if (!same(got.message, data)) throw new Error(`not what was sent: ${JSON.stringify(got).slice(0, 200)}`)
}

// random is the same in every run.
let seed = 1
const random = n => (seed = (seed * 1103515245 + 12345) % 2147483648) % n
const alphabet = [...'abc xyz\n\t"{}éßκόσμε▶日本語💡𝄞\u0000\uffff']
const text = n => Array.from({ length: n }, () => alphabet[random(alphabet.length)]).join('')
const bytes = n => Buffer.from(Array.from({ length: n }, () => random(256)))

const cases = []
for (const size of [0, 1, 125, 126, 127, 128, 65535, 65536, 65537, 1 << 20, 8 << 20]) {
  cases.push([`text of ${size}`, c => echo(c, 'x'.repeat(size))])
  cases.push([`bytes of ${size}`, c => echo(c, Buffer.alloc(size, 0xfe))])
  for (const pieces of [2, 3, 64, 1024]) {
    cases.push([`text of ${size} in ${pieces}`, c => echo(c, 'y'.repeat(size), pieces)])
    cases.push([`bytes of ${size} in ${pieces}`, c => echo(c, Buffer.alloc(size, 7), pieces)])
  }
}
for (let n = 0; n < 200; n++) {
  cases.push([`random text ${n}`, c => echo(c, text(random(3000)), 1 + random(20))])
  cases.push([`random bytes ${n}`, c => echo(c, bytes(random(3000)), 1 + random(20))])
}
cases.push(['a hundred at once', async c => {
  for (let n = 0; n < 100; n++) c.send(`message ${n}`)
  for (let n = 0; n < 100; n++) if (!same((await c.next()).message, `message ${n}`)) throw new Error(`message ${n} is not in its place`)
}])
for (const payload of ['', 'ping', 'p'.repeat(125)])
  cases.push([`ping of ${payload.length}`, async c => {
    c.ping(payload)
    if (!same((await c.next()).message, { pong: payload })) throw new Error('no such pong')
  }])
const ends = [[1000, ''], [1000, 'bye'], [3000, 'library'], [4999, 'κόσμε'], [1000, 'r'.repeat(123)]].map(([code, reason]) =>
  [`close ${code} ${reason.slice(0, 8)}`, async c => {
    c.close(code, reason)
    const { end } = await c.next()
    if (end?.code !== code) throw new Error(`closed with ${JSON.stringify(end)}`)
  }])

let bad = 0
for (const [name, make] of Object.entries(clients)) {
  const verdicts = { OK: 0, FAILED: 0 }
  let client
  const judge = async (what, run) => {
    try {
      await run(client)
      verdicts.OK++
    } catch (error) {
      verdicts.FAILED++
      console.log(`   ${name}: ${what}: ${error.message ?? error}`)
      client = make()
      await client.open
    }
  }
  client = make()
  await client.open
  for (const [what, run] of cases) await judge(what, run)
  for (const [what, run] of ends) {
    client = make()
    await client.open
    await judge(what, run)
  }
  console.log(`${name}: ${verdicts.OK} OK, ${verdicts.FAILED} FAILED`)
  bad += verdicts.FAILED
}
process.exit(bad ? 1 : 0)
