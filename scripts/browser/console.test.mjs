// The console, in chromium, on a house of two puddles.
import assert from "node:assert/strict"
import { after, before, test } from "node:test"
import { browse, open } from "./house.mjs"

let house, browser, page
before(async () => {
  house = await open("--open", "--puddles", "2")
  browser = await browse()
  await house.do("client", "add", "alice", "--owner")
  await house.do("room", "add", "kept", "--rules", JSON.stringify({ password: "a frog" }))
})
after(async () => {
  await browser?.close()
  await house?.close()
})

const to = name => page.getByRole("link", { name, exact: true }).click()
const number = name => page.locator("#numbers div").filter({ hasText: name }).locator("dd")

test("a one-time address lets one browser in, once", async () => {
  const address = await house.do("console")
  page = await browser.tab(address)
  await page.getByRole("heading", { name: "The house" }).waitFor()
  assert.equal(page.url(), `${house.admin}/`) // the code is in no history
  await page.reload() // the cookie is enough
  await page.getByRole("heading", { name: "The house" }).waitFor()
  assert.equal(await page.evaluate(() => document.cookie), "") // which no script sees
  const other = await browser.tab(address)
  await other.getByRole("alert").getByText("used already").waitFor()
  await other.getByLabel("Token of an admin").waitFor()
  await other.close()
})

test("pictures live; a reload shows each step, its stall, and costs no socket", async () => {
  const visitor = await browser.tab(`${house.address}/chat`)
  await visitor.getByText("1 here").waitFor()
  await number("Sockets").getByText("1", { exact: true }).waitFor()
  await page.locator("#plots canvas").nth(5).waitFor()
  await page.getByText(/^Deliveries\/s: /).waitFor()
  const drawn = await page.locator("#plots canvas").first().evaluate(canvas =>
    canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some(v => v > 0))
  assert.ok(drawn)

  await page.getByRole("button", { name: "Reload all" }).click()
  const progress = page.getByRole("log", { name: "Progress" })
  await progress.getByText("done").waitFor()
  for (const slot of [0, 1]) await progress.getByText(new RegExp(`puddle ${slot}: .* served after [\\d.]+ ms, 0 lost`)).waitFor()
  assert.equal(await page.locator("#handovers tr").filter({ hasText: "planned" }).count(), 2)
  await page.getByText(/Stall of hand-overs, ms: longest [\d.]+ ms/).waitFor()
  await page.locator("#puddles tr").first().locator("td").nth(2).getByText("2", { exact: true }).waitFor() // its generation

  await page.getByRole("button", { name: "Reload 1" }).click()
  await page.locator("#handovers tr").nth(2).waitFor()
  await page.getByRole("spinbutton", { name: "Puddles" }).fill("3")
  await page.getByRole("button", { name: "Scale" }).click()
  await page.locator("#puddles tr").nth(2).getByText("serving").waitFor()
  await visitor.getByLabel("Your message").fill("still here")
  await visitor.keyboard.press("Enter")
  await visitor.getByText("heard by 0").waitFor()
  await visitor.close()
})

test("rooms: who is in them; their rules, judged by the house", async () => {
  const visitor = await browser.tab(`${house.address}/talk`)
  await visitor.getByText("1 here").waitFor()
  await to("Rooms")
  await page.getByRole("link", { name: "talk" }).click()
  await page.getByRole("heading", { name: "talk, transient" }).waitFor()
  await page.locator("#who").getByText("127.0.0.1").waitFor()
  await page.getByLabel("Say").fill("<i>from the house</i>")
  await page.getByRole("button", { name: "Send to all in it" }).click()
  await visitor.getByText("<i>from the house</i>").waitFor()

  await page.getByRole("link", { name: "kept" }).click()
  await page.getByRole("heading", { name: "kept, persistent" }).waitFor()
  const rules = page.locator("#room-rules-text"), said = page.locator("#room-rules-said")
  const edit = async change => {
    await rules.fill(JSON.stringify(change(JSON.parse(await rules.inputValue()))))
    await page.getByRole("button", { name: "Save" }).first().click()
  }
  await edit(rules => ({ ...rules, siez: 1 }))
  await said.getByText('did you mean "size"').waitFor()
  await edit(({ siez, ...rules }) => ({ ...rules, rate: "often" }))
  await said.getByText("rate").waitFor()
  await edit(rules => ({ ...rules, rate: "20/s", size: 1000 }))
  await said.getByText("Saved: size, rate").or(said.getByText("Saved: rate, size")).waitFor()
  const kept = JSON.parse(await house.do("room", "show", "kept", "--json")).rules
  assert.deepEqual([kept.rate, kept.size, kept.password], ["20/s", 1000, true])
  await rules.fill("{")
  await page.getByRole("button", { name: "Save" }).first().click()
  await said.getByText("JSON").waitFor()

  await page.getByText("Keep a new room").click()
  await page.getByLabel("Name").first().fill("alice/notes")
  await page.getByRole("button", { name: "Add" }).first().click()
  await page.getByRole("heading", { name: "alice/notes, persistent" }).waitFor()
  await page.getByRole("button", { name: "Remove the room" }).click()
  await page.getByRole("button", { name: "Yes" }).click()
  await page.getByRole("link", { name: "alice/notes" }).waitFor({ state: "detached" })
  await visitor.close()
})

