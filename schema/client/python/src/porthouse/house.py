"""A house: one socket, which comes back, and all that is said over it."""

from __future__ import annotations

import asyncio
import logging
import uuid
from dataclasses import dataclass
from typing import Any, AsyncIterator, Coroutine, Dict, List, Mapping, Optional, Set

from .envelope import Codec, Data, Envelope, Frame
from .errors import LONGEST, RETURN, UNAUTHORIZED, PorthouseError, lost, pause
from .inbox import Flow, Inbox
from .link import Address, ConnectionClosed, Secret, Socket, abort, closing, is_open, now_of
from .room import Member, Room
from .stream import Event, Receipt, Stream, To, event_of, receivers

log = logging.getLogger("porthouse")

# A key keeps a message from being sent twice for 2 minutes (wire.md). What is
# older than this, seconds, is not said again.
KEY_TIME = 110.0
HEARTBEAT, SILENCE = 20.0, 40.0  # seconds: between pings; of silence, then the link is dead

_AGAIN = frozenset({"whoami", "spaces", "who", "rules", "ping", "help"})  # harmless if done twice
_LATER = frozenset({"full", "rate", "unavailable"})  # a room that refuses so may let in later


@dataclass
class _Request:
    """Something said to the house, until it is answered."""

    frame: Frame
    stream: Stream  # waits for this to be in
    done: asyncio.Future[Envelope]
    now: bool  # belongs to the socket of now, and ends with it
    again: bool  # harmless if done twice
    key: Optional[str]  # keeps a message from being sent twice
    quiet: bool  # nothing answers: it is done once it is written
    said: str = ""  # the room's name, as it was said
    socket: Optional[Socket] = None  # that it was written to last
    first: float = 0.0  # when it was written first
    sender: Optional[str] = None  # as whom
    memory: Optional[str] = None  # the house's of keys, as it was written first


