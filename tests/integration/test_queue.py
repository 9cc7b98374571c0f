"""arq's worker on our terms: woken, claiming in batches, with retries that mean "later"."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest
from arq.connections import ArqRedis
from arq.utils import timestamp_ms
from arq.worker import Function, func
from redis.asyncio import Redis

from orchestrator.jobs import Job, Kind, deserialized, follow_ups, serialized
from orchestrator.runtime import now
from orchestrator.storage import keys, scripts
from orchestrator.storage.calls import CallStore, StoreOptions
from orchestrator.storage.connection import WORKER, Commands, connect
from orchestrator.storage.upkeep import Upkeep
from tests.harness.waiting import wait_until
from tests.integration.test_store import REQUEST, new
from workers.context import again_in
from workers.queue import Wake, WokenWorker

Work = Callable[[dict[Any, Any], str], Awaitable[None]]


@dataclass
class Seen:
    """What a job function was started with, and when."""

    starts: list[tuple[str, float]] = field(default_factory=list)

    def of(self, call_id: str) -> list[float]:
        """When the job for a call was started."""
        return [at for started, at in self.starts if started == call_id]


@pytest.fixture
async def start(redis: Redis, redis_url: str) -> AsyncIterator[Callable[[Work], WokenWorker]]:
    running: list[tuple[WokenWorker, Wake, list[asyncio.Task[None]]]] = []
    listener = connect(redis_url, replace(WORKER, answer=60.0))

    def starter(work: Work) -> WokenWorker:
        functions: list[Function] = [func(work, name="place")]  # type: ignore[arg-type]
        wake = Wake(listener)
        worker = WokenWorker(
            Commands(redis, WORKER), wake, functions=functions, max_jobs=50, job_timeout=30
        )
        tasks = [asyncio.create_task(wake.listen()), asyncio.create_task(worker.async_run())]
        running.append((worker, wake, tasks))
        return worker

    yield starter
    for worker, wake, tasks in running:
        worker.stop()
        wake.stop()
        await asyncio.gather(*tasks)
    await listener.aclose()


async def enqueue(redis: Redis, call_id: str, wait: int = 0) -> bool:
    return await Upkeep(Commands(redis, WORKER)).ensure_job(Job(Kind.PLACE, call_id, wait), now())


def noting(seen: Seen) -> Work:
    async def work(_: dict[Any, Any], call_id: str) -> None:
        seen.starts.append((call_id, asyncio.get_running_loop().time()))

    return work


async def test_every_job_is_run_once_and_leaves_nothing(
    redis: Redis, start: Callable[[Work], WokenWorker]
) -> None:
    seen = Seen()
    start(noting(seen))
    start(noting(seen))
    for number in range(200):
        await enqueue(redis, f"c{number}")
    await wait_until(lambda: len(seen.starts) >= 200)

    async def is_empty() -> bool:
        return bool(await redis.zcard(keys.QUEUE) == 0)

    await wait_until(is_empty)
    assert sorted({call_id for call_id, _ in seen.starts}) == sorted(f"c{n}" for n in range(200))
    assert len(seen.starts) == 200
    assert await redis.keys("arq:*") == []


async def test_a_job_that_asks_for_later_is_run_later_and_gives_its_slot_back(
    redis: Redis, start: Callable[[Work], WokenWorker]
) -> None:
    seen = Seen()

    async def work(ctx: dict[Any, Any], call_id: str) -> None:
        seen.starts.append((call_id, asyncio.get_running_loop().time()))
        if ctx["job_try"] < 3:
            raise again_in(0.3)

    start(work)
    for number in range(120):
        await enqueue(redis, f"c{number}")
    await wait_until(lambda: len(seen.starts) >= 360)
    first, second, third = seen.of("c0")
    assert second - first >= 0.29
    assert third - second >= 0.29


async def test_later_is_measured_by_the_server_s_clock(
    redis: Redis, start: Callable[[Work], WokenWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker whose clock is behind would find its own job due at once, again and again."""
    seen = Seen()

    async def work(ctx: dict[Any, Any], call_id: str) -> None:
        seen.starts.append((call_id, asyncio.get_running_loop().time()))
        if ctx["job_try"] < 3:
            raise again_in(0.4)

    behind = timestamp_ms
    monkeypatch.setattr("arq.worker.timestamp_ms", lambda: behind() - 20_000)
    monkeypatch.setattr("workers.queue.timestamp_ms", lambda: behind() - 20_000)
    start(work)
    await enqueue(redis, "c")
    await wait_until(lambda: len(seen.starts) >= 3)
    gaps = [later - one for (_, one), (_, later) in pairwise(seen.starts)]
    assert all(0.35 <= gap <= 3 for gap in gaps)


