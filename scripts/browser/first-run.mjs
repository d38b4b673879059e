// Does what docs/first-run.md says, from top to bottom: each command in one
// shell, each picture in a browser. first-run.mjs writes into the page what the
// commands print and makes the pictures anew; it takes port 8080, as the page
// does. first-run.test.mjs only follows, on other ports.
import { execFileSync, spawn } from "node:child_process"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { browse } from "./house.mjs"

const page = "docs/first-run.md"
const usual = 8080

/** A shell in the repository, with a home of its own. */
function shell(home, port) {
  const [GOCACHE, GOMODCACHE, GOPATH] = execFileSync("go", ["env", "GOCACHE", "GOMODCACHE", "GOPATH"]).toString().trim().split("\n")
  const child = spawn("bash", { stdio: ["pipe", "pipe", "inherit"], env: {
    ...process.env, HOME: home, GOCACHE, GOMODCACHE, GOPATH,
    ...(port === usual ? {} : { PORTHOUSE_LISTEN: `127.0.0.1:${port}`, PORTHOUSE_ADMIN: "127.0.0.1:0" }),
  } })
  child.stdin.write("exec 2>&1\n")
  let said = ""
  let heard = () => {}
  child.stdout.on("data", text => { said += text; heard() })
  let left = false
  child.on("exit", () => { left = true; heard() })
  const end = "\x01"
  /** Runs a line; what it printed, and its exit status. */
  return async line => {
    const before = said.length
    child.stdin.write(`${line}\nprintf '${end}%d${end}' $?\n`)
    for (;;) {
      const [text, status, whole] = said.slice(before).split(end)
      if (whole !== undefined) return { text, status: Number(status) }
      if (left) throw new Error(`the shell ended at ${line}\n${text}`)
      await new Promise(resolve => { heard = resolve })
    }
  }
}

/** What happens in the browser, by the name of its picture or of a comment in the page: gives the tab to take. */
function scenes(browser, address, home) {
  const tabs = {}
  const say = async (tab, words) => {
    await tab.getByLabel("Your message").fill(words)
    await tab.keyboard.press("Enter")
  }
  const hears = (tab, words) => tab.locator("#messages > li").getByText(words).waitFor()
  const signIn = async name => {
    const tab = await browser.tab(`${address}/team`)
    await tab.getByLabel("Token").waitFor() // the page asks by itself
    await tab.getByLabel("Token").fill((await readFile(join(home, `house/${name}.token`), "utf8")).trim())
    await tab.keyboard.press("Enter")
    await tab.getByText(`${name} (you)`).waitFor()
    return tab
  }
  return {
    async "first-message"() {
      tabs.one = await browser.tab(`${address}/chat`)
      tabs.two = await browser.tab(`${address}/chat`)
      await tabs.one.getByText("2 here").waitFor()
      await say(tabs.one, "Is anybody here?")
      await hears(tabs.two, "Is anybody here?")
      await say(tabs.two, "I am, in the other tab.")
      await hears(tabs.one, "I am, in the other tab.")
      return tabs.one
    },
    async "sign in"() {
      tabs.alice = await signIn("alice")
      tabs.bob = await signIn("bob")
      await say(tabs.bob, "Hello, alice.")
      await hears(tabs.alice, "Hello, alice.")
    },
    async "first-team"() {
      await say(tabs.alice, "I have the floor.")
      await hears(tabs.bob, "I have the floor.")
      await say(tabs.bob, "May I?")
      await tabs.bob.getByText("not admitted").first().waitFor()
      return tabs.bob
    },
    async "first-lobby"() {
      const lobby = await browser.tab(address)
      await lobby.getByText("2 here").first().waitFor()
      return lobby
    },
    /** After the deploy: the tabs of the beginning were not loaded anew, and talk. */
    async "go on"() {
      await say(tabs.one, "Still here?")
      await hears(tabs.two, "Still here?")
      await hears(tabs.one, "I am, in the other tab.")
      if (browser.faults.length > 0) throw new Error(browser.faults.join("\n"))
    },
  }
}

/** A house that is up in the shell's background, as in a terminal of its own. */
async function up(run, line, address) {
  await run(`script -qfec '${line}' /dev/null > ~/up.log 2>&1 < /dev/null &`)
  for (let tries = 0; tries < 300; tries++) {
    if (await fetch(`${address}/-/ready`).then(answer => answer.ok, () => false)) return run("tr -d '\\r' < ~/up.log")
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  throw new Error(`the house is not up:\n${(await run("cat ~/up.log")).text}`)
}

/** Follows the page on a port; pictures: the folder to put them in. Gives the page with what was printed. */
export async function follow({ port, pictures }) {
  const home = await mkdtemp(join(tmpdir(), "porthouse-first-"))
  const address = `http://localhost:${port}`
  const run = shell(home, port)
  const browser = await browse({ viewport: { width: 640, height: 460 } })
  const scene = scenes(browser, address, home)
  const lines = []
  let inside = false // a block of commands
  try {
    for (const line of (await readFile(page, "utf8")).split("\n")) {
      if (line.startsWith("```")) inside = line === "```console"
      if (!inside || line.startsWith("```") || line.startsWith("$ ")) lines.push(line)
      const [, picture, unseen] = line.match(/^!\[.*\]\(images\/(.*)\.png\)$|^<!-- (.*) -->$/) ?? []
      if (unseen) await scene[unseen]()
      if (picture) {
        const tab = await scene[picture]()
        if (pictures) await tab.screenshot({ path: join(pictures, `${picture}.png`) })
      }
      if (!inside || !line.startsWith("$ ")) continue
      const command = line.slice(2).replaceAll(`:${usual}`, `:${port}`)
      const { text, status } = await (command.startsWith("./porthouse up") ? up(run, command, address) : run(command))
      if (status !== 0) throw new Error(`${line}: exit status ${status}\n${text}`)
      if (text.trim()) lines.push(text.replaceAll(home, "/home/you").trim())
    }
    return lines.join("\n")
  } finally {
    await browser.close()
    await run("./porthouse stop; kill $(jobs -p); wait").catch(() => {})
    await run("exit").catch(() => {})
    await rm(home, { recursive: true, force: true })
  }
}

/**
 * A port of loopback that nobody has, and that the kernel gives to no
 * connection before the house takes it. (Browsers refuse some below 20000.)
 */
export async function freePort() {
  const [low, high] = (await readFile("/proc/sys/net/ipv4/ip_local_port_range", "utf8")).trim().split(/\s+/).map(Number)
  for (;;) {
    const port = 20000 + Math.floor(Math.random() * 45536)
    if ((port < low || port > high) && await isFree(port)) return port
  }
}

const isFree = port => new Promise(resolve => {
  const server = createServer().once("error", () => resolve(false))
  server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)))
})

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const began = performance.now()
  await writeFile(page, await follow({ port: usual, pictures: "docs/images" }))
  console.log(`${page} and its pictures are as of now; all of it took ${((performance.now() - began) / 1000).toFixed(0)} s`)
}
