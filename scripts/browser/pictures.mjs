// Makes the pictures of docs/images: pictures.mjs FOLDER.
import { join } from "node:path"
import { browse, open } from "./house.mjs"

const folder = process.argv[2]
const house = await open("--open", "--puddles", "2")
const browser = await browse({ viewport: { width: 960, height: 600 } })
try {
  await house.do("room", "add", "garden", "--rules", JSON.stringify({ meta: ["from", "time"], presence: true }))
  await house.do("room", "add", "club", "--rules", JSON.stringify({ password: "x" }))
  const tabs = []
  for (const name of ["alice", "bob"]) {
    await house.do("client", "add", name, "--owner")
    const tab = await browser.tab(`${house.address}/garden`)
    await tab.getByRole("button", { name: "Sign in" }).first().click()
    await tab.getByLabel("Token").fill(await house.do("token", "add", name))
    await tab.keyboard.press("Enter")
    await tab.getByText(`${name} (you)`).waitFor()
    tabs.push(tab)
  }
  const [alice, bob] = tabs
  const say = async (tab, words, as = "text") => {
    await tab.locator("#as").selectOption(as)
    await tab.getByLabel("Your message").fill(words)
    await tab.keyboard.press("Enter")
    await tab.getByText("heard by 1").last().waitFor()
  }
  await say(bob, "Is anybody watering today?")
  await say(alice, "I am. The sensor says it is dry:")
  await say(bob, '{"sensor":"bed 3","moisture":0.12,"since":"2026-11-20"}', "json")
  await bob.locator("#files").setInputFiles({ name: "bed.jpg", mimeType: "image/jpeg", buffer: Buffer.alloc(24000, 7) })
  await alice.getByText("23.4 KiB of bytes").waitFor()
  await alice.screenshot({ path: join(folder, "page.png") })

  const page = await browser.tab(await house.do("console"), { viewport: { width: 1100, height: 1000 } })
  await page.getByRole("heading", { name: "The house" }).waitFor()
  await alice.evaluate(() => {
    const sockets = Array.from({ length: 40 }, () => new WebSocket(location.origin.replace(/^http/, "ws") + "/load"))
    let n = 0
    setInterval(() => { for (let k = 0; k < 3 + 3 * Math.sin(n++ / 30); k++) sockets[n % 40].readyState === 1 && sockets[n % 40].send("x") }, 20)
  })
  await page.waitForTimeout(12000)
  await page.getByRole("button", { name: "Reload all" }).click()
  await page.waitForTimeout(12000)
  await page.screenshot({ path: join(folder, "console.png") })
  await page.getByRole("link", { name: "Rooms" }).click()
  await page.getByRole("link", { name: "garden" }).click()
  await page.getByRole("heading", { name: "garden, persistent" }).waitFor()
  await page.screenshot({ path: join(folder, "console-room.png") })
} finally {
  await browser.close()
  await house.close()
}
