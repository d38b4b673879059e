// A house of the binary that was just built, and a browser that visits it.
import { execFile, spawn } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

const { chromium } = createRequire(import.meta.url)(process.env.PLAYWRIGHT)
const run = promisify(execFile)

/** A house on loopback, up. */
export async function open(...flags) {
  const folder = await mkdtemp(join(tmpdir(), "porthouse-browser-"))
  const house = {
    said: "",
    /** Another command on the house's folder; its output. */
    do: (...args) => house.feed("", ...args),
    /** The same, with something on its standard input. */
    async feed(input, ...args) {
      const ran = run(process.env.PORTHOUSE, [...args, "--data", folder])
      ran.child.stdin.on("error", () => {}) // a command that reads nothing may have ended
      ran.child.stdin.end(input)
      return (await ran).stdout.trim()
    },
    async close() {
      process.kill(-child.pid, "SIGQUIT")
      await ended
      await rm(folder, { recursive: true, force: true })
    }
  }
  const child = spawn(process.env.PORTHOUSE, ["up", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data", folder, ...flags],
    { detached: true, stdio: ["ignore", "ignore", "pipe"] })
  const ended = new Promise(resolve => child.on("exit", resolve))
  child.stderr.on("data", text => { house.said += text })
  for (let tries = 0; ; tries++) {
    const status = await house.do("status", "--json").then(JSON.parse, () => ({}))
    if (status.state === "up") {
      house.address = `http://${status.listen[0]}`
      house.admin = `http://${status.admin}`
      return house
    }
    if (tries === 300 || child.exitCode !== null) throw new Error(`the house is not up:\n${house.said}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

/** A browser; faults lists what no page may do: errors, refused requests, calls elsewhere. */
export async function browse(options = {}) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ["--disable-dev-shm-usage", ...(process.getuid() === 0 ? ["--no-sandbox"] : [])],
  })
  const faults = []
  return {
    faults,
    /** A tab of a visitor of its own, at an address. */
    async tab(address, more = {}) {
      const context = await browser.newContext({ acceptDownloads: true, ...options, ...more })
      const page = await context.newPage()
      page.setDefaultTimeout(20000)
      page.on("pageerror", error => faults.push(`error: ${error}`))
      page.on("console", message => {
        const text = message.text()
        if (/content security policy|trusted/i.test(text)) faults.push(`console: ${text}`)
      })
      page.on("dialog", dialog => { faults.push(`dialog: ${dialog.message()}`); dialog.dismiss() })
      page.on("request", request => {
        const url = new URL(request.url())
        if (url.protocol !== "blob:" && url.host !== new URL(address).host) faults.push(`asked ${url}`)
      })
      page.on("websocket", socket => { if (new URL(socket.url()).host !== new URL(address).host) faults.push(`socket to ${socket.url()}`) })
      await page.goto(address)
      return page
    },
    close: () => browser.close()
  }
}
