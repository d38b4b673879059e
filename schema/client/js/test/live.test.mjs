// The client against real houses: two hours of a day squeezed into a minute.
import assert from "node:assert/strict"
import { after, before, test } from "node:test"
import WebSocket from "ws"
import { connect, raw, PorthouseError } from "../porthouse.js"
import { TestHouse, pause, until } from "./house.mjs"

const options = { WebSocket, pauseLeast: 100, pauseMost: 1000 }
let house, open = []
const tokens = {}

before(async () => {
  house = await TestHouse.open("--puddles", "2", "--transient", "anyone", "--gather", "0")
  for (const [name, ...flags] of [["alice", "--owner"], ["bob"], ["carol"]]) {
    await house.do("client", "add", name, ...flags)
    tokens[name] = await house.token(name)
  }
  await house.do("room", "add", "alice/chat", "--owner", "alice", "--rules", `{"visible":true}`)
})
after(async () => {
  open.forEach(one => one.close())
  await house?.close()
})

const enter = (client, more) => {
  const one = connect(house.address, { ...options, token: tokens[client], ...more })
  open.push(one)
  return one
}
const refused = (promise, code) => assert.rejects(promise, error => error instanceof PorthouseError && error.code === code || assert.fail(`${error}: ${error.code}`))
const next = async loop => (await loop.next()).value

test("rooms, receipts and kinds on one socket", async () => {
  const alice = enter("alice"), bob = enter("bob", { protocol: "msgpack" })
  assert.equal((await alice.ready).client, "alice")
  const [one, two] = await Promise.all([alice.join("kinds"), alice.join("second")])
  assert.equal(await alice.join("kinds"), one)
  const there = await bob.join("kinds"), also = await bob.join("second")
  const heard = there[Symbol.asyncIterator](), other = also[Symbol.asyncIterator]()
  for (const data of ["text ü", { a: [1, null, 2.5] }, null, 7, "", new Uint8Array([0, 255, 128])]) {
    const receipt = await one.send(data)
    assert.equal(receipt.receivers, 1)
    assert.ok(receipt.id)
    const message = await next(heard)
    assert.equal(message.room, "kinds")
    assert.deepEqual(message.data instanceof Uint8Array ? new Uint8Array(message.data) : message.data, data)
  }
  await two.send("in the second")
  assert.equal((await next(other)).data, "in the second")
  const back = one[Symbol.asyncIterator]()
  await there.send(new Uint8Array([1, 2]))
  assert.deepEqual((await next(back)).data, new Uint8Array([1, 2]))

  assert.equal((await one.send("to bob", { to: "bob" })).receivers, 1)
  assert.equal((await next(heard)).data, "to bob")
  assert.equal((await one.send("to nobody", { to: ["carol"] })).receivers, 0)
  const direct = bob[Symbol.asyncIterator]()
  assert.equal((await alice.send({ hi: 1 }, { to: "bob" })).receivers, 1)
  const said = await next(direct)
  assert.deepEqual(said.data, { hi: 1 })
  assert.equal(said.from.client, "alice")

  assert.deepEqual((await one.who()).map(m => m.client).sort(), ["alice", "bob"])
  assert.ok((await alice.spaces()).some(room => room.room === "alice/chat"))
  assert.equal((await one.send("twice", { key: "k1" })).receivers, 1)
  await one.send("twice", { key: "k1" })
  await one.send("after")
  assert.equal((await next(heard)).data, "twice")
  assert.equal((await next(heard)).data, "after")

  await there.leave()
  assert.equal((await heard.next()).done, true)
  await refused(there.send("gone"), "gone")
  await refused(alice.join("no such name!"), "not-found")
})

test("a password is asked for, a kick ends a room, a wrong token a house", async () => {
  await house.do("room", "add", "club", "--rules", `{"password":"sesame"}`)
  const bob = enter("bob"), asked = []
  await refused(bob.join("club", { password: "no" }), "unauthorized")
  const club = await bob.join("club", { ask: question => { asked.push(question.ask); return { password: "sesame" } } })
  assert.equal(club.name, "club")
  assert.deepEqual(asked, [["password"]])
  await bob.join("again")

  const alice = enter("alice"), own = await alice.join("alice/chat"), guest = await bob.join("alice/chat")
  const loop = guest[Symbol.asyncIterator]()
  assert.equal(await own.putOut("bob"), 1)
  await assert.rejects(loop.next(), { code: "denied" })
  assert.equal((await bob.join("alice/chat")).name, "alice/chat")

  const wrong = connect(house.address, { ...options, token: "pht_wrong" })
  open.push(wrong)
  await refused(wrong.ready, "unauthorized")
  await refused(wrong.join("chat"), "unauthorized")

  let asks = 0
  const fresh = connect(house.address, { ...options, token: ({ fresh }) => { asks++; return fresh ? tokens.carol : "pht_old" } })
  open.push(fresh)
  assert.equal((await fresh.ready).client, "carol")
  assert.equal(asks, 2)
})

test("rules change, and with them what is taken", async () => {
  const alice = enter("alice"), own = await alice.join("alice/chat")
  const bob = enter("bob"), guest = await bob.join("alice/chat")
  await own.rules({ format: "json" })
  await until("bytes are refused", () => guest.send(new Uint8Array([255])).then(() => false, error => error.code === "format"))
  await own.rules({ format: null, size: 100 })
  await until("long ones are refused", () => guest.send("x".repeat(200)).then(() => false, error => error.code === "too-large"))
  await own.rules({ size: null })
  await until("long ones are taken", () => guest.send("x".repeat(200)).then(() => true, () => false))
})

