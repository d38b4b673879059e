"""The client against real houses: two hours of a day squeezed into a minute."""

import asyncio
import os
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from running import BINARY, RunningHouse, until  # noqa: E402

import porthouse  # noqa: E402
from porthouse import PorthouseError, errors  # noqa: E402

errors.SHORTEST, errors.LONGEST = 0.1, 1.0  # of the pauses, so that the day is short

try:
    import msgpack  # noqa: F401

    OTHER = "msgpack"
except ImportError:
    OTHER = "json"


@unittest.skipUnless(BINARY, "PORTHOUSE names no binary: scripts/clients.sh does")
class Live(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.house = RunningHouse("--puddles", "2", "--transient", "anyone", "--gather", "0")
        self.addCleanup(self.house.close)
        await self.house.up()
        self.tokens = {}
        for name, *flags in (("alice", "--owner"), ("bob",), ("carol",)):
            await self.house.do("client", "add", name, *flags)
            self.tokens[name] = await self.house.token(name)
        await self.house.do("room", "add", "alice/chat", "--owner", "alice", "--rules", '{"visible":true}')

    async def enter(self, client, **options):
        house = await porthouse.connect(self.house.address, token=self.tokens[client], **options)
        self.addAsyncCleanup(house.close)
        return house

    async def refused(self, work, code):
        with self.assertRaises(PorthouseError) as caught:
            await asyncio.wait_for(work, 10)
        self.assertEqual(caught.exception.code, code, caught.exception)

    async def next(self, stream):
        return await asyncio.wait_for(stream.__anext__(), 10)

    async def test_rooms_receipts_and_kinds_on_one_socket(self):
        alice, bob = await self.enter("alice"), await self.enter("bob", protocol=OTHER)
        self.assertEqual(alice.client, "alice")
        one, two = await asyncio.gather(alice.join("kinds"), alice.join("second"))
        self.assertIs(await alice.join("kinds"), one)
        there, also = await bob.join("kinds"), await bob.join("second")
        for data in ("text ü", {"a": [1, None, 2.5]}, None, 7, "", b"\x00\xff\x80"):
            receipt = await one.send(data)
            self.assertEqual(receipt.receivers, 1)
            self.assertTrue(receipt.id)
            message = await self.next(there)
            self.assertEqual((message.room, message.data), ("kinds", data))
        await two.send("in the second")
        self.assertEqual((await self.next(also)).data, "in the second")
        await there.send(b"\x01\x02")
        self.assertEqual((await self.next(one)).data, b"\x01\x02")

        self.assertEqual((await one.send("to bob", to="bob")).receivers, 1)
        self.assertEqual((await self.next(there)).data, "to bob")
        self.assertEqual((await one.send("to nobody", to=["carol"])).receivers, 0)
        self.assertEqual((await alice.send({"hi": 1}, "bob")).receivers, 1)
        direct = await self.next(bob)
        self.assertEqual((direct.data, direct.sender.client), ({"hi": 1}, "alice"))

        self.assertEqual(sorted(member.client for member in await one.who()), ["alice", "bob"])
        self.assertTrue(any(room["room"] == "alice/chat" for room in await alice.spaces()))
        await one.send("twice", key="k1")
        await one.send("twice", key="k1")
        await one.send("after")
        self.assertEqual([(await self.next(there)).data for _ in range(2)], ["twice", "after"])

        await there.leave()
        with self.assertRaises(StopAsyncIteration):
            await self.next(there)
        await self.refused(there.send("gone"), "closed")
        await self.refused(alice.join("no such name!"), "not-found")

    async def test_a_password_a_kick_and_a_wrong_token(self):
        await self.house.do("room", "add", "club", "--rules", '{"password":"sesame"}')
        bob = await self.enter("bob")
        await self.refused(bob.join("club"), "unauthorized")
        await self.refused(bob.join("club", password="no"), "unauthorized")
        self.assertEqual((await bob.join("club", password=lambda: "sesame")).name, "club")
        await bob.join("again")

        alice = await self.enter("alice")
        own, guest = await alice.join("alice/chat"), await bob.join("alice/chat")
        self.assertEqual(await own.put_out("bob"), 1)
        await self.refused(self.next(guest), "denied")
        self.assertEqual((await bob.join("alice/chat")).name, "alice/chat")

        await self.refused(porthouse.connect(self.house.address, token="pht_wrong").open(), "unauthorized")
        asked = []

        def token():
            asked.append(1)
            return "pht_old" if len(asked) == 1 else self.tokens["carol"]

        fresh = await porthouse.connect(self.house.address, token=token, patient=True)
        self.addAsyncCleanup(fresh.close)
        self.assertEqual((fresh.client, len(asked)), ("carol", 2))

    async def test_the_room_of_the_address(self):
        async with porthouse.connect(f"{self.house.address}/corner", token=self.tokens["bob"]) as bob:
            self.assertEqual(bob.room.name, "corner")
            async with porthouse.connect(f"{self.house.address}/corner", protocol=OTHER) as nobody:
                self.assertIsNone(nobody.client)
                await nobody.room.send("hello")
                self.assertEqual((await self.next(bob.room)).data, "hello")

    async def test_rules_change_and_with_them_what_is_taken(self):
        alice, bob = await self.enter("alice"), await self.enter("bob")
        own, guest = await alice.join("alice/chat"), await bob.join("alice/chat")

        async def told(data):
            try:
                await guest.send(data)
            except PorthouseError as error:
                return error.code
            return "taken"

        async def becomes(data, code):
            async def is_so():
                return await told(data) == code

            await until(f"{data[:3]!r} is {code}", is_so)

        await own.rules({"format": "json"})
        await becomes(b"\xff", "format")
        await own.rules({"format": None, "size": 100})
        await becomes("x" * 200, "too-large")
        await own.rules({"size": None})
        await becomes("x" * 200, "taken")

    async def test_a_pure_pipe(self):
        async with porthouse.raw(f"{self.house.address}/pipe") as one, porthouse.raw(f"{self.house.address}/pipe") as two:
            async def both():
                return (await self.house.do("sequence", "list", "--room", "pipe", "--json")).count('"sequence"') == 2

            await until("both are in", both)
            await one.send("JOIN chat")
            await one.send(b"\x00\x01\xff")
            self.assertEqual([await self.next(two), await self.next(two)], ["JOIN chat", b"\x00\x01\xff"])

    async def test_many_sends_keep_their_order(self):
        alice, bob = await self.enter("alice"), await self.enter("bob", queue=50)
        one, there = await alice.join("many"), await bob.join("many")
        sends = asyncio.gather(*(one.send({"n": n, "pad": "x" * 200}) for n in range(1000)))
        for n in range(1000):
            message = await self.next(there)
            self.assertEqual((message.data["n"], message.missed), (n, False))
        self.assertTrue(all(receipt.receivers == 1 for receipt in await sends))

    async def test_reloads_deaths_and_a_house_that_is_away(self):
        """Everybody talks, all the time; what comes is in order, nothing comes
        twice, and what does not come was announced."""
        names = ["alice", "bob", "carol"]
        talkers = [Talker(name, await self.enter(name, protocol=OTHER if name == "bob" else "json", retry=name == "carol")) for name in names]
        for talker in talkers:
            talker.room = await talker.house.join("alice/chat")
        work = [asyncio.ensure_future(part) for talker in talkers for part in (talker.talk(talkers), talker.listen(), talker.notice())]

        async def goes_on(what, speakers=names):
            mark = {talker.name: talker.sent for talker in talkers}

            def heard():
                return all(
                    hears.heard.get(says.name, -1) > mark[says.name]
                    for hears in talkers for says in talkers
                    if hears is not says and says.name in speakers
                )

            await until(f"after {what} all hear all", heard, 60)
            for talker in talkers:
                self.assertEqual(talker.wrong, [], f"{talker.name} after {what}")
            print(what + ": " + "; ".join(f"{t.name} sent {t.sent}, away {t.away}, unknown {t.unknown}" for t in talkers))

        await goes_on("the beginning")
        for n in range(3):
            await self.house.do("reload")
            await goes_on(f"reload {n}")
        for slot in (0, 1):
            await self.house.kill_puddle(slot)
            await goes_on(f"the death of puddle {slot}")
        await self.house.kill_supervisor()
        await goes_on("the death of the supervisor", ["alice", "bob"])  # it is who knows keys: carol's wait
        await self.house.up()
        await goes_on("another supervisor")
        self.assertEqual([t.away for t in talkers], [0, 0, 0], "none of this closes a socket")

        for n in range(2):
            away = [talker.away for talker in talkers]
            await self.house.stop()
            await asyncio.sleep(1)
            await self.house.up()
            await goes_on(f"stop and start {n}")
            for talker, before in zip(talkers, away):
                self.assertGreater(talker.away, before, f"{talker.name} is told that it was away")
        for talker in talkers:
            talker.talks = False
        await until("every send is settled", lambda: all(t.told + t.unknown == t.sent for t in talkers), 60)
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)


