"""Requests that are held until something has changed, and let go when the client leaves or the
process has to end."""

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from aiohttp import web

from orchestrator.domain.errors import StorageUnavailable

_GRACE_S = 0.5

LEFT = web.RequestKey("left", asyncio.Event)
"""Is set when a request's connection is lost. aiohttp lets a handler run on."""

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

    async def held(
        self, answer: Awaitable[Answer], seconds: float, left: asyncio.Event | None = None
    ) -> Answer | None:
        """The answer, or None where it cannot be had: the client has left, the process ends, or
        Redis is away.

        `answer` ends by itself after `seconds`; it is given a little longer, and no more.
        """
        try:
            async with asyncio.timeout(0 if self.draining else seconds + _GRACE_S) as scope:
                self._held.add(scope)
                try:
                    with _ended_by(left, scope):
                        return await answer
                finally:
                    self._held.discard(scope)
        except (TimeoutError, StorageUnavailable):
            return None

    def drain(self) -> None:
        """From now on nobody is held."""
        self.draining = True
        for scope in self._held:
            _end(scope)


@contextmanager
def _ended_by(left: asyncio.Event | None, scope: asyncio.Timeout) -> Iterator[None]:
    if left is None:
        yield
        return
    leaving = asyncio.create_task(left.wait())
    leaving.add_done_callback(lambda task: None if task.cancelled() else _end(scope))
    try:
        yield
    finally:
        leaving.cancel()


def _end(scope: asyncio.Timeout) -> None:
    if not scope.expired():
        scope.reschedule(asyncio.get_running_loop().time())
