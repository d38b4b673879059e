// What docs/first-run.md tells a stranger to do works, to its last line.
import assert from "node:assert/strict"
import { test } from "node:test"
import { follow, freePort } from "./first-run.mjs"

test("the first ten minutes", { timeout: 300000 }, async () => {
  const now = await follow({ port: await freePort() })
  for (const said of ['"receivers":2', "sent to 2", '"error":"unauthorized"', '"error":"denied"', "all 2000, in order, none twice"]) {
    assert.ok(now.includes(said), `nothing says ${said} in\n${now}`)
  }
  assert.match(now, /^\d+ sockets in \d+ puddles handed over .* 0 lost$/m)
})
