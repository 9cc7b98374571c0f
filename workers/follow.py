"""Following: every live call is looked at, by one worker at a time, until it has ended.

The calls stand in one sorted set by the time of their next look. Each worker claims those that are
due, under a lease; a worker that dies leaves them due again when the lease ends. Looks are tasks
of this loop, not jobs: a job per look costs ten times the commands and collapses at thousands of
live calls.
"""

import asyncio
from contextlib import suppress

import structlog

from orchestrator.domain.errors import CallNotFound, StorageUnavailable
from orchestrator.storage.looks import Claimed
from workers.context import Work
from workers.look import Looker

log = structlog.get_logger(__name__)

_MOST_AT_ONCE = 200
_LONGEST_PAUSE_S = 0.5
"""Below the wait before a call's first look, so that none is late for want of a message."""
_AFTER_A_FAULT_S = 0.5


class Follower:
    """Looks at live calls until it is stopped."""

    def __init__(self, work: Work, lease_ms: int) -> None:
        self._work = work
        self._looker = Looker(work)
        self._lease_ms = lease_ms
        self._longest_pause = _LONGEST_PAUSE_S * min(1.0, work.factor)
        self._looks: set[asyncio.Task[None]] = set()
        self._nudged = asyncio.Event()
        self._is_stopping = False

    async def run(self) -> None:
        """Claims and looks, until `stop` and the end of what is under way."""
        while not self._is_stopping:
            self._nudged.clear()
            try:
                pause = await self._claim()
            except StorageUnavailable:
                pause = _AFTER_A_FAULT_S
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._nudged.wait()
        if self._looks:
            await asyncio.wait(self._looks)

    def stop(self) -> None:
        """Claims nothing more; `run` returns when the looks under way are done."""
        self._is_stopping = True
        self._nudged.set()

    def nudge(self) -> None:
        """A look may have become due."""
        self._nudged.set()

    @property
    def under_way(self) -> int:
        """How many looks are being made."""
        return len(self._looks)

    async def _claim(self) -> float:
        free = _MOST_AT_ONCE - len(self._looks)
        if free <= 0:
            return self._longest_pause
        due = await self._work.looks.claim(self._lease_ms, free)
        for claimed in due.claimed:
            task = asyncio.create_task(self._look(claimed))
            self._looks.add(task)
            task.add_done_callback(self._looked)
        if due.wait is None:
            return self._longest_pause
        return min(self._longest_pause, max(0.002, due.wait / 1000))

    def _looked(self, task: asyncio.Task[None]) -> None:
        self._looks.discard(task)
        self._nudged.set()

    async def _look(self, claimed: Claimed) -> None:
        try:
            await self._looker.look(claimed)
        except (StorageUnavailable, CallNotFound) as error:
            log.warning("look_not_written", call=claimed.record.call.id, error=error.code)
