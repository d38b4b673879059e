"""What was heard and not yet taken, and when reading has to wait for it."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import contextmanager
from typing import Callable, Deque, Generic, Iterator, Optional, TypeVar

from .errors import PorthouseError

PAUSE = 20.0  # seconds that reading waits for a full inbox; the house ends a socket silent for 60
HARD = 4  # times its limit is the most that an inbox holds, whoever waits

T = TypeVar("T")


class Flow:
    """Backpressure of one socket.

    Reading pauses while an inbox that somebody takes from is full, so that TCP
    and the house hear of it. It never pauses while somebody waits for what may
    only be heard by reading on: a reply, or the next message of another inbox.
    """

    def __init__(self) -> None:
        self._waiting = 0
        self._stir = asyncio.Event()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Somebody waits for something that is to be read."""
        self._waiting += 1
        self._stir.set()
        try:
            yield
        finally:
            self._waiting -= 1

    def stir(self) -> None:
        """Something was taken."""
        self._stir.set()

    async def room_in(self, inbox: Inbox[T]) -> None:
        """Waits while the inbox is full and nobody waits. Who takes nothing for
        PAUSE seconds is not waited for again until it does."""
        clock = asyncio.get_running_loop().time
        until = clock() + PAUSE
        if inbox.full:
            await asyncio.sleep(0)  # who waited for what has just come takes it
        while inbox.full and inbox.attended and not self._waiting:
            self._stir.clear()
            try:
                await asyncio.wait_for(self._stir.wait(), until - clock())
            except asyncio.TimeoutError:
                inbox.attended = False


class Inbox(Generic[T]):
    """Items in order. Where there are too many the oldest goes, and mark is
    called with the one that is the oldest then."""

    def __init__(self, limit: int, flow: Flow, mark: Optional[Callable[[T], T]] = None) -> None:
        self._limit, self._flow, self._mark = limit, flow, mark
        self._items: Deque[T] = deque()
        self._some = asyncio.Event()
        self._over = False
        self._error: Optional[PorthouseError] = None
        self.attended = False  # somebody takes from it

    @property
    def full(self) -> bool:
        return len(self._items) >= self._limit

    def put(self, item: T) -> None:
        if self._over:
            return
        self._items.append(item)
        if len(self._items) > (HARD * self._limit if self.attended else self._limit):
            self._items.popleft()
            if self._mark is not None:
                self._items[0] = self._mark(self._items[0])
        self._some.set()

    async def get(self) -> T:
        """The next item; StopAsyncIteration, or the error, when it has ended
        and all was taken."""
        self.attended = True
        while not self._items and not self._over:
            self._some.clear()
            with self._flow.waiting():
                await self._some.wait()
        if not self._items:
            if self._error is not None:
                raise self._error.copy()
            raise StopAsyncIteration
        self._flow.stir()
        return self._items.popleft()

    def end(self, error: Optional[PorthouseError]) -> None:
        if not self._over:
            self._over, self._error = True, error
            self._some.set()
