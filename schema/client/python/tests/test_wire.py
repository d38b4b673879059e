"""The vectors of the wire, which the server and each client run."""

import base64
import json
import re
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[1] / "src"))

from porthouse.envelope import JSON, Message, Msgpack, message_of  # noqa: E402

VECTORS = HERE.parents[3] / "testdata" / "wire"
CODECS = {"json": JSON()}
try:
    CODECS["msgpack"] = Msgpack()
except ImportError:
    pass  # there is no msgpack: said by test_vectors_are_there


def vectors(name):
    known = [v for v in json.loads((VECTORS / f"{name}.json").read_text()) if v["protocol"] in CODECS]
    return [v for v in known if name == "replies" or not beyond(v)]


def beyond(vector):
    """Numbers that no float64 holds are text in msgpack, or out of range here:
    those vectors are left out."""
    expect = vector["expect"]
    value = expect.get("message", {}).get("value", "") + expect.get("command", "")
    return re.search(r"\d{20,}|[eE][+]?\d{3,}", value) is not None


def frame_of(vector):
    if vector["protocol"] == "msgpack":
        return base64.b64decode(vector["input"])
    return base64.b64decode(vector["input"]).decode() if vector.get("base64") else vector["input"]


def data_of(message):
    """What a program reads for a message of a vector."""
    if message["kind"] == "text":
        return message["text"]
    if message["kind"] == "bytes":
        return base64.b64decode(message["bytes"])
    return json.loads(message["value"])


class Wire(unittest.TestCase):
    maxDiff = None

    def test_messages(self):
        for vector in vectors("messages"):
            with self.subTest(vector["name"]):
                got = message_of(CODECS[vector["protocol"]].decode(frame_of(vector)))
                want = dict(vector["expect"])
                self.assert_same(got.data, data_of(want.pop("message")))
                self.assertEqual(got, message_of({**want, "data": got.data}))
                for key in want:
                    self.assertIsNotNone(getattr(got, "sender" if key == "from" else key), key)

    def test_replies(self):
        for vector in vectors("replies"):
            with self.subTest(vector["name"]):
                got = CODECS[vector["protocol"]].decode(frame_of(vector))
                self.assertEqual(got, json.loads(vector["expect"]))

    def test_envelopes(self):
        """What is sent for an envelope means the same as the vector's own frame."""
        for vector in vectors("envelopes"):
            with self.subTest(vector["name"]):
                codec, expect = CODECS[vector["protocol"]], dict(vector["expect"])
                message, command = expect.pop("message", None), expect.pop("command", None)
                envelope = {**(json.loads(command) if command else codec.carry(data_of(message))), **expect}
                again = codec.decode(codec.encode(envelope))
                self.assertEqual(again, envelope)
                if message:
                    self.assert_same(message_of(again).data, data_of(message))

    def test_vectors_are_there(self):
        count = sum(len(vectors(name)) for name in ("messages", "replies", "envelopes"))
        self.assertGreater(count, 100 if "msgpack" in CODECS else 50)

    def assert_same(self, got, want):
        self.assertEqual(got, want)
        if isinstance(want, (str, bytes, bool)):
            self.assertIs(type(got), type(want))


if __name__ == "__main__":
    unittest.main()
