"""Two clocks: the machine's, and a simulated one that can run faster and jump.

Calls, visibility and retention live on the simulated clock. Token lives and rate-limit windows
stay on the machine's, because the client counts them on its own; so do the times of day in
answers, which a client compares with its own clock.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime


class SimulatedClock:
    """Seconds since the simulator began, at `speed` simulated seconds a real one."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._base = 0.0
        self._since = time.monotonic()
        self.on_change: Callable[[], None] = _nothing
        """Is called after a jump or a change of speed."""

    @property
    def speed(self) -> float:
        return self._speed

    def now(self) -> float:
        """The present, in simulated seconds."""
        return self._base + (time.monotonic() - self._since) * self._speed

    def run_at(self, speed: float) -> None:
        """Goes on from the present at another speed."""
        self._base, self._since = self.now(), time.monotonic()
        self._speed = speed
        self.on_change()

    def advance(self, seconds: float) -> None:
        """Jumps ahead by simulated seconds."""
        self._base += seconds
        self.on_change()


def _nothing() -> None:
    """Nobody waits for the clock."""


def rfc3339(seconds: float) -> str:
    """A time of day from seconds since the epoch: `2026-11-24T07:00:00.123Z`."""
    moment = datetime.fromtimestamp(seconds, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_rfc3339(text: str) -> float:
    """Seconds since the epoch; raises ValueError for what is not a time with a zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("the time has no zone")
    return moment.timestamp()