class House(Stream):
    """One socket to a house. Iterating gives the direct messages to this client.

    client, sequence   who it is, and the name of its socket now
    rooms              those it is in, by full name
    room               the one that the address led to, or None
    """

    def __init__(
        self,
        address: Address,
        speaks: Codec,
        *,
        password: Optional[Secret] = None,
        otp: Optional[Secret] = None,
        queue: int = 1024,
        patient: bool = False,
        reconnect: bool = True,
        retry: bool = False,
    ) -> None:
        self._flow, self._limit = Flow(), queue
        super().__init__(queue, self._flow)
        self.client: Optional[str] = None
        self.sequence: Optional[str] = None
        self.rooms: Dict[str, Room] = {}
        self.room: Optional[Room] = None
        self._address, self._codec = address, speaks
        self._password, self._otp = password, otp
        self._patient, self._reconnect, self._retry = patient, reconnect, retry
        self._memory: Optional[str] = None  # names the house's memory of keys
        self._events: Inbox[Event] = Inbox(queue, self._flow)
        self._pending: Dict[str, _Request] = {}  # in the order in which they were said
        self._said = 0
        self._writing = asyncio.Lock()
        self._socket: Optional[Socket] = None
        self._heard = 0.0
        self._tasks: Set[asyncio.Task[None]] = set()  # of this socket
        self._fault: Optional[PorthouseError] = None  # why we end this socket ourselves
        self._last = PorthouseError("unavailable")  # why the one before ended
        self._was_in = self._refreshed = False
        self._gone_since = 0.0
        self._up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._life: Optional[asyncio.Task[None]] = None

    # What one does with it.

    async def join(
        self,
        name: str,
        *,
        password: Optional[Secret] = None,
        otp: Optional[Secret] = None,
        since: Optional[str] = None,
    ) -> Room:
        """Goes into a room. Password and code may be callables: they are asked
        again when the client has to come back."""
        for room in self.rooms.values():
            if name in (room.name, room._said):
                return room
        entry = Room(self, name, name)
        entry._password, entry._otp, entry._position = password, otp, since
        while True:
            try:
                reply = await self._say(await entry._entry(), self, said=name)
            except PorthouseError as error:
                if error.code != "lost":
                    raise
                continue  # joining twice is joining once
            if "ask" in reply:
                await self._say({"do": "leave"}, self)
                raise _asked(reply)
            room = self.rooms.get(reply["room"], entry)
            room._password, room._otp = password, otp
            return room

    async def new_room(self, name: str, rules: Optional[Mapping[str, Any]] = None, *, keep: bool = False) -> Room:
        """Makes a room, and is in it; keep makes it a persistent one. A
        transient one that is gone when the client comes back is made again."""
        command: Envelope = {"do": "new room", "room": name}
        if rules is not None:
            command["rules"] = dict(rules)
        if keep:
            command["keep"] = True
        reply = await self._say(command, self, said=name)
        room = self.rooms[reply["room"]]
        room._made = None if keep else command
        room._password = (rules or {}).get("password")
        return room

    async def send(
        self, data: Data, to: To = None, *, key: Optional[str] = None, receipt: bool = True
    ) -> Optional[Receipt]:
        """Sends directly to clients, wherever they are; without `to`, to the one
        room that this socket is in.

        Returns when the house has it. If the socket is lost before, nobody knows
        whether it was heard: PorthouseError "lost". Where there is a key
        (connect's retry gives each send one) and the client is authenticated, it
        is said again on the next socket instead, as long as the house still
        knows its keys, and is heard once. With receipt=False it returns once it
        is written, and what is lost is lost.
        """
        if to is None:
            if len(self.rooms) != 1:
                raise PorthouseError("malformed", "to: name clients, or use send of one of the rooms", do="send")
            return await next(iter(self.rooms.values())).send(data, key=key, receipt=receipt)
        return await self._send(self, data, {}, to, key, receipt)

    async def spaces(self) -> List[Dict[str, Any]]:
        """The rooms that this client may see."""
        rooms: List[Dict[str, Any]] = (await self.command("spaces"))["rooms"]
        return rooms

    async def who(self, room: str) -> List[Member]:
        """Who is in a room."""
        reply = await self.command("who", room=room)
        return [Member(member["client"], member["sequence"]) for member in reply["members"]]

    async def whoami(self) -> Dict[str, Any]:
        """What the house knows of this socket."""
        return await self.command("whoami")

    async def rules(self, room: str, change: Optional[Mapping[str, Any]] = None) -> Dict[str, Any]:
        """The rules of a room, after a change (a merge patch, RFC 7396: None
        takes a key back to its default) if there is one."""
        more = {} if change is None else {"rules": dict(change)}
        rules: Dict[str, Any] = (await self.command("rules", room=room, **more))["rules"]
        return rules

    async def put_out(self, room: str, who: str) -> int:
        """Puts a client, or one sequence (~…), out of a room; how many sockets."""
        key = "sequence" if who.startswith("~") else "client"
        sockets: int = (await self.command("put out", room=room, **{key: who})).get("sockets", 0)
        return sockets

    async def leave(self, room: str) -> None:
        """Leaves a room."""
        for known in list(self.rooms.values()):
            if room in (known.name, known._said):
                await self._leave(known)

    async def auth(self, token: str) -> None:
        """Renews the socket with a fresh token of the same client, which counts
        from now on. A token that is a callable is renewed by itself."""
        await self._say({"do": "auth", "token": token}, self)
        if not callable(self._address.token):
            self._address.token = token

    async def command(self, do: str, **arguments: Any) -> Envelope:
        """Any command, as wire.md has it: command("drop room", room="x"). Returns
        the reply. Rooms are entered by join and new_room alone."""
        if do in ("join", "new room", "leave", "enter"):
            raise ValueError(f"{do}: use the method of that name")
        return await self._say({"do": do, **arguments}, self, again=do in _AGAIN)

    async def events(self) -> AsyncIterator[Event]:
        """What happens beside messages, from the first event on that was not
        taken. Nothing waits for who does not take them: the oldest go."""
        while True:
            try:
                event = await self._events.get()
            except StopAsyncIteration:
                return
            yield event

    async def close(self) -> None:
        """Ends the socket and all rooms."""
        self._finish(None)
        if self._life is not None:
            self._life.cancel()
            await asyncio.gather(self._life, return_exceptions=True)

    async def __aenter__(self) -> House:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # Saying something, and hearing the answer.

    async def _send(
        self, stream: Stream, data: Data, envelope: Envelope, to: To, key: Optional[str], receipt: bool
    ) -> Optional[Receipt]:
        envelope.update(self._codec.carry(data))
        if to is not None:
            envelope["to"] = receivers(to)
        if key is None and receipt and self._retry and self.client is not None:
            key = uuid.uuid4().hex  # an anonymous client's would not outlive its socket
        if key is not None:
            envelope["key"] = key
        reply = await self._say(envelope, stream, key=key, quiet=not receipt)
        return Receipt(reply["id"], reply["receivers"]) if receipt else None

    async def _say(
        self,
        envelope: Envelope,
        stream: Stream,
        *,
        now: bool = False,
        again: bool = False,
        key: Optional[str] = None,
        quiet: bool = False,
        said: str = "",
    ) -> Envelope:
        """Says something, when the stream is in unless it is to be now, and
        waits for the reply."""
        for over in (stream._over, self._over):
            if over is not None:
                raise over.copy()
        self._said += 1
        ref = str(self._said)
        if not quiet:
            envelope["ref"] = ref
        done: asyncio.Future[Envelope] = asyncio.get_running_loop().create_future()
        request = _Request(self._codec.encode(envelope), stream, done, now, again, key, quiet, said)
        self._pending[ref] = request
        try:
            if now or stream._ready:
                await self._write(request, self._socket)
            if now:
                return await done
            with self._flow.waiting():
                return await done
        finally:
            self._pending.pop(ref, None)

    async def _write(self, request: _Request, socket: Optional[Socket]) -> None:
        """Writes a request to that socket, if it is still the one."""
        async with self._writing:  # first come, first written
            if socket is None or socket is not self._socket or not is_open(socket):
                return  # it is written to the next one
            if request.socket is socket or request.done.done():
                return
            request.socket, request.sender = socket, self.client
            if not request.first:
                request.first, request.memory = self._clock(), self._memory
            try:
                await socket.send(request.frame)
            except ConnectionClosed:
                pass  # what becomes of it is decided on the next one
            if request.quiet:
                _answer(request, {})

    async def _resume(self, stream: Stream) -> None:
        """Says, in order, what waits for the stream; from then on it is ready."""
        socket = self._socket
        while True:
            waits = [r for r in self._pending.values() if r.stream is stream and r.socket is not socket and not r.done.done()]
            if not waits:
                break
            for request in waits:
                if request.socket is None or self._may_repeat(request):
                    await self._write(request, socket)
                else:
                    _fail(request, lost(self._last))
            if socket is not self._socket or not is_open(socket):
                return
        stream._ready = True

    def _may_repeat(self, request: _Request) -> bool:
        """Whether what was written to another socket may be said again: if it is
        harmless, or if the house knows its key for certain."""
        if request.again:
            return True
        if request.key is None or request.sender is None or request.sender != self.client:
            return False
        if self._memory is None or request.memory != self._memory:
            return False
        return self._clock() - request.first < KEY_TIME

    async def _leave(self, room: Room) -> None:
        if room._over is not None:
            return
        if room._ready:
            try:
                await self._say({"do": "leave", "room": room._said}, room)
            except PorthouseError as error:
                if error.code not in ("lost", "not-found"):
                    raise
        self._forget(room, None)

    def _forget(self, room: Room, error: Optional[PorthouseError]) -> None:
        """The client is not in the room any more."""
        self.rooms.pop(room.name, None)
        room._end(error)
        for request in list(self._pending.values()):
            if request.stream is room:
                _fail(request, room._over or PorthouseError("closed"))

    # Its life: a socket, and the next, until one ends for good.

    def _clock(self) -> float:
        return asyncio.get_running_loop().time()

    async def _start(self) -> None:
        self._life = asyncio.ensure_future(self._live())
        try:
            await self._up
        except BaseException:
            await self.close()
            raise

    async def _live(self) -> None:
        try:
            await self._sockets()
        except Exception as fault:
            log.exception("a fault of the client's")
            self._finish(PorthouseError("unavailable", repr(fault)))

    async def _sockets(self) -> None:
        attempt = 0
        while True:
            begun = self._clock()
            error = await self._one_socket()
            if error.close_code == 1000 or not self._comes_back(error):
                self._finish(None if error.close_code == 1000 else error)
                return
            attempt = 0 if self._clock() - begun > LONGEST else attempt
            rest = pause(attempt, error.retry_after)
            attempt += 1
            log.info("%s: %s; again in %.1f s", self._address.url, error, rest)
            await asyncio.sleep(rest)

    def _comes_back(self, error: PorthouseError) -> bool:
        if not self._up.done() and not self._patient or not self._reconnect:
            return False
        if error.close_code == UNAUTHORIZED and callable(self._address.token) and not self._refreshed:
            self._refreshed = True  # until it is in again
            return True
        return error.close_code in RETURN

    async def _one_socket(self) -> PorthouseError:
        """Opens a socket and serves it; returns why it ended."""
        self._fault = None
        try:
            socket = await self._address.open(self._codec.subprotocol)
        except PorthouseError as error:
            return error
        self._socket, self._heard = socket, self._clock()
        self._spawn(self._greet(socket))
        self._spawn(self._keep_alive(socket))
        why = PorthouseError("closed", close_code=1000)
        try:
            await self._read(socket)
        except ConnectionClosed as closed:
            why = self._fault or closing(closed)
        finally:
            self._lose(why)
            if is_open(socket):
                await socket.close()
        return why

    def _lose(self, error: PorthouseError) -> None:
        """The socket is gone: nothing is ready, and who belongs to it ends."""
        self._socket, self._last = None, error
        for task in self._tasks:
            task.cancel()
        for stream in (self, *self.rooms.values()):
            stream._ready, stream._gap = False, True
        for request in list(self._pending.values()):
            if request.now or request.socket is not None and not request.again and request.key is None:
                _fail(request, lost(error))
        if self._was_in:
            self._was_in, self._gone_since = False, self._clock()
            self._events.put(Event("away", code=error.code, data={"close_code": error.close_code}))

    def _finish(self, error: Optional[PorthouseError]) -> None:
        """It ended for good: all that wait hear of it."""
        for room in list(self.rooms.values()):
            self._forget(room, error)
        self._end(error)
        self._events.end(None)
        over = self._over or PorthouseError("closed")
        for request in list(self._pending.values()):
            _fail(request, over)
        if not self._up.done():
            self._up.set_exception(over)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(self._watched(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watched(self, work: Coroutine[Any, Any, None]) -> None:
        """Work for the socket of now; if it fails, the socket ends."""
        try:
            await work
        except PorthouseError as error:
            if error.code != "lost" and self._socket is not None:
                self._fault = error
                await self._socket.close()
        except Exception:
            log.exception("a fault of the client's")
            if self._socket is not None:
                await self._socket.close(1011)

    async def _greet(self, socket: Socket) -> None:
        """Finds out who and where this socket is, and goes back into the rooms."""
        me = await self._say({"do": "whoami"}, self, now=True)
        if me["state"] == "entering":  # the room of the address asks
            await self._enter()
            me = await self._say({"do": "whoami"}, self, now=True)
        self.client, self.sequence, self._memory = me["client"], me["sequence"], me.get("house")
        self._was_in, self._refreshed = True, False
        await self._resume(self)
        for room in list(self.rooms.values()):
            if room.name in me["rooms"]:
                self.room = room
                self._spawn(self._inside(room))
            else:
                self._spawn(self._go_back(room))
        if not self._up.done():
            self._up.set_result(None)
        else:
            self._events.put(Event("back", seconds=self._clock() - self._gone_since, data={}))

    async def _enter(self) -> None:
        """Answers what the room of the address asks."""
        answer: Envelope = {"do": "enter"}
        for key, secret in (("password", self._password), ("otp", self._otp)):
            value = await now_of(secret)
            if value is not None:
                answer[key] = value
        if len(answer) == 1:
            raise PorthouseError("unauthorized", "the room asks: give connect password or otp", UNAUTHORIZED)
        try:
            await self._say(answer, self, now=True)
        except PorthouseError as error:
            if error.code == "unauthorized":
                error.close_code = 4403  # a fresh token is no help
            raise

    async def _go_back(self, room: Room) -> None:
        """Goes into a room again, as often as it takes."""
        attempt = 0
        while room._over is None:
            try:
                reply = await self._say(await self._way_in(room), self, now=True, said=room._said)
                if "ask" in reply:
                    await self._say({"do": "leave"}, self, now=True)
                    raise _asked(reply)
                break
            except PorthouseError as error:
                if error.code == "lost":
                    return
                if error.code == "exists":
                    room._made = None  # somebody else has it now
                elif error.code not in _LATER:
                    self._forget(room, error)
                    self._events.put(Event("out", room.name, code=error.code, data={"message": error.message}))
                    return
                else:
                    await asyncio.sleep(pause(attempt))
                    attempt += 1
        if room._over is None:
            await self._inside(room)
        else:  # it was left meanwhile
            await self._say({"do": "leave", "room": room._said}, self, now=True)

    async def _way_in(self, room: Room) -> Envelope:
        """Who made a room makes it again, with its rules, if it is gone: by
        walking in it would become one without."""
        return dict(room._made) if room._made is not None else await room._entry()

    async def _inside(self, room: Room) -> None:
        await self._resume(room)
        if room._ready and self._gone_since:
            self._events.put(Event("back", room.name, seconds=self._clock() - self._gone_since, data={}))

    async def _keep_alive(self, socket: Socket) -> None:
        """A lobby must say something now and then, and a dead link says nothing.
        While reading waits for who does not take its messages, so does this."""
        while True:
            await asyncio.sleep(HEARTBEAT)
            try:
                await asyncio.wait_for(self._say({"do": "ping"}, self, now=True), HEARTBEAT)
            except PorthouseError as error:
                if error.code == "lost":
                    return
            except asyncio.TimeoutError:
                if self._clock() - self._heard > SILENCE:
                    abort(socket)
                    return

    async def _renew(self) -> None:
        """The token expires: the socket is renewed with a fresh one."""
        try:
            token = await self._address.credential()
            await self._say({"do": "auth", "token": token}, self, now=True)
        except PorthouseError as error:
            log.warning("the token expires and was not renewed: %s", error)

    # Hearing.

    async def _read(self, socket: Socket) -> None:
        while True:
            frame = await socket.recv()
            self._heard = self._clock()
            try:
                await self._hear(self._codec.decode(frame))
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                log.warning("the house said what nobody understands: %r", error)

    async def _hear(self, envelope: Envelope) -> None:
        request = self._pending.get(envelope.get("ref", ""))
        if "data" in envelope or "bytes" in envelope:
            name = envelope.get("room")
            stream = self if name is None else self.rooms.get(name)
            if stream is not None:
                await stream._take(envelope, self._flow)
        elif "error" in envelope:
            error = PorthouseError(envelope["error"], envelope.get("message", ""), do=envelope.get("do", ""))
            if request is not None:
                _fail(request, error)
            else:
                self._events.put(event_of(envelope))
        elif "event" in envelope:
            self._happen(envelope)
        elif envelope.get("ok") in ("join", "new room"):
            self._stands_in(envelope, request)
        elif envelope.get("ok") == "auth":
            self.client = envelope["client"]
        elif envelope.get("ok") == "leave" and request is not None and isinstance(request.stream, Room):
            _answer(request, envelope)  # before all else that waits there fails
            self._forget(request.stream, None)
        if request is not None:
            _answer(request, envelope)

    def _stands_in(self, reply: Envelope, request: Optional[_Request]) -> None:
        """At once, since its messages may come right behind."""
        name = reply["room"]
        room = self.rooms.get(name)
        if room is None:
            room = self.rooms[name] = Room(self, name, request.said if request and request.said else name)
        room._entered(reply)
        if self._ready and (request is None or not request.now):
            room._ready = True  # else _inside says first what waits

    def _happen(self, envelope: Envelope) -> None:
        event = event_of(envelope)
        self._events.put(event)
        if event.name == "out" and event.room in self.rooms:
            code = 4410 if event.code == "gone" else 4403
            error = PorthouseError(event.code or "denied", f"put out of {event.room}", code)
            self._forget(self.rooms[event.room], error)
        elif event.name == "expiring" and callable(self._address.token):
            self._spawn(self._renew())


def _answer(request: _Request, envelope: Envelope) -> None:
    if not request.done.done():
        request.done.set_result(envelope)


def _fail(request: _Request, error: PorthouseError) -> None:
    if not request.done.done():
        request.done.set_exception(error.copy())


def _asked(reply: Envelope) -> PorthouseError:
    asks = " and ".join(reply["ask"])
    return PorthouseError("unauthorized", f"{reply['room']} asks for {asks}: give them with join", do="join")
