"""One socket: the only file that knows the websockets library, 10 to 17."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl as tls
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Awaitable, Callable, Mapping, Optional, Tuple, Union

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from .errors import WORDS, PorthouseError, close_code_of


def _library() -> Tuple[Any, str]:
    """connect, and what it calls the request's headers: 13 and later, or before."""
    try:
        return import_module("websockets.asyncio.client").connect, "additional_headers"
    except ImportError:
        return import_module("websockets.legacy.client").connect, "extra_headers"


_connect, _HEADERS = _library()

Secret = Union[str, Callable[[], Union[str, Awaitable[str]]]]
Socket = Any  # a connection of either kind

__all__ = ["Address", "ConnectionClosed", "Secret", "Socket", "abort", "closing", "is_open", "now_of"]


async def now_of(secret: Optional[Secret]) -> Optional[str]:
    """A secret as it is now: callables are asked each time."""
    if not callable(secret):
        return secret
    value = secret()
    return value if isinstance(value, str) else await value


@dataclass
class Address:
    """Where a socket is opened, and as whom."""

    url: str
    token: Optional[Secret] = None
    login: Optional[Tuple[str, str]] = None
    headers: Mapping[str, str] = field(default_factory=dict)
    ssl: Optional[tls.SSLContext] = None
    max_size: int = 32 << 20
    open_timeout: float = 15.0

    async def credential(self) -> Optional[str]:
        """The token, fresh if it is a callable; 1006 where that failed, since it
        may work later."""
        try:
            return await now_of(self.token)
        except Exception as error:
            raise PorthouseError("unauthorized", f"no token: {error!r}", 1006) from error

    async def open(self, subprotocol: str, ping: Optional[float] = None) -> Socket:
        """Opens a socket. PorthouseError has the close code that means the same
        as what went wrong; ping is seconds between pings of the library's."""
        headers = dict(self.headers)
        token = await self.credential()
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        elif self.login is not None:
            headers["Authorization"] = "Basic " + base64.b64encode(":".join(self.login).encode()).decode()
        options: dict[str, Any] = {_HEADERS: headers}
        if self.ssl is not None:
            options["ssl"] = self.ssl
        try:
            socket = await _connect(
                self.url,
                subprotocols=[subprotocol],
                compression=None,  # the library would keep a window of 32 kB a socket
                max_size=self.max_size,
                open_timeout=self.open_timeout,
                close_timeout=5,
                ping_interval=ping,
                ping_timeout=ping,
                **options,
            )
        except InvalidURI as error:
            raise PorthouseError("malformed", str(error), 4400) from error
        except InvalidHandshake as error:
            raise _refusal(error) from error
        except (asyncio.TimeoutError, OSError, EOFError) as error:
            raise PorthouseError("unavailable", f"{self.url}: {error or type(error).__name__}", 1006) from error
        if socket.subprotocol != subprotocol:
            await socket.close()
            raise PorthouseError("malformed", f"{self.url} does not speak {subprotocol}: is it a house?", 1002)
        return socket


def _refusal(error: Any) -> PorthouseError:
    """An HTTP answer instead of a 101. Version 10 does not read its body."""
    answer = getattr(error, "response", error)
    status = getattr(answer, "status_code", None)
    if status is None:  # no HTTP at all, or a proxy in the middle
        return PorthouseError("unavailable", str(error), 1006)
    code = close_code_of(status)
    word, message = WORDS[code], str(error)
    try:
        body = json.loads(answer.body)
        word, message = str(body["error"]), str(body["message"])
    except (AttributeError, KeyError, TypeError, ValueError):
        pass
    try:
        after: Optional[float] = float(answer.headers["Retry-After"])
    except (KeyError, ValueError):
        after = None
    return PorthouseError(word, message, code, retry_after=after)


def closing(closed: ConnectionClosed) -> PorthouseError:
    """Why a socket ended: by the house's close frame; else by ours, as too
    large a message ends it; else 1006."""
    frame = closed.rcvd or closed.sent
    if frame is None:
        return PorthouseError("unavailable", "the connection broke", 1006)
    word, message = WORDS.get(frame.code, "closed" if frame.code == 1000 else "malformed"), frame.reason
    try:
        body = json.loads(frame.reason)
        word, message = str(body["error"]), str(body["message"])
    except (KeyError, TypeError, ValueError):
        pass
    return PorthouseError(word, message, frame.code)


def is_open(socket: Socket) -> bool:
    """Whether something can still be written."""
    return bool(socket.state.name == "OPEN")


def abort(socket: Socket) -> None:
    """Ends a socket that does not answer, without a closing handshake."""
    if socket.transport is not None:
        socket.transport.abort()