test("a pure pipe", async () => {
  const one = raw(`${house.address}/pipe`, options), two = raw(`${house.address}/pipe`, options)
  open.push(one, two)
  const heard = two[Symbol.asyncIterator]()
  await until("both are in", async () => (await house.do("sequence", "list", "--room", "pipe", "--json").then(JSON.parse)).length === 2)
  await one.send("JOIN chat")
  await one.send(new Uint8Array([0, 1, 255]))
  assert.equal(await next(heard), "JOIN chat")
  assert.deepEqual(await next(heard), new Uint8Array([0, 1, 255]))
})

test("many sends keep their order and wait for the socket", async () => {
  const alice = enter("alice", { buffer: 4096 }), bob = enter("bob")
  const one = await alice.join("many"), loop = (await bob.join("many"))[Symbol.asyncIterator]()
  const sends = Array.from({ length: 1000 }, (_, n) => one.send({ n, pad: "x".repeat(200) }))
  for (let n = 0; n < 1000; n++) assert.equal((await next(loop)).data.n, n)
  assert.ok((await Promise.all(sends)).every(receipt => receipt.receivers === 1))
  const busy = enter("carol", { waiting: 2 })
  const room = await busy.join("many")
  const three = await Promise.allSettled([1, 2, 3].map(n => room.send(n)))
  assert.deepEqual(three.map(r => r.status), ["fulfilled", "fulfilled", "rejected"])
  assert.equal(three[2].reason.code, "full")
})

// Everybody talks, all the time; what comes is in order, nothing comes twice,
// and what does not come was announced.
test("reloads, deaths and a house that is away", { timeout: 240_000 }, async test => {
  const names = ["alice", "bob", "carol"]
  const talkers = await Promise.all(names.map(async (name, n) => {
    const one = enter(name, { protocol: n === 1 ? "msgpack" : "json", retry: name === "carol" })
    const talker = { name, one, room: await one.join("alice/chat"), sent: 0, told: [], unknown: 0, heard: {}, gaps: 0, lost: 0, wrong: [] }
    talker.room.on("message", ({ data: { from, n } }) => {
      if (!Number.isInteger(n)) return
      const before = talker.heard[from]
      if (before !== undefined && n <= before) talker.wrong.push(`${from} ${n} after ${before}`)
      if (before !== undefined && n > before + 1 && !talker.mayMiss.has(from)) talker.wrong.push(`${from} ${n} after ${before}: something is missing`)
      talker.heard[from] = n
    })
    talker.mayMiss = new Set()
    talker.room.on("reconnect", () => { talker.gaps++; names.forEach(name => talker.mayMiss.add(name)) })
    one.on("disconnect", () => { talker.lost++ })
    return talker
  }))
  let talks = true
  test.after(() => { talks = false })
  const away = () => talkers.reduce((sum, t) => sum + t.lost, 0)
  const talk = async talker => {
    while (talks) {
      const n = talker.sent++
      talker.room.send({ from: talker.name, n }).then(() => { talker.told.push(n) }, error => {
        talker.unknown++ // a number that the others may never hear
        talkers.forEach(other => other.mayMiss.add(talker.name))
        if (error.code !== "lost") talker.wrong.push(`${n}: ${error}`)
      })
      await pause(10)
    }
  }
  const talking = talkers.map(talk)
  const calm = () => talkers.forEach(t => { t.mayMiss.clear() })
  const goesOn = async (what, speakers = names) => {
    const from = talkers.map(t => t.sent)
    await until(`after ${what} all hear all`, () => talkers.every(t => talkers.every((o, i) => o === t || !speakers.includes(o.name) || t.heard[o.name] > from[i])), 60_000)
    for (const t of talkers) assert.deepEqual(t.wrong, [], `${t.name} after ${what}`)
    test.diagnostic(`${what}: ${talkers.map(t => `${t.name} sent ${t.sent}, gaps ${t.gaps}, unknown ${t.unknown}`).join("; ")}`)
    calm()
  }
  await goesOn("the beginning")
  for (let n = 0; n < 3; n++) {
    await house.do("reload")
    await goesOn(`reload ${n}`)
  }
  assert.equal(away(), 0, "a reload closes nothing")

  for (const slot of [0, 1]) {
    await house.killPuddle(slot)
    await goesOn(`the death of puddle ${slot}`)
  }
  await house.killSupervisor()
  await goesOn("the death of the supervisor", ["alice", "bob"]) // it is who knows keys: carol's wait
  await house.up()
  await goesOn("another supervisor")

  for (let n = 0; n < 2; n++) {
    const gaps = talkers.map(t => t.gaps)
    await house.do("stop")
    await house.ended
    await pause(2000)
    await house.up()
    await goesOn(`stop and start ${n}`)
    talkers.forEach((t, i) => assert.ok(t.gaps > gaps[i], `${t.name} is told what it may have missed`))
  }
  talks = false
  await Promise.all(talking)
  await until("every send is settled", () => talkers.every(t => t.told.length + t.unknown === t.sent), 90_000)
})
