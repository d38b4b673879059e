// A real house, of the binary that PORTHOUSE names.
import { execFile, spawn } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

const run = promisify(execFile)
export const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

/** Waits until is() holds; what is it that does not come? */
export async function until(what, is, most = 30_000) {
  for (const start = Date.now(); ;) {
    const value = await is()
    if (value) return value
    if (Date.now() - start > most) throw new Error(`${what}: not in ${most} ms`)
    await pause(50)
  }
}

export class TestHouse {
  said = ""
  listen = "127.0.0.1:0"

  static async open(...flags) {
    const house = new TestHouse()
    house.folder = await mkdtemp(join(tmpdir(), "porthouse-js-"))
    house.flags = flags
    await house.up()
    return house
  }

  /** Starts it, or one that follows a house that ended or lost its supervisor. */
  async up() {
    const child = spawn(process.env.PORTHOUSE, ["up", "--listen", this.listen, "--admin", "off", "--data", this.folder, ...this.flags],
      { detached: true, stdio: ["ignore", "ignore", "pipe"] })
    this.child = child
    this.ended = new Promise(resolve => child.on("exit", resolve))
    child.stderr.on("data", text => { this.said += text })
    await until("the house is up", async () => {
      if (child.exitCode !== null) throw new Error(`the house ended with ${child.exitCode}:\n${this.said}`)
      const status = await this.status().catch(() => ({}))
      if (status.state === "up" && status.puddles.every(p => p.pid)) this.listen = status.listen[0]
      return status.state === "up" && this.listen.slice(-2) !== ":0"
    })
    this.address = `ws://${this.listen}`
  }

  async do(...args) {
    const { stdout } = await run(process.env.PORTHOUSE, [...args, "--data", this.folder])
    return stdout.trim()
  }

  async status() { return JSON.parse(await this.do("status", "--json")) }

  async token(client) { return JSON.parse(await this.do("token", "add", client, "--json")).token }

  /** Ends the supervisor at once, and nothing else. */
  async killSupervisor() {
    process.kill(this.child.pid, "SIGKILL")
    await this.ended
  }

  async killPuddle(slot) {
    const of = async () => (await this.status()).puddles[slot].pid
    const pid = await of()
    process.kill(pid, "SIGKILL")
    await until("another puddle", async () => { const now = await of(); return now && now !== pid })
  }

  async close() {
    if (this.child.exitCode === null) this.child.kill("SIGQUIT")
    await this.ended
    await rm(this.folder, { recursive: true, force: true })
  }
}
