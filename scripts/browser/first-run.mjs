// From nothing to a first message between two tabs, with a clock beside it:
// first-run.mjs REPOSITORY FOLDER. What docs/first-run.md says is done here; the
// pictures go to FOLDER. COLD=1 starts with Go's caches empty, too.
import { execFile, spawn } from "node:child_process"
import { mkdir, mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { browse } from "./house.mjs"

const run = promisify(execFile)
const [repository, pictures] = process.argv.slice(2)
const folder = await mkdtemp(join(tmpdir(), "porthouse-first-"))
const clone = join(folder, "porthouse")

/** A free port: 8080 may be somebody's on this machine. */
const port = await new Promise(resolve => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address()
    server.close(() => resolve(port))
  })
})
const env = { ...process.env, PORTHOUSE_LISTEN: `127.0.0.1:${port}`, PORTHOUSE_ADMIN: "off" }
if (process.env.COLD) Object.assign(env, { GOCACHE: join(folder, "build"), GOMODCACHE: join(folder, "modules"), GOFLAGS: "-modcacherw" })
const address = `http://localhost:${port}`

const began = performance.now()
let last = began
const took = step => {
  const now = performance.now()
  console.log(`${((now - last) / 1000).toFixed(1).padStart(6)} s  ${step}`)
  last = now
}

let house, browser
try {
  await run("git", ["clone", "--quiet", repository, clone])
  took("git clone")
  house = spawn("make", ["run"], { cwd: clone, env, detached: true, stdio: ["ignore", "ignore", "pipe"] })
  let said = ""
  house.stderr.on("data", text => { said += text })
  while (!await fetch(`${address}/-/ready`).then(answer => answer.ok, () => false)) {
    if (house.exitCode !== null) throw new Error(`make run ended:\n${said}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  took("make run: built, and the house is up")

  browser = await browse({ viewport: { width: 800, height: 440 } })
  took("a browser starts")
  const one = await browser.tab(`${address}/chat`)
  const two = await browser.tab(`${address}/chat`)
  await one.getByText("2 here").waitFor()
  took("two tabs stand in /chat")
  await one.getByLabel("Your message").fill("Is anybody here?")
  await one.keyboard.press("Enter")
  await two.locator("#messages > li").getByText("Is anybody here?").waitFor()
  took("the first message, typed in one, is read in the other")
  console.log(`${((last - began) / 1000).toFixed(1).padStart(6)} s  in all`)

  await two.getByLabel("Your message").fill("I am, in the other tab.")
  await two.keyboard.press("Enter")
  await one.locator("#messages > li").getByText("I am, in the other tab.").waitFor()
  if (pictures) {
    await mkdir(pictures, { recursive: true })
    await one.screenshot({ path: join(pictures, "first-message.png") })
    const lobby = await browser.tab(address)
    await lobby.getByText("2 here").waitFor()
    await lobby.screenshot({ path: join(pictures, "first-lobby.png") })
  }
} finally {
  await browser?.close()
  if (house?.exitCode === null) {
    const ended = new Promise(resolve => house.on("exit", resolve))
    process.kill(-house.pid, "SIGINT")
    await ended
  }
  await rm(folder, { recursive: true, force: true })
}