async def test_the_worker_is_woken_not_polled_into_life(
    redis: Redis, start: Callable[[Work], WokenWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a fallback and leases of a minute nothing but the message starts a job."""
    monkeypatch.setattr("workers.queue._FALLBACK_S", 60.0)
    monkeypatch.setattr("workers.queue.LEASE_MS", 60_000)
    seen = Seen()
    start(noting(seen))
    store = CallStore(Commands(redis, WORKER), now, follow_ups(), StoreOptions())
    for number in range(5):
        await store.accept(new(number), REQUEST)
        await wait_until(lambda: seen.of(f"call_{number}"))  # noqa: B023 - waited for here


async def test_a_deferred_job_starts_when_it_is_due(
    redis: Redis, start: Callable[[Work], WokenWorker]
) -> None:
    seen = Seen()
    start(noting(seen))
    at = asyncio.get_running_loop().time()
    await enqueue(redis, "later", wait=400)
    await wait_until(lambda: seen.starts)
    assert seen.starts[0][1] - at >= 0.38


async def test_a_job_of_a_dead_worker_is_due_again_when_the_lease_ends(
    redis: Redis, start: Callable[[Work], WokenWorker]
) -> None:
    await enqueue(redis, "left")
    commands = Commands(redis, WORKER)
    await commands.run(scripts.CLAIM_JOBS, [keys.QUEUE], 300, 10, "arq:in-progress:")
    seen = Seen()
    at = asyncio.get_running_loop().time()
    start(noting(seen))
    await wait_until(lambda: seen.starts)
    assert seen.starts[0][1] - at >= 0.2


async def test_a_failing_job_is_told_and_does_not_stop_the_worker(
    redis: Redis, start: Callable[[Work], WokenWorker]
) -> None:
    seen = Seen()

    async def work(_: dict[Any, Any], call_id: str) -> None:
        seen.starts.append((call_id, 0.0))
        raise RuntimeError("no")

    worker = start(work)
    await enqueue(redis, "a")
    await enqueue(redis, "b")
    await wait_until(lambda: worker.jobs_failed == 2)
    assert len(seen.starts) == 2


async def test_jobs_that_arq_writes_run_too(
    redis: Redis, start: Callable[[Work], WokenWorker]
) -> None:
    seen = Seen()
    start(noting(seen))
    pool = ArqRedis(
        redis.connection_pool,
        job_serializer=serialized,
        job_deserializer=deserialized,
        default_queue_name=keys.QUEUE,
    )
    await pool.enqueue_job("place", "from-arq", _job_id=keys.job_id("place", "from-arq"))
    await wait_until(lambda: seen.starts)


async def test_a_job_that_waits_is_not_written_twice(redis: Redis) -> None:
    assert await enqueue(redis, "one", wait=60_000)
    assert not await enqueue(redis, "one")


async def test_jobs_are_json_and_never_pickle(redis: Redis) -> None:
    await enqueue(redis, "one", wait=60_000)
    [key] = await redis.keys("arq:job:*")
    content = await redis.get(key)
    assert content.startswith(b"{")
    with pytest.raises(ValueError, match="utf-8"):
        deserialized(b"\x80\x04.")
