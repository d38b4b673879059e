"""Envelopes: JSON in text frames, msgpack in binary ones (wire.md)."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Any, Dict, List, Mapping, Optional, Union

Data = Union[str, bytes, int, float, bool, None, List[Any], Dict[str, Any]]
Envelope = Dict[str, Any]
Frame = Union[str, bytes]


@dataclass(frozen=True)
class Sender:
    """Who sent a message; client is None for an anonymous one."""

    client: Optional[str]
    sequence: Optional[str]


@dataclass(frozen=True)
class Message:
    """A message: str data is text, bytes are bytes, anything else is a value.

    room     its full name; None for a direct message
    sender, id, time, position   where the room's rules add them, else None
    missed   messages may be missing right before this one: the socket was
             away, or too many waited here
    """

    data: Data
    room: Optional[str] = None
    sender: Optional[Sender] = None
    id: Optional[str] = None
    time: Optional[datetime] = None
    position: Optional[str] = None
    missed: bool = False


def message_of(envelope: Mapping[str, Any], missed: bool = False) -> Message:
    """The message in an envelope from the house; ValueError if it is none."""
    sender, time = envelope.get("from"), envelope.get("time")
    return Message(
        data=base64.b64decode(envelope["bytes"], validate=True) if "bytes" in envelope else envelope["data"],
        room=envelope.get("room"),
        sender=None if sender is None else Sender(sender.get("client"), sender.get("sequence")),
        id=envelope.get("id"),
        time=None if time is None else datetime.fromisoformat(time.replace("Z", "+00:00")),
        position=envelope.get("position"),
        missed=missed,
    )


class JSON:
    """porthouse.v1.json"""

    subprotocol = "porthouse.v1.json"

    def carry(self, data: Data) -> Envelope:
        """The part of an envelope that carries data."""
        if isinstance(data, (bytes, bytearray, memoryview)):
            return {"bytes": base64.b64encode(data).decode()}
        return {"data": data}

    def encode(self, envelope: Mapping[str, Any]) -> Frame:
        # Compact, and without NaN and Infinity, which JSON does not have.
        return json.dumps(envelope, ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    def decode(self, frame: Frame) -> Envelope:
        return _object(json.loads(frame))


class Msgpack:
    """porthouse.v1.msgpack; needs the msgpack package."""

    subprotocol = "porthouse.v1.msgpack"

    def __init__(self) -> None:
        try:
            self._msgpack: Any = import_module("msgpack")
        except ImportError as missing:
            raise ImportError("msgpack envelopes need another package: pip install 'porthouse[msgpack]'") from missing

    def carry(self, data: Data) -> Envelope:
        if isinstance(data, (bytearray, memoryview)):
            data = bytes(data)
        return {"data": data}

    def encode(self, envelope: Mapping[str, Any]) -> Frame:
        frame: bytes = self._msgpack.packb(envelope, use_bin_type=True)
        return frame

    def decode(self, frame: Frame) -> Envelope:
        if isinstance(frame, str):
            raise ValueError("a text frame, where msgpack was agreed on")
        return _object(self._msgpack.unpackb(frame, raw=False, strict_map_key=False))


Codec = Union[JSON, Msgpack]


def codec(protocol: str) -> Codec:
    """The codec that connect's protocol names."""
    if protocol == "json":
        return JSON()
    if protocol == "msgpack":
        return Msgpack()
    raise ValueError(f'protocol: {protocol!r} is neither "json" nor "msgpack"')


def _object(value: Any) -> Envelope:
    if not isinstance(value, dict):
        raise ValueError(f"an envelope is an object, not {type(value).__name__}")
    return value
