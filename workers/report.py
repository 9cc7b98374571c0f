"""Reporting: a worker says that it is alive, one of them counts how the house stands, and all show
it to Prometheus.

Nothing depends on it but what people see: a report that fails is made again five seconds later.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

import structlog

from orchestrator import __version__
from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import StorageUnavailable
from orchestrator.runtime import in_background
from orchestrator.storage.stats import Stats, Worker
from workers import metrics

EVERY_S = 5.0
_LEASE_MS = 7_500
_FAREWELL_S = 1.0

log = structlog.get_logger(__name__)


class Reporter:
    """Reports while `reporting`; `load` says what is under way: jobs, looks."""

    def __init__(
        self,
        stats: Stats,
        clock: Clock,
        load: Callable[[], dict[str, int]],
    ) -> None:
        self._stats, self._clock, self._load = stats, clock, load
        host = f"{socket.gethostname()}:{os.getpid()}"
        self._worker = Worker(f"worker_{uuid4().hex[:16]}", host, __version__, clock())
        self._nudged = asyncio.Event()
        self.is_draining = False

    def drain(self) -> None:
        """The worker takes no new work: that is told at once."""
        self.is_draining = True
        self._nudged.set()

    @asynccontextmanager
    async def reporting(self) -> AsyncIterator[None]:
        """Reports every five seconds until the end of the block, then says farewell."""
        try:
            async with in_background(self._run()):
                yield
        finally:
            with suppress(StorageUnavailable, TimeoutError):
                async with asyncio.timeout(_FAREWELL_S):
                    await self._stats.farewell(self._worker.id)

    async def _run(self) -> None:
        while True:
            self._nudged.clear()
            try:
                await self._report()
            except StorageUnavailable as error:
                log.info("report_not_made", error=error.code)
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._nudged.wait()

    async def _report(self) -> None:
        draining = "yes" if self.is_draining else "no"
        load = {**self._load(), "draining": draining}
        await self._stats.beat(self._worker, self._clock(), load)
        if await self._stats.may_count(self._worker.id, _LEASE_MS):
            await self._stats.count()
        stats, totals = await asyncio.gather(self._stats.read(), self._stats.totals())
        metrics.HOUSE.tell(stats, totals)
