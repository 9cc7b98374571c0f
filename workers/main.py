"""One worker process: jobs, following and the sweep, until it is told to stop."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from arq.worker import func

from orchestrator.runtime import (
    Backend,
    Upstream,
    backend,
    digests,
    gatekeeper,
    line_rules,
    now,
    preflight,
    require_keys,
    upstream,
)
from orchestrator.settings import Settings
from orchestrator.settings.addresses import is_loopback
from orchestrator.settings.derived import pair_secret
from orchestrator.storage.connection import WORKER
from orchestrator.storage.evidence import EvidenceBook
from orchestrator.storage.glances import Glances
from orchestrator.storage.lanes import Lanes
from orchestrator.storage.lines import Lines
from orchestrator.storage.looks import Looks
from orchestrator.storage.pairs import Pairs
from orchestrator.storage.pauses import Pauses
from orchestrator.storage.stats import Stats
from orchestrator.storage.upkeep import Upkeep
from workers import metrics
from workers.cancel import cancel
from workers.context import KEY, Ahead, Work
from workers.deliver import KEY as DELIVERING
from workers.deliver import deliver
from workers.delivering import delivering_with, dispatcher_with
from workers.follow import Follower
from workers.listening import Loop, listening, reliance_with
from workers.permissions import Permissions
from workers.place import place
from workers.probes import Guard, guarded, serving, unguarded
from workers.queue import Wake, WokenWorker
from workers.reconcile import reconcile
from workers.report import Reporter
from workers.sweep import Sweeper

log = structlog.get_logger(__name__)

_DRAIN_S = 21.0
_END_S = 2.0
_JOB_TIMEOUT_S = 120
_LOOK_MARGIN_S = 5


async def run(settings: Settings) -> None:
    """Works until SIGTERM or SIGINT, then finishes what is under way and returns.

    ConfigurationError where the port for metrics cannot be listened on.
    """
    stopped = _stopped_by_signals()
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(backend(settings, WORKER))
        parts.store.told = metrics.changed
        ways = await stack.enter_async_context(
            upstream(settings, parts.commands, metrics.PROCESS.upstream)
        )
        work = work_with(settings, parts, ways)
        wake = Wake(parts.blocking)
        worker = _arq_worker(settings, parts, work, wake)
        follower = _follower(settings, work, wake)
        sweeper = Sweeper(work)
        dispatcher = dispatcher_with(parts)
        reporter = _reporter(parts, worker, follower)
        guard = await stack.enter_async_context(_guard(settings, parts))
        probes = serving(settings, parts.is_alive, lambda: reporter.is_draining, guard)
        await stack.enter_async_context(probes)
        await stack.enter_async_context(reporter.reporting())
        await stack.enter_async_context(preflight(settings, parts.commands, metrics.PROCESS, ways))
        loops = [
            (worker.async_run, worker.stop),
            (sweeper.run, sweeper.stop),
            (follower.run, follower.stop),
            (dispatcher.run, dispatcher.stop),
            (wake.listen, wake.stop),
            *await stack.enter_async_context(listening(settings, parts, ways)),
        ]
        await _until_drained(loops, reporter, stopped)


@asynccontextmanager
async def _guard(settings: Settings, parts: Backend) -> AsyncIterator[Guard]:
    """Who may see the metrics: everybody where only this machine can ask; ConfigurationError where
    others can and there is no key."""
    host = settings.worker_metrics_host
    if settings.worker_metrics_port == 0 or is_loopback(host):
        yield unguarded
        return
    await require_keys(settings, host, "RINGOUT_WORKER_METRICS_HOST", parts)
    async with gatekeeper(settings, parts.commands, host) as gate:
        yield guarded(gate)


def _stopped_by_signals() -> asyncio.Event:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    return stopped


def work_with(settings: Settings, parts: Backend, ways: Upstream) -> Work:
    secret = pair_secret(settings)
    return Work(
        store=parts.store,
        ahead=Ahead(parts.store, Pauses(parts.commands)),
        looks=Looks(parts.commands),
        upkeep=Upkeep(parts.commands),
        pairs=Pairs(parts.commands, secret),
        digests=digests(settings, parts.commands),
        fleet=ways.fleet,
        book=ways.book,
        budget=ways.budget,
        lanes=Lanes(parts.commands, ways.budget),
        lines=Lines(parts.commands, secret, line_rules(settings)),
        glances=Glances(parts.commands, secret),
        evidence=EvidenceBook(parts.commands),
        permissions=Permissions(),
        reliance=reliance_with(settings, parts, ways),
        clock=now,
        factor=settings.cadence_factor,
        longest_call=settings.longest_call * 1000,
    )


def _follower(settings: Settings, work: Work, wake: Wake) -> Follower:
    follower = Follower(work, round((settings.upstream_timeout + _LOOK_MARGIN_S) * 1000))
    wake.on_look = follower.nudge
    return follower


def _arq_worker(settings: Settings, parts: Backend, work: Work, wake: Wake) -> WokenWorker:
    return WokenWorker(
        parts.commands,
        wake,
        work.ahead,
        functions=[func(place), func(cancel), func(reconcile), func(deliver)],
        ctx={KEY: work, DELIVERING: delivering_with(settings, parts)},
        max_jobs=settings.worker_jobs,
        job_timeout=_JOB_TIMEOUT_S,
    )


def _reporter(parts: Backend, worker: WokenWorker, follower: Follower) -> Reporter:
    def load() -> dict[str, int]:
        return {"jobs": worker.job_counter, "looks": follower.under_way}

    return Reporter(Stats(parts.commands), now, load)


async def _until_drained(loops: list[Loop], reporter: Reporter, stopped: asyncio.Event) -> None:
    running = [asyncio.create_task(run()) for run, _ in loops]
    stopping = asyncio.create_task(stopped.wait())
    sys.stdout.write("worker ready\n")
    sys.stdout.flush()
    await asyncio.wait([stopping, *running], return_when=asyncio.FIRST_COMPLETED)
    log.info("worker_draining")
    reporter.drain()
    for _, stop in loops:
        stop()
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