test("clients and tokens; sequences are found and closed", async () => {
  await to("Clients")
  await page.getByText("Add a client").click()
  await page.locator("#client-add-name").fill("bob")
  await page.keyboard.press("Enter")
  await page.getByRole("heading", { name: "bob" }).waitFor()
  await page.getByLabel("make rooms (primary)").check()
  await page.locator("#client-set").getByRole("button", { name: "Save" }).click()
  await page.locator("#clients-list tr").filter({ hasText: "bob" }).getByText("primary").waitFor()
  await page.getByRole("button", { name: "New token" }).click()
  const token = await page.locator("#token-shown code").textContent()
  assert.match(token, /^pht_/)

  const visitor = await browser.tab(`${house.address}/chat`)
  await visitor.getByRole("button", { name: "Sign in" }).first().click()
  await visitor.getByLabel("Token").fill(token)
  await visitor.keyboard.press("Enter")
  await visitor.getByText("bob (you)").waitFor()
  await to("Sequences")
  await page.getByLabel("Client", { exact: true }).fill("bob")
  await page.getByRole("button", { name: "Find" }).click()
  await page.getByText("1 found").waitFor()
  const id = await page.locator("#sequences-list td").first().textContent()
  const puddle = page.getByLabel(`Puddle of ${id}`)
  const other = await puddle.inputValue() === "0" ? "1" : "0"
  await puddle.selectOption(other)
  const there = async () => JSON.parse(await house.do("sequence", "list", "--json")).some(s => s.sequence === id && String(s.slot) === other)
  for (let tries = 0; !await there(); tries++) assert.ok(tries < 200, "it moves to the other puddle")
  for (let tries = 0; await puddle.inputValue() !== other; tries++) {
    assert.ok(tries < 100, "the page shows the other puddle")
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  await page.getByLabel("Client", { exact: true }).fill("")
  await page.getByLabel("Sequence", { exact: true }).fill(id)
  await page.keyboard.press("Enter")
  await page.locator("#sequences-list tr").filter({ hasText: "bob" }).getByRole("button", { name: "Close" }).click()
  await visitor.getByRole("button", { name: "Try again" }).waitFor() // 4409
  await page.getByText("0 found").waitFor()

  await to("Clients")
  await page.getByRole("link", { name: "bob" }).click()
  await page.getByRole("button", { name: "Revoke" }).click()
  await page.getByRole("button", { name: "Yes" }).click()
  await page.locator("#tokens tr").waitFor({ state: "detached" })
  await page.getByRole("button", { name: "Remove the client" }).click()
  await page.getByRole("button", { name: "No", exact: true }).click()
  await page.getByRole("link", { name: "bob" }).waitFor()
  await visitor.close()
})

test("the log's tail, as text; a stranger's names do nothing", async () => {
  const attack = "<img/src=x/onerror=alert(1)>"
  await house.do("client", "add", attack, "--owner")
  const token = await house.do("token", "add", attack)
  const answer = await fetch(`${house.admin}/api/tokens/${encodeURIComponent(attack)}`, { method: "DELETE", headers: { Authorization: `Bearer ${token}` } })
  assert.equal(answer.status, 404) // and is logged with its path and who asked
  await to("Clients")
  await page.getByRole("button", { name: "List again" }).click()
  await page.getByRole("link", { name: attack }).click()
  await page.getByRole("heading", { name: attack }).waitFor()
  await to("Log")
  await page.getByRole("log", { name: "Lines" }).getByText(`client=${attack}`).first().waitFor()
  assert.equal(await page.locator("img").count(), 0)
  await page.getByRole("log", { name: "Lines" }).getByText("console: a session begins").waitFor()
  await page.getByLabel("From").selectOption("8")
  assert.equal(await page.locator("#lines li:visible").filter({ hasText: "INFO" }).count(), 0)
})

test("a phone, the dark, and the keyboard", async () => {
  const cookies = await page.context().cookies()
  const phone = await browser.tab(house.admin, { colorScheme: "dark", viewport: { width: 360, height: 700 } })
  await phone.context().addCookies(cookies)
  for (const tab of ["house", "rooms", "clients", "sequences", "log"]) {
    await phone.goto(`${house.admin}/#${tab}`)
    await phone.reload()
    await phone.locator(`section#${tab}:not([hidden])`).waitFor()
    assert.ok(await phone.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${tab} is wider than a phone`)
    const nameless = await phone.evaluate(() => [...document.querySelectorAll("input, select, textarea, button")]
      .filter(e => e.checkVisibility() && !e.labels?.length && !e.textContent.trim()).map(e => e.outerHTML))
    assert.deepEqual(nameless, [])
  }
  await phone.close()
})

test("whoever is signed out hears no more", async () => {
  await page.getByRole("button", { name: "Sign out" }).click()
  await page.getByLabel("Token of an admin").waitFor()
  assert.equal((await page.context().cookies()).length, 0)
  await page.getByLabel("Token of an admin").fill(await house.do("token", "add", "alice"))
  await page.keyboard.press("Enter")
  await page.getByRole("alert").getByText("for admins").waitFor()
})

test("no page has asked elsewhere, failed, or met its policy", () => assert.deepEqual(browser.faults, []))
