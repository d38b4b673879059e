"""A room that the client is in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional

from .envelope import Data, Envelope
from .link import Secret, now_of
from .stream import Receipt, Stream, To

if TYPE_CHECKING:
    from .house import House


@dataclass(frozen=True)
class Member:
    """Who is in a room; client is None for an anonymous one."""

    client: Optional[str]
    sequence: str


class Room(Stream):
    """A room: `async for message in room`, `await room.send(…)`.

    Iterating ends quietly when it was left here, and raises PorthouseError
    when the client was put out of it, or the socket ended for good.
    """

    def __init__(self, house: House, name: str, said: str) -> None:
        super().__init__(house._limit, house._flow)
        self.name = name  # in full: alice/notes
        self.members = 0  # sockets in it when it was entered last, this one too
        self._house = house
        self._said = said  # its name as this address takes it
        self._password: Optional[Secret] = None
        self._otp: Optional[Secret] = None
        self._made: Optional[Envelope] = None  # the command that made it

    def __repr__(self) -> str:
        return f"<Room {self.name}>"

    async def send(
        self, data: Data, *, to: To = None, key: Optional[str] = None, receipt: bool = True
    ) -> Optional[Receipt]:
        """Sends to the room, or to those of its members that `to` names; returns
        when the house has it. See House.send."""
        return await self._house._send(self, data, {"room": self._said}, to, key, receipt)

    async def who(self) -> List[Member]:
        """Who is in the room."""
        return await self._house.who(self._said)

    async def rules(self, change: Optional[Mapping[str, Any]] = None) -> Dict[str, Any]:
        """The rules in force, after a change (a merge patch) if there is one."""
        return await self._house.rules(self._said, change)

    async def put_out(self, who: str) -> int:
        """Puts a client, or one sequence, out of the room; how many sockets."""
        return await self._house.put_out(self._said, who)

    async def leave(self) -> None:
        """Leaves the room. What is still unsent there is not sent."""
        await self._house._leave(self)

    async def _entry(self) -> Envelope:
        """The command that goes into the room (again)."""
        entry: Envelope = {"do": "join", "room": self._said}
        for key, secret in (("password", self._password), ("otp", self._otp)):
            value = await now_of(secret)
            if value is not None:
                entry[key] = value
        if self._position is not None:
            entry["since"] = self._position
        return entry

    def _entered(self, reply: Envelope) -> None:
        """It is in, as the house says."""
        self.members = reply.get("members", 1)
        if reply.get("recovered"):
            self._gap = False
        elif self._position is None:
            self._position = reply.get("position")
