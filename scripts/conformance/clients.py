"""Python's websockets and wsproto against an echo room.

websockets is a client in earnest; wsproto is a parser without a socket, which
judges each byte that the house sends: it is given random conversations, cut at
random places.

    python3 clients.py ws://127.0.0.1:8080/echo
"""

import asyncio
import random
import socket
import sys
from urllib.parse import urlsplit

import websockets
from wsproto import ConnectionType, WSConnection
from wsproto.events import (AcceptConnection, BytesMessage, CloseConnection, Ping, Pong, Request, TextMessage)

URL = sys.argv[1]
ALPHABET = 'abc xyz\n\t"{}éßκόσμε▶日本語💡𝄞\x00\uffff'


class Tally:
    def __init__(self, name):
        self.name, self.good, self.bad = name, 0, 0

    def judge(self, what, ok, told=""):
        self.good, self.bad = self.good + bool(ok), self.bad + (not ok)
        if not ok:
            print(f"   {self.name}: {what}: {told!r:.200}")

    def end(self):
        print(f"{self.name}: {self.good} OK, {self.bad} FAILED")
        return self.bad


def text(n):
    return "".join(random.choices(ALPHABET, k=n))


async def by_websockets():
    tally = Tally("websockets")
    async with websockets.connect(URL, max_size=1 << 28, compression=None) as ws:
        for size in (0, 1, 125, 126, 127, 65535, 65536, 1 << 20, 8 << 20):
            for data in ("x" * size, b"\xfe" * size):
                await ws.send(data)
                got = await asyncio.wait_for(ws.recv(), 20)
                tally.judge(f"{type(data).__name__} of {size}", got == data, len(got))
        for n in range(200):
            parts = [text(random.randrange(300)) for _ in range(random.randrange(1, 30))]
            if n % 2:
                parts = [part.encode() for part in parts]
            await ws.send(parts)
            got = await asyncio.wait_for(ws.recv(), 20)
            tally.judge(f"fragments {n}", got == type(parts[0])().join(parts), got)
        for n in range(50):
            pong = await ws.ping(bytes([n]) * n)
            await asyncio.wait_for(pong, 20)
            tally.judge(f"ping {n}", True)
    tally.judge("close", ws.close_code == 1000, ws.close_code)
    for code in (1001, 1008, 3000, 4000, 4999):
        ws = await websockets.connect(URL, compression=None)
        await ws.close(code, "why")
        tally.judge(f"close {code}", ws.close_code == code, ws.close_code)
    return tally.end()


class Judged:
    """A socket whose every byte wsproto judges."""

    def __init__(self):
        where = urlsplit(URL)
        self.socket = socket.create_connection((where.hostname, where.port), timeout=20)
        self.wire = WSConnection(ConnectionType.CLIENT)
        self.say(self.wire.send(Request(host=where.netloc, target=where.path)))
        self.events = []
        assert isinstance(self.next(), AcceptConnection)

    def say(self, data):
        while data:
            n = random.choice((1, 2, 7, 100, len(data)))
            self.socket.sendall(data[:n])
            data = data[n:]

    def next(self):
        while not self.events:
            data = self.socket.recv(random.choice((1, 100, 65536)))
            self.wire.receive_data(data or None)
            self.events = list(self.wire.events())
        return self.events.pop(0)

    def message(self):
        whole = None
        while True:
            event = self.next()
            if not isinstance(event, (TextMessage, BytesMessage)):
                return event
            whole = event.data if whole is None else whole + event.data
            if event.message_finished:
                return whole


def by_wsproto():
    tally = Tally("wsproto")
    for n in range(40):
        peer = Judged()
        for _ in range(25):
            if random.random() < 0.2:
                payload = random.randbytes(random.randrange(126))
                peer.say(peer.wire.send(Ping(payload)))
                got = peer.message()
                tally.judge("ping", isinstance(got, Pong) and bytes(got.payload) == payload, got)
                continue
            parts = [text(random.randrange(200)) for _ in range(random.randrange(1, 6))]
            kind = TextMessage
            if random.random() < 0.5:
                parts, kind = [part.encode() for part in parts], BytesMessage
            for at, part in enumerate(parts):
                peer.say(peer.wire.send(kind(part, message_finished=at == len(parts) - 1)))
            want = type(parts[0])().join(parts)
            got = peer.message()
            tally.judge("message", got == want or bytes(got) == want, got)
        code = random.choice((1000, 1001, 3000, 4999))
        peer.say(peer.wire.send(CloseConnection(code, "why")))
        got = peer.message()
        tally.judge("close", isinstance(got, CloseConnection) and got.code == code, got)
        tally.judge("end", peer.socket.recv(1) == b"", "more bytes")
    return tally.end()


random.seed(1)
sys.exit(bool(asyncio.run(by_websockets()) + by_wsproto()))
