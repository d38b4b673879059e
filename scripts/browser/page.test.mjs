// The page, in chromium, on a house of two puddles.
import assert from "node:assert/strict"
import { readFile } from "node:fs/promises"
import { after, before, test } from "node:test"
import { browse, open } from "./house.mjs"

let house, browser, alice
before(async () => {
  house = await open("--open", "--puddles", "2", "--entry-timeout", "3s")
  browser = await browse()
  await house.do("client", "add", "alice", "--owner")
  alice = await house.do("token", "add", "alice")
  await house.do("room", "add", "club", "--rules", JSON.stringify({ password: "a frog", presence: true }))
  await house.do("room", "add", "alice/team", "--rules", JSON.stringify({ access: "owner", visible: false, meta: ["from"] }))
  await house.do("room", "add", "numbers", "--rules", JSON.stringify({ format: "json" }))
})
after(async () => {
  await browser?.close()
  await house?.close()
})

const messages = page => page.locator("#messages > li")
const saysOf = page => page.locator("#messages > li .text").allTextContents()
async function say(page, words) {
  await page.getByLabel("Your message").fill(words)
  await page.keyboard.press("Enter")
}

/** Waits until a condition on the page holds. */
const until = (page, is, argument) => page.waitForFunction(is, argument)

test("two tabs chat: text, JSON, bytes; who is there; how many", async () => {
  const one = await browser.tab(house.address), two = await browser.tab(`${house.address}/chat`)
  await two.getByText("1 here").waitFor()
  const line = one.getByRole("listitem").filter({ hasText: "chat" })
  await line.getByText("1 here").waitFor()
  await line.getByRole("link", { name: "chat" }).click()
  await one.getByText("2 here").waitFor()
  await two.getByText("2 here").waitFor() // without a reload
  assert.equal(new URL(one.url()).pathname, "/chat")

  await say(one, "hello\n  there")
  await messages(two).getByText("hello").waitFor()
  assert.deepEqual(await saysOf(two), ["hello\n  there"])
  await one.getByText("heard by 1").waitFor()

  await two.locator("#as").selectOption("json")
  await say(two, '{"n": 9007199254740993, "x": [1.10, "y"]}')
  await messages(one).locator("summary").click()
  assert.equal(await one.locator("#messages pre").textContent(), JSON.stringify({ n: 1, x: [1, "y"] }, null, 2).replace("1,", "9007199254740993,").replace("    1", "    1.10"))

  const bytes = Buffer.from(Array.from({ length: 5000 }, (_, n) => n % 256))
  await one.locator("#files").setInputFiles({ name: "some.bin", mimeType: "image/png", buffer: bytes })
  await messages(two).getByText("4.9 KiB of bytes").waitFor()
  const [download] = await Promise.all([two.waitForEvent("download"), messages(two).getByRole("button", { name: "Download" }).click()])
  assert.deepEqual(await readFile(await download.path()), bytes)
  assert.equal(download.suggestedFilename(), "chat.bin")

  // dropped on the page
  const data = await two.evaluateHandle(() => {
    const data = new DataTransfer()
    data.items.add(new File([new Uint8Array([1, 2, 255])], "x"))
    return data
  })
  await two.dispatchEvent("body", "drop", { dataTransfer: data })
  await messages(one).getByText("3 bytes of bytes").waitFor()

  await one.locator("#files").setInputFiles({ name: "large", mimeType: "", buffer: Buffer.alloc(70000) })
  await one.getByRole("alert").getByText("this room takes 64.0 KiB").waitFor()

  await one.goBack()
  await one.getByText("Rooms you may see").waitFor()
  await two.getByText("1 here").waitFor()
  await Promise.all([one.close(), two.close()])
})

test("a room of JSON refuses what is none, and nothing is cut off", async () => {
  const one = await browser.tab(`${house.address}/numbers`), two = await browser.tab(`${house.address}/numbers`)
  await one.getByText("2 here").waitFor()
  await until(one, () => document.getElementById("as").value === "json")
  await say(one, "{")
  await one.getByRole("alert").getByText("This is no JSON").waitFor()
  await say(one, '"words"')
  await messages(two).getByText("words").waitFor()
  await one.locator("#as").selectOption("text")
  await say(one, "no json")
  await messages(two).getByText("no json").waitFor()
  await Promise.all([one.close(), two.close()])
})

test("a password room is entered, also by who types slowly", async () => {
  const inside = await browser.tab(`${house.address}/club`)
  await inside.getByRole("heading", { name: "asks for a password" }).waitFor()
  assert.equal(await inside.evaluate(() => document.activeElement.id), "password")
  await inside.keyboard.type("a toad")
  await inside.keyboard.press("Enter")
  await inside.getByRole("alert").getByText("wrong password").waitFor()
  await inside.waitForTimeout(3500) // --entry-timeout is over
  await inside.getByLabel("Password", { exact: true }).last().fill("a frog")
  await inside.keyboard.press("Enter")
  await inside.getByText("1 here").waitFor()

  const other = await browser.tab(`${house.address}/club`)
  await other.getByLabel("Password", { exact: true }).last().fill("a frog")
  await other.keyboard.press("Enter")
  await other.getByText("2 here").waitFor()
  await inside.getByText("came").waitFor()
  await say(other, "in")
  await messages(inside).getByText("in", { exact: true }).waitFor()
  await other.close()
  await inside.getByText("went").waitFor()
  await inside.close()
})

