"""A raw socket in a room: every frame is a message, byte for byte."""

from __future__ import annotations

import asyncio
import json
import ssl as tls
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Generator, Mapping, Optional, Type, Union
from urllib.parse import unquote, urlsplit, urlunsplit

from .errors import LONGEST, RETURN, UNAUTHORIZED, PorthouseError, lost, pause
from .link import Address, ConnectionClosed, Secret, Socket, closing, is_open, now_of

SUBPROTOCOL = "porthouse.v1.raw"
PING = 20.0  # seconds


class Pipe:
    """A pure pipe: `async for data in pipe` gives str and bytes as they were
    sent; `await pipe.send(data)` sends one.

    It comes back when its socket is lost; gaps counts how often that was, and
    so how often messages may have been missed. There are no receipts.
    """

    def __init__(self, address: Address, password: Optional[Secret], otp: Optional[Secret]) -> None:
        self.gaps = 0
        self._address, self._password, self._otp = address, password, otp
        self._socket: Optional[Socket] = None
        self._opening = asyncio.Lock()
        self._attempt, self._opened_at, self._refreshed = 0, 0.0, False
        self._over: Optional[PorthouseError] = None

    def __aiter__(self) -> Pipe:
        return self

    async def __anext__(self) -> Union[str, bytes]:
        while True:
            socket = await self._open_one()
            if socket is None:
                raise StopAsyncIteration
            try:
                data: Union[str, bytes] = await socket.recv()
                return data
            except ConnectionClosed as closed:
                await self._lost(socket, closing(closed))

    async def send(self, data: Union[str, bytes]) -> None:
        """Sends one message. PorthouseError "lost" if the socket ended on the
        way: whether it was sent nobody knows."""
        while True:
            socket = await self._open_one()
            if socket is None:
                raise PorthouseError("closed", "it was closed here")
            if not is_open(socket):  # then nothing was written
                await self._lost(socket, await _ended(socket))
                continue
            try:
                await socket.send(data)
                return
            except ConnectionClosed as closed:
                error = closing(closed)
                await self._lost(socket, error)
                raise lost(error) from closed

    async def close(self) -> None:
        """Ends the socket."""
        self._over = self._over or PorthouseError("closed", "it was closed here", 1000)
        if self._socket is not None:
            await self._socket.close()

    async def _open_one(self) -> Optional[Socket]:
        """The socket, opened again if it was lost; None when it was closed here,
        or by the house with 1000."""
        async with self._opening:
            while self._socket is None and self._over is None:
                if self.gaps:
                    await asyncio.sleep(pause(self._attempt))
                    self._attempt += 1
                try:
                    self._socket = await self._enter()
                except PorthouseError as error:
                    self._judge(error, first=not self.gaps)
                    if error.retry_after:
                        await asyncio.sleep(min(error.retry_after, LONGEST))
            if self._over is not None:
                if self._over.close_code == 1000:
                    return None
                raise self._over.copy()
            return self._socket

    async def _lost(self, socket: Socket, error: PorthouseError) -> None:
        async with self._opening:
            if socket is not self._socket:
                return
            self._socket = None
            self.gaps += 1
            if asyncio.get_running_loop().time() - self._opened_at > LONGEST:
                self._attempt = 0
            self._judge(error, first=False)

    def _judge(self, error: PorthouseError, first: bool) -> None:
        """Ends the pipe for good, unless it may come back."""
        fresh = error.close_code == UNAUTHORIZED and callable(self._address.token) and not self._refreshed
        self._refreshed = self._refreshed or fresh
        if first or not fresh and error.close_code not in RETURN:
            self._over = self._over or error

    async def _enter(self) -> Socket:
        """Opens a socket that is in the room. One that asks is entered from the
        lobby, where nothing but the house speaks: what looks like a question
        inside a room may be a member's."""
        password, otp = await now_of(self._password), await now_of(self._otp)
        if password is None and otp is None:
            socket = await self._address.open(SUBPROTOCOL, PING)
        else:
            socket = await self._join(password, otp)
        self._opened_at, self._refreshed = asyncio.get_running_loop().time(), False
        return socket

    async def _join(self, password: Optional[str], otp: Optional[str]) -> Socket:
        at = urlsplit(self._address.url)
        lobby = replace(self._address, url=urlunsplit((at.scheme, at.netloc, "/", "", "")))
        words = ["JOIN", _word(unquote(at.path[1:])), "WITH", _word(password or "")]
        socket = await lobby.open(SUBPROTOCOL, PING)
        try:
            await socket.send(" ".join(words + ([otp] if otp else [])))
            reply = json.loads(await socket.recv())
        except ConnectionClosed as closed:
            raise closing(closed) from closed
        if reply.get("ok") == "join":
            return socket
        await socket.close()
        if "ask" in reply:
            raise PorthouseError("unauthorized", f"the room asks for {' and '.join(reply['ask'])}", 4403)
        code = {"full": 4413, "rate": 4429, "unavailable": 4503, "not-found": 4404}.get(reply.get("error"), 4403)
        raise PorthouseError(reply.get("error", "malformed"), reply.get("message", ""), code)


async def _ended(socket: Socket) -> PorthouseError:
    """Why a socket that is not open any more ended."""
    try:
        await socket.ensure_open() if hasattr(socket, "ensure_open") else await socket.ping()
    except ConnectionClosed as closed:
        return closing(closed)
    return PorthouseError("unavailable", "the connection broke", 1006)


def _word(text: str) -> str:
    """A word of a typed command."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass
class Piping:
    """What raw returns: `async with` it, or await it and close the pipe."""

    address: Address
    password: Optional[Secret]
    otp: Optional[Secret]
    pipe: Optional[Pipe] = None

    async def open(self) -> Pipe:
        self.pipe = Pipe(self.address, self.password, self.otp)
        await self.pipe._open_one()
        return self.pipe

    def __await__(self) -> Generator[Any, None, Pipe]:
        return self.open().__await__()

    async def __aenter__(self) -> Pipe:
        return await self.open()

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if self.pipe is not None:
            await self.pipe.close()


def raw(
    url: str,
    *,
    token: Optional[Secret] = None,
    password: Optional[Secret] = None,
    otp: Optional[Secret] = None,
    headers: Optional[Mapping[str, str]] = None,
    ssl: Optional[tls.SSLContext] = None,
    max_size: int = 32 << 20,
) -> Piping:
    """Opens a raw socket in a room: `async with porthouse.raw("ws://HOST/chat")
    as pipe`. The arguments are those of connect."""
    return Piping(Address(url, token, None, dict(headers or {}), ssl, max_size), password, otp)
