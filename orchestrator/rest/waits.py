"""Requests that are held until something has changed, and let go when the process has to end."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from orchestrator.domain.errors import StorageUnavailable

_GRACE_S = 0.5

Answer = TypeVar("Answer")


class Waits:
    """Holds requests; `drain` lets all of them go, and every later one at once."""

    def __init__(self) -> None:
        self.draining = False
        self._held: set[asyncio.Timeout] = set()

    @property
    def count(self) -> int:
        """How many requests are held."""
        return len(self._held)

    async def held(self, answer: Awaitable[Answer], seconds: float) -> Answer | None:
        """The answer, or None where it cannot be had: the process ends, or Redis is away.

        `answer` ends by itself after `seconds`; it is given a little longer, and no more.
        """
        try:
            async with asyncio.timeout(0 if self.draining else seconds + _GRACE_S) as scope:
                self._held.add(scope)
                try:
                    return await answer
                finally:
                    self._held.discard(scope)
        except (TimeoutError, StorageUnavailable):
            return None

    def drain(self) -> None:
        """From now on nobody is held."""
        self.draining = True
        now = asyncio.get_running_loop().time()
        for scope in self._held:
            if not scope.expired():
                scope.reschedule(now)
