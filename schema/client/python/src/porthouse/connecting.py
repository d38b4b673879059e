"""How a program comes to a house."""

from __future__ import annotations

import ssl as tls
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Dict, Generator, Mapping, Optional, Tuple, Type

from .envelope import codec
from .house import House
from .link import Address, Secret


@dataclass
class Connecting:
    """What connect returns: `async with` it, or await it and close the house."""

    address: Address
    protocol: str
    options: Dict[str, Any] = field(default_factory=dict)
    house: Optional[House] = None

    async def open(self) -> House:
        self.house = House(self.address, codec(self.protocol), **self.options)
        await self.house._start()
        return self.house

    def __await__(self) -> Generator[Any, None, House]:
        return self.open().__await__()

    async def __aenter__(self) -> House:
        return await self.open()

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if self.house is not None:
            await self.house.close()


def connect(
    url: str,
    *,
    token: Optional[Secret] = None,
    login: Optional[Tuple[str, str]] = None,
    password: Optional[Secret] = None,
    otp: Optional[Secret] = None,
    protocol: str = "json",
    queue: int = 1024,
    patient: bool = False,
    reconnect: bool = True,
    retry: bool = False,
    headers: Optional[Mapping[str, str]] = None,
    ssl: Optional[tls.SSLContext] = None,
    max_size: int = 32 << 20,
) -> Connecting:
    """Opens a socket to a house: `async with porthouse.connect(url) as house`.

    url        ws://HOST/ for a lobby or space, ws://HOST/chat for a room
    token      a str, or a callable (async or not) that gives a fresh one
    login      (client, password) instead
    password, otp   if the room of the address asks; callables too
    protocol   "json" or "msgpack"
    queue      messages of a room that may wait here before reading pauses
    patient    tries on where the first attempt fails
    reconnect  comes back when the socket is lost
    retry      gives each send a key, so that one whose receipt was lost is said
               again; it costs the house a question each
    max_size   bytes of the largest frame that is taken

    PorthouseError if it cannot be opened.
    """
    address = Address(url, token, login, dict(headers or {}), ssl, max_size)
    options = dict(password=password, otp=otp, queue=queue, patient=patient, reconnect=reconnect, retry=retry)
    return Connecting(address, protocol, options)