class Talker:
    def __init__(self, name, house):
        self.name, self.house = name, house
        self.talks, self.sent, self.told, self.unknown, self.away = True, 0, 0, 0, 0
        self.heard, self.wrong, self.may_miss = {}, [], set()

    async def talk(self, talkers):
        while self.talks:
            asyncio.ensure_future(self.say(self.sent, talkers))
            self.sent += 1
            await asyncio.sleep(0.01)

    async def say(self, n, talkers):
        try:
            await self.room.send({"from": self.name, "n": n})
            self.told += 1
        except PorthouseError as error:
            self.unknown += 1  # a number that the others may never hear
            for other in talkers:
                other.may_miss.add(self.name)
            if error.code != "lost":
                self.wrong.append(f"{n}: {error}")

    async def listen(self):
        async for message in self.room:
            if not isinstance(message.data, dict):
                continue
            says, n = message.data["from"], message.data["n"]
            before = self.heard.get(says)
            if message.missed:
                self.may_miss.update(("alice", "bob", "carol"))
            if before is not None and n <= before:
                self.wrong.append(f"{says} {n} after {before}")
            if before is not None and n > before + 1:
                if says not in self.may_miss:
                    self.wrong.append(f"{says} {n} after {before}: something is missing")
                self.may_miss.discard(says)
            self.heard[says] = n

    async def notice(self):
        async for event in self.house.events():
            if event.name == "away":
                self.away += 1


if __name__ == "__main__":
    unittest.main()
