"""What a house and its rooms have in common: they are listened to, and spoken
to once they are in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, List, Mapping, Optional, Sequence, Union

from .envelope import Envelope, Message, message_of
from .errors import PorthouseError
from .inbox import Flow, Inbox

To = Union[str, Sequence[str], None]


@dataclass(frozen=True)
class Receipt:
    """The house has the message; receivers sockets had it queued."""

    id: str
    receivers: int


@dataclass(frozen=True)
class Event:
    """Something that happened.

    name      of the house: join, leave (presence), out, expiring, refused (a
              message sent without a receipt). Of the client: away (the socket
              was lost; the client comes back), back (it is in again: the house
              where room is None, else that room)
    room      its full name, or None
    client, sequence   of join and leave
    code      of out, refused and away: a word
    seconds   of expiring: until then. Of back: how long it was away, in which
              messages may have been missed
    data      all of it
    """

    name: str
    room: Optional[str] = None
    client: Optional[str] = None
    sequence: Optional[str] = None
    code: Optional[str] = None
    seconds: Optional[float] = None
    data: Mapping[str, Any] = field(default_factory=dict)


def event_of(envelope: Envelope) -> Event:
    code = envelope.get("code", envelope.get("error"))
    name = envelope.get("event", "refused")
    return Event(
        name, envelope.get("room"), envelope.get("client"), envelope.get("sequence"),
        code, envelope.get("in"), envelope,
    )  # fmt: skip


def receivers(to: To) -> List[str]:
    return [to] if isinstance(to, str) else list(to or ())


class Stream:
    """An async iterator of messages."""

    def __init__(self, limit: int, flow: Flow) -> None:
        self._inbox: Inbox[Message] = Inbox(limit, flow, lambda message: replace(message, missed=True))
        self._ready = False  # what is said here may be written to the socket
        self._gap = False  # the next message comes after a gap
        self._position: Optional[str] = None  # of the last message, with history
        self._over: Optional[PorthouseError] = None

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> Message:
        return await self._inbox.get()

    async def _take(self, envelope: Envelope, flow: Flow) -> None:
        message = message_of(envelope, self._gap)
        await flow.room_in(self._inbox)
        self._gap = False
        self._position = message.position or self._position
        self._inbox.put(message)

    def _end(self, error: Optional[PorthouseError]) -> None:
        """No more messages: an error is raised by who takes them, None is a
        quiet end."""
        if self._over is None:
            self._ready = False
            self._over = error or PorthouseError("closed", "it was left, or closed, here")
            self._inbox.end(error)
