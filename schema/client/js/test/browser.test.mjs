// The client in chromium: from a plain page of another origin, and behind Vite.
import assert from "node:assert/strict"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:http"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, test } from "node:test"
import { build } from "vite"
import { TestHouse } from "./house.mjs"

const { chromium } = createRequire(import.meta.url)(process.env.PLAYWRIGHT)
let house, browser, server, folder, at
const files = {}

/** A program that says something into a room, and shows what another heard. */
const program = from => `
import { connect } from ${JSON.stringify(from)}
const address = new URLSearchParams(location.search).get("house")
const one = connect(address), two = connect(address)
const room = await one.join("tabs"), other = await two.join("tabs")
const receipt = await room.send(new Uint8Array([1, 2, 255]))
for await (const { data } of other) {
  document.title = JSON.stringify([...data, receipt.receivers])
  break
}
await connect(address).join("nowhere/at-all").catch(error => { document.body.textContent = error.code })
`

before(async () => {
  house = await TestHouse.open("--puddles", "2", "--transient", "anyone", "--defaults", `{"origins":["*"]}`)
  server = createServer((request, response) => {
    const body = files[new URL(request.url, "http://x").pathname]
    response.writeHead(body ? 200 : 404, { "Content-Type": request.url.includes(".js") ? "text/javascript" : "text/html" })
    response.end(body)
  })
  await new Promise(resolve => server.listen(0, "127.0.0.1", resolve))
  at = `http://127.0.0.1:${server.address().port}`
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ["--disable-dev-shm-usage", ...(process.getuid() === 0 ? ["--no-sandbox"] : [])],
  })
  folder = await mkdtemp(join(tmpdir(), "porthouse-vite-"))
})
after(async () => {
  await browser?.close()
  server?.close()
  await house?.close()
  if (folder) await rm(folder, { recursive: true })
})

const visit = async path => {
  const page = await browser.newPage(), errors = []
  page.on("pageerror", error => errors.push(`${error}`))
  await page.goto(`${at}${path}?house=${encodeURIComponent(house.address)}`)
  try {
    await page.waitForFunction(() => document.title && document.body.textContent.trim(), null, { timeout: 20_000 })
  } catch (error) {
    assert.fail(`${error}; ${errors}`)
  }
  assert.equal(await page.title(), "[1,2,255,1]")
  assert.match(await page.textContent("body"), /denied|not-found/)
  assert.deepEqual(errors, [])
  await page.close()
}

test("from a plain script", async () => {
  files["/plain"] = `<!doctype html><body><script type="module">${program(`${house.address.replace("ws", "http")}/-/porthouse.js`)}</script>`
  await visit("/plain")
})

test("behind Vite", async () => {
  const client = new URL("../porthouse.js", import.meta.url).pathname
  await writeFile(join(folder, "main.js"), program(client))
  await build({
    root: folder, logLevel: "error", configFile: false,
    build: { target: "es2022", outDir: "dist", rollupOptions: { input: join(folder, "main.js"), output: { entryFileNames: "built.js" } } },
  })
  files["/built.js"] = await readFile(join(folder, "dist", "built.js"))
  files["/built"] = `<!doctype html><body><script type="module" src="/built.js"></script>`
  await visit("/built")
})
