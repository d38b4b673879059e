"""What goes wrong, and whether it is worth coming back."""

from __future__ import annotations

import random
from typing import Optional

# Close codes after which a client comes back (wire.md, "Close codes"). 1005, a
# close frame without a code, is no word of the house: it counts as 1006.
RETURN = frozenset({1001, 1005, 1006, 1011, 1012, 1013, 4413, 4429, 4503})
UNAUTHORIZED = 4401  # come back once, with a fresh token

SHORTEST, LONGEST = 0.5, 20.0  # seconds: the pause's ceiling, at first and at last
_AFTER_MOST = 60.0  # seconds of a Retry-After that are waited for


class PorthouseError(Exception):
    """The house refused, or the socket ended.

    code        the house's word: malformed unknown unauthorized denied
                not-found exists full too-large format rate unavailable; gone,
                for a room that ended; or the client's own: lost (the socket
                ended before the house answered: it may have been done, or
                not) and closed (it was closed here)
    message     what is wrong and what to do
    close_code  of the socket, where one ended or could not be opened
    do          the verb that was refused, or ""
    retry_after seconds that the house asks to wait, or None
    """

    def __init__(
        self,
        code: str,
        message: str = "",
        close_code: Optional[int] = None,
        *,
        do: str = "",
        retry_after: Optional[float] = None,
    ) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.message = message
        self.close_code = close_code
        self.do = do
        self.retry_after = retry_after

    def copy(self) -> PorthouseError:
        """The same again, for another who waits: a traceback belongs to one."""
        return PorthouseError(
            self.code, self.message, self.close_code, do=self.do, retry_after=self.retry_after
        )


def lost(error: PorthouseError) -> PorthouseError:
    """What ends a request whose fate nobody knows."""
    why = f" ({error.message})" if error.message else ""
    message = f"the socket ended before the house answered{why}: it may have been done, or not"
    return PorthouseError("lost", message, error.close_code)


def pause(attempt: int, retry_after: Optional[float] = None) -> float:
    """Seconds to wait before the attempt (0, 1, …): full jitter under a ceiling
    that doubles, so that a crowd does not come back at once."""
    ceiling = min(LONGEST, SHORTEST * 2.0 ** min(attempt, 16))
    return min(retry_after or 0.0, _AFTER_MOST) + random.uniform(0.0, ceiling)


# The words that go with close codes and HTTP statuses.
WORDS = {
    1001: "unavailable", 1005: "unavailable", 1006: "unavailable", 1008: "denied",
    1009: "too-large", 1011: "unavailable", 1012: "unavailable", 1013: "full",
    4400: "malformed", 4401: "unauthorized", 4403: "denied", 4404: "not-found",
    4408: "unauthorized", 4409: "denied", 4410: "gone", 4413: "full",
    4429: "rate", 4503: "unavailable",
}  # fmt: skip


def close_code_of(status: int) -> int:
    """The close code that means what the HTTP status does."""
    if status in (400, 401, 403, 404, 408, 413, 429):
        return 4000 + status
    return 4503 if status >= 500 else 4400