test("who one is: a token, a name and password; and what others may not see", async () => {
  const page = await browser.tab(`${house.address}/alice/team`)
  await page.getByRole("alert").getByText("alice/team").waitFor() // as if there were none
  await page.getByRole("button", { name: "Sign in" }).first().click()
  await page.getByLabel("Token").fill("pht_wrong")
  await page.keyboard.press("Enter")
  await page.getByRole("alert").getByText(/token/i).waitFor()
  await page.getByLabel("Token").fill(alice)
  await page.keyboard.press("Enter")
  await page.getByText("1 here").waitFor()
  await page.getByRole("button", { name: "alice" }).waitFor()
  await page.reload() // the tab knows who it is
  await page.getByText("1 here").waitFor()
  await page.getByText("alice (you)").waitFor()
  await house.do("send", "alice/team", "from the house")
  await messages(page).getByText("from the house").waitFor()

  await house.feed("correct horse\n", "client", "passwd", "alice")
  await page.getByRole("button", { name: "alice" }).click()
  await page.getByLabel("Name", { exact: true }).fill("alice")
  await page.getByLabel("Password", { exact: true }).first().fill("correct horse")
  await page.keyboard.press("Enter")
  await page.getByText("alice (you)").waitFor()
  await page.getByRole("link", { name: "The rooms of this house" }).or(page.locator("#house")).first().click()
  await page.getByRole("link", { name: "alice/team" }).click() // which nobody else is shown
  await page.getByText("alice (you)").waitFor()

  await page.getByRole("button", { name: "alice" }).click()
  await page.getByRole("button", { name: "Be nobody again" }).click()
  await page.getByRole("alert").getByText("alice/team").waitFor()
  await page.close()
})

test("an attacker's message shows as text, and does nothing", async () => {
  const page = await browser.tab(`${house.address}/danger`)
  await page.getByText("1 here").waitFor()
  const attacks = [
    "<script>window.hacked=1</script>", "<img src=x onerror='window.hacked=1'>", "<svg/onload=window.hacked=1>",
    "javascript:window.hacked=1", "</li></ol><h1>owned</h1>", "<a href='javascript:hacked=1'>x</a>", "${window.hacked=1}", "\u202Egnp.exe",
    "<style>*{display:none}</style>", "<meta http-equiv=refresh content='0;url=https://example.com'>",
  ]
  const elements = () => page.evaluate(() => document.querySelectorAll("script, style, img, svg, iframe, object, meta, link, a, h1").length)
  const before = await elements()
  await page.evaluate(async attacks => {
    const socket = new WebSocket(location.href.replace(/^http/, "ws"), "porthouse.v1.json")
    await new Promise(resolve => { socket.onopen = resolve })
    for (const text of attacks) {
      socket.send(JSON.stringify({ data: text }))
      socket.send(JSON.stringify({ data: { [text]: [text], __proto__: { hidden: 1 }, constructor: text } }))
      socket.send(JSON.stringify({ bytes: btoa(unescape(encodeURIComponent(text))) }))
    }
    socket.send('{"data":{"__proto__":{"polluted":1}}}')
    socket.send('{"data":' + "[".repeat(60) + "]".repeat(60) + "}")
  }, attacks)
  await until(page, n => document.querySelectorAll("#messages > li").length === n, 3 * attacks.length + 2)
  for (const fold of await page.locator("#messages summary").all()) await fold.click()
  const texts = await page.locator("#messages > li > p.text").allTextContents()
  for (const text of attacks) assert.ok(texts.includes(text), `shown as it was said: ${text}`)
  assert.equal(await elements(), before)
  assert.equal(await page.evaluate(() => window.hacked ?? {}.polluted), undefined)
  assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), "danger")
  await page.close()
})

