"""One worker process: jobs, following and the sweep, until it is told to stop."""

import asyncio
import signal
import sys
from contextlib import AsyncExitStack

import structlog
from arq.worker import func

from orchestrator.runtime import CREDENTIAL, backend, now, pair_secret, ringcentral
from orchestrator.settings import Settings
from orchestrator.storage.connection import WORKER
from orchestrator.storage.looks import Looks
from orchestrator.storage.pairs import Pairs
from orchestrator.storage.upkeep import Upkeep
from workers.cancel import cancel
from workers.context import KEY, Ahead, Work
from workers.follow import Follower
from workers.place import place
from workers.queue import Wake, WokenWorker
from workers.reconcile import reconcile
from workers.sweep import Sweeper

log = structlog.get_logger(__name__)

_DRAIN_S = 24.0
_END_S = 2.0
_JOB_TIMEOUT_S = 120
_LOOK_MARGIN_S = 5


async def run(settings: Settings) -> None:
    """Works until SIGTERM or SIGINT, then finishes what is under way and returns."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(backend(settings, WORKER))
        upstream = await stack.enter_async_context(ringcentral(settings, parts.commands))
        ahead = Ahead(parts.store)
        work = Work(
            store=parts.store,
            ahead=ahead,
            looks=Looks(parts.commands),
            upkeep=Upkeep(parts.commands),
            pairs=Pairs(parts.commands, pair_secret(settings)),
            upstream=upstream,
            clock=now,
            credential=CREDENTIAL,
            factor=settings.cadence_factor,
            longest_call=settings.longest_call * 1000,
        )
        wake = Wake(parts.blocking)
        worker = WokenWorker(
            parts.commands,
            wake,
            ahead,
            functions=[func(place), func(cancel), func(reconcile)],
            ctx={KEY: work},
            max_jobs=settings.worker_jobs,
            job_timeout=_JOB_TIMEOUT_S,
        )
        follower = Follower(work, round((settings.upstream_timeout + _LOOK_MARGIN_S) * 1000))
        await _work(worker, follower, Sweeper(work), wake, stopped)


async def _work(
    worker: WokenWorker, follower: Follower, sweeper: Sweeper, wake: Wake, stopped: asyncio.Event
) -> None:
    running = [
        asyncio.create_task(wake.listen()),
        asyncio.create_task(worker.async_run()),
        asyncio.create_task(follower.run()),
        asyncio.create_task(sweeper.run()),
    ]
    stopping = asyncio.create_task(stopped.wait())
    sys.stdout.write("worker ready\n")
    sys.stdout.flush()
    await asyncio.wait([stopping, *running], return_when=asyncio.FIRST_COMPLETED)
    log.info("worker_draining")
    worker.stop()
    sweeper.stop()
    follower.stop()
    wake.stop()
    _, left = await asyncio.wait(running, timeout=_DRAIN_S)
    stopping.cancel()
    for task in left:
        task.cancel()
    if left:
        log.warning("worker_not_drained", left=len(left))
        await asyncio.wait(left, timeout=_END_S)
    for task in running:
        if task.done() and not task.cancelled() and (error := task.exception()) is not None:
            raise error
