"""A client of Porthouse, the WebSocket room server.

    async with porthouse.connect("ws://localhost:8080/", token=token) as house:
        room = await house.join("chat")
        await room.send({"hello": "all"})
        async for message in room:
            print(message.sender, message.data)
"""

from .connecting import connect
from .envelope import Data, Message, Sender
from .errors import PorthouseError
from .house import House
from .pipe import Pipe, raw
from .room import Member, Room
from .stream import Event, Receipt

__version__ = "0.1.0"
__all__ = [
    "Data", "Event", "House", "Member", "Message", "Pipe", "PorthouseError",
    "Receipt", "Room", "Sender", "connect", "raw",
]  # fmt: skip