test("a reload under an open tab loses nothing", async () => {
  const hears = await browser.tab(`${house.address}/busy`), speaks = await browser.tab(`${house.address}/busy`)
  await hears.getByText("2 here").waitFor()
  const most = 400
  const spoken = speaks.evaluate(async most => {
    const socket = new WebSocket(location.href.replace(/^http/, "ws"))
    await new Promise(resolve => { socket.onopen = resolve })
    let closed = false
    socket.onclose = () => { closed = true }
    for (let n = 0; n < most; n++) {
      socket.send(`message ${n}`)
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    return closed
  }, most)
  await messages(hears).getByText("message 20", { exact: true }).waitFor()
  await house.do("reload")
  assert.equal(await spoken, false)
  await messages(hears).getByText(`message ${most - 1}`, { exact: true }).waitFor()
  assert.deepEqual((await saysOf(hears)).slice(-most), Array.from({ length: most }, (_, n) => `message ${n}`))
  await say(hears, "and both ways")
  await messages(speaks).getByText("and both ways").waitFor()
  assert.deepEqual(JSON.parse(await house.do("status", "--json")).puddles.map(p => p.generation), [2, 2])
  await hears.reload() // the new puddles show the page too
  await hears.getByText("3 here").waitFor() // two tabs, and the socket that spoke
  await Promise.all([hears.close(), speaks.close()])
})

test("a house that goes and comes back finds the tab waiting", async () => {
  const other = await open("--open", "--puddles", "1")
  const page = await browser.tab(`${other.address}/chat`)
  await page.getByText("1 here").waitFor()
  const id = JSON.parse(await other.do("sequence", "list", "--json"))[0].sequence
  await other.do("sequence", "close", id)
  await page.getByRole("status").getByText("not connected").waitFor() // 4409: it was put out
  await page.getByRole("button", { name: "Try again" }).click()
  await page.getByText("1 here").waitFor()
  await other.close()
  await page.getByRole("status").getByText("trying again").waitFor()
  await page.close()
})

test("many messages at once leave the last of them", async () => {
  const page = await browser.tab(`${house.address}/flood`)
  await page.getByText("1 here").waitFor()
  await page.evaluate(async () => {
    const socket = new WebSocket(location.href.replace(/^http/, "ws"))
    await new Promise(resolve => { socket.onopen = resolve })
    for (let n = 0; n < 3000; n++) socket.send(`message ${n}`)
  })
  await messages(page).getByText("message 2999", { exact: true }).waitFor()
  assert.equal(await messages(page).count(), 500)
  await page.close()
})

/** The least contrast (WCAG 2.2, 1.4.3) of the texts on a page. */
const leastContrast = page => page.evaluate(() => {
  const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0)
  const numbers = text => text.match(/[\d.]+/g).map(Number)
  const paper = element => {
    for (; element; element = element.parentElement) {
      const [r, g, b, a = 1] = numbers(getComputedStyle(element).backgroundColor)
      if (a > 0) return [r, g, b]
    }
    return [255, 255, 255]
  }
  let least = [99, ""]
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim())
    if (!own || !element.checkVisibility() || element.disabled) continue
    const a = light(numbers(getComputedStyle(element).color)), b = light(paper(element))
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
    if (ratio < least[0]) least = [ratio, element.outerHTML.slice(0, 80)]
  }
  return least
})

test("light and dark, phone width, keyboard, names for what one can use", async () => {
  const told = await browser.tab(`${house.address}/faces`)
  await told.getByText("1 here").waitFor()
  for (const colorScheme of ["light", "dark"]) {
    for (const path of ["/", "/faces", "/club"]) {
      const page = await browser.tab(house.address + path, { colorScheme, viewport: { width: 320, height: 640 } })
      await page.waitForFunction(() => ["lobby", "room", "enter"].some(id => !document.getElementById(id).hidden))
      await page.getByRole("button", { name: "Sign in" }).first().click()
      if (path === "/faces") {
        await page.locator("#snippets summary").click()
        await say(page, "words".repeat(200))
        await page.getByText("heard by").waitFor()
      }
      const [ratio, where] = await leastContrast(page)
      assert.ok(ratio >= 4.5, `${colorScheme} ${path}: contrast ${ratio} at ${where}`)
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${path} is wider than a phone`)
      const nameless = await page.evaluate(() => [...document.querySelectorAll("input, select, textarea, button")]
        .filter(e => e.checkVisibility() && !e.labels?.length && !e.textContent.trim() && !e.ariaLabel).map(e => e.outerHTML))
      assert.deepEqual(nameless, [])
      await page.close()
    }
  }
  await told.close()

  const page = await browser.tab(house.address) // with keys alone
  await page.getByText("Rooms you may see").waitFor()
  await page.keyboard.press("Tab")
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "To the content")
  await page.keyboard.press("Enter")
  for (let n = 0; n < 12 && await page.evaluate(() => document.activeElement.id) !== "name"; n++) await page.keyboard.press("Tab")
  await page.keyboard.type("keys")
  await page.keyboard.press("Enter")
  await page.getByText("1 here").waitFor()
  for (let n = 0; n < 12 && await page.evaluate(() => document.activeElement.id) !== "words"; n++) await page.keyboard.press("Tab")
  await page.keyboard.type("typed")
  await page.keyboard.press("Enter")
  await messages(page).getByText("typed").waitFor()
  assert.equal(await page.getByRole("log").getAttribute("id"), "messages")
  await page.close()
})

test("no page has asked elsewhere, failed, or met its policy", () => assert.deepEqual(browser.faults, []))
