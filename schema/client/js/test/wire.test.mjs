// The vectors of the wire, which the server and each client run.
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { test } from "node:test"
import * as library from "@msgpack/msgpack"
import { json, msgpack } from "../porthouse.js"

const cases = name => JSON.parse(readFileSync(new URL(`../../../testdata/wire/${name}.json`, import.meta.url)))
const codecs = { json, msgpack: msgpack(library) }

const bytesOf = text => new Uint8Array(Buffer.from(text, "base64"))
const frameOf = ({ protocol, base64, input }) => {
  const bytes = protocol === "msgpack" || base64 ? bytesOf(input) : undefined
  if (protocol === "msgpack") return bytes.buffer
  return bytes ? new TextDecoder().decode(bytes) : input
}

/** What a program reads for a message of a vector. */
const dataOf = ({ kind, text, bytes, value }) => kind === "text" ? text : kind === "bytes" ? bytesOf(bytes) : JSON.parse(value)

/** A float64 does not hold every number of JSON: those it cannot are left out. */
const inexact = value => /-?\d{16,}|\d\.\d{16,}|\d[eE]/.test(value ?? "")

let ran = 0
for (const c of cases("messages")) {
  const codec = codecs[c.protocol]
  if (!codec || c.protocol === "msgpack" && inexact(c.expect.message.value)) continue
  ran++
  test(`messages: ${c.name}`, () => {
    const { data, ...rest } = codec.decode(frameOf(c))
    const { message, ...expected } = c.expect
    assert.deepEqual(data, dataOf(message))
    assert.deepEqual(rest, expected)
  })
}

for (const c of cases("replies")) {
  if (!codecs[c.protocol]) continue
  ran++
  test(`replies: ${c.name}`, () => assert.deepEqual(codecs[c.protocol].decode(frameOf(c)), JSON.parse(c.expect)))
}

// What is sent for an envelope means the same as the vector's own frame.
for (const c of cases("envelopes")) {
  const codec = codecs[c.protocol]
  if (!codec || inexact(c.expect.message?.value)) continue
  ran++
  test(`envelopes: ${c.name}`, () => {
    const { message, command, ...rest } = c.expect
    const envelope = command ? { ...JSON.parse(command), ...rest } : { ...rest, data: dataOf(message) }
    const frame = codec.encode(envelope)
    const sent = c.protocol === "msgpack" ? frame.buffer.slice(frame.byteOffset, frame.byteOffset + frame.length) : frame
    assert.deepEqual(codec.decode(sent), envelope)
    if (message?.kind === "bytes" && c.protocol === "json") assert.ok("bytes" in JSON.parse(frame))
  })
}

test("there were vectors", () => assert.ok(ran > 100, `${ran}`))
