// What TypeScript makes of the types; it is compiled, not run.
import { connect, raw, PorthouseError } from "porthouse"

const house = connect("ws://127.0.0.1:8080/", { token: async ({ fresh }) => `${fresh}`, protocol: "msgpack", retry: true })
const room = await house.join("chat", { password: "x", otp: async () => "123456" })
room.on("reconnect", ({ since }) => since.getTime())
const receipt: { receivers: number } = await room.send(new Uint8Array(1), { to: ["alice"] })
for await (const { data, from } of room) console.log(data, from?.client, receipt.receivers)
const pipe = raw("ws://127.0.0.1:8080/chat")
for await (const frame of pipe) frame.length
pipe.on("close", (error: PorthouseError) => error.closeCode)
// @ts-expect-error a house is sent to by name
house.send("x")
