"""arq's worker, woken instead of polling, claiming in batches, surviving Redis.

What is arq's stays arq's: the queue, the jobs, their functions, retries and the health line. What
is different, and why (measured on arq 0.28):

- arq asks every half second; here a message wakes the worker, and the ask is the fallback.
- arq takes each job with a WATCH of its own and rescans running jobs at the head of the queue; here
  one script claims what is due and pushes its due time to the end of a short lease.
- arq's process ends when Redis goes away; here it waits for it.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import structlog
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix
from arq.utils import timestamp_ms
from arq.worker import Worker
from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestrator.domain.errors import StorageUnavailable
from orchestrator.jobs import deserialized, serialized
from orchestrator.storage import keys, scripts
from orchestrator.storage.connection import Commands

log = structlog.get_logger(__name__)

LEASE_MS = 5_000
"""A job whose worker died is due again after this. A job that runs longer is started twice, which
every job survives."""

_FALLBACK_S = 0.5
_AFTER_A_FAULT_S = 0.3
_LAST_WORD_S = 0.5
_AGAIN_S = 0.2
_LOOK = b"look"
_MOST_TRIES = 1_000_000


class Claims(Protocol):
    """Is told of each job as it is claimed and when it has ended."""

    def begin(self, job_id: str) -> None: ...
    def forget(self, job_id: str) -> None: ...


class Wake:
    """Sets an event whenever a job was written; without Redis it stays quiet, and comes back."""

    def __init__(self, redis: Redis) -> None:
        self.event = asyncio.Event()
        self.on_look: Callable[[], None] = self.event.set
        """Called where a look was made due."""
        self._redis = redis
        self._stopped = asyncio.Event()

    async def listen(self) -> None:
        """Listens until `stop`."""
        while not self._stopped.is_set():
            listening = asyncio.create_task(self._listen_once())
            stopping = asyncio.create_task(self._stopped.wait())
            await asyncio.wait([listening, stopping], return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            while not listening.done():
                # Before Python 3.12 asyncio.wait_for, within redis-py, may swallow a cancellation.
                listening.cancel()
                await asyncio.wait([listening], timeout=_AGAIN_S)
            with suppress(RedisError, OSError, asyncio.CancelledError):
                await listening
            self.event.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(_AFTER_A_FAULT_S):
                    await self._stopped.wait()

    def stop(self) -> None:
        """Listens no more."""
        self._stopped.set()

    async def _listen_once(self) -> None:
        async with self._redis.pubsub() as channel:
            await channel.subscribe(keys.WAKE)
            while True:
                message = await channel.get_message(timeout=5.0)
                if message is None:
                    continue
                if message["data"] == _LOOK:
                    self.on_look()
                else:
                    self.event.set()


class WokenWorker(Worker):
    """arq's Worker with another way to find and claim jobs.

    `stop` ends it: it claims nothing more and `async_run` returns when its jobs are done.
    """

    def __init__(
        self, commands: Commands, wake: Wake, claims: Claims | None = None, **options: Any
    ) -> None:
        pool = ArqRedis(
            commands.redis.connection_pool,
            job_serializer=serialized,
            job_deserializer=deserialized,
            default_queue_name=keys.QUEUE,
        )
        super().__init__(
            redis_pool=pool,
            queue_name=keys.QUEUE,
            job_serializer=serialized,
            job_deserializer=deserialized,
            handle_signals=False,
            poll_delay=0,
            keep_result=0,
            max_tries=_MOST_TRIES,
            health_check_interval=10,
            **options,
        )
        self._commands = commands
        self._wake = wake
        self._claims = claims
        self._wait_s = 0.0
        self._scores: dict[str, int] = {}
        self._stopping = False
        self._hurried = False

    async def main(self) -> None:
        """Claims and runs jobs until `stop`."""
        self.ctx["redis"] = self.pool
        while not self._stopping:
            await self._poll_iteration()
        running = [task for task in self.tasks.values() if not task.done()]
        try:
            if running:
                await asyncio.wait(running)
        finally:
            self._hurried = True
            for task in running:
                task.cancel()
        self._reap()

    def stop(self) -> None:
        """Claims nothing more."""
        self._stopping = True
        self._wake.event.set()

    async def _poll_iteration(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._wait_s):
                await self._wake.event.wait()
        self._wake.event.clear()
        if self._stopping:
            return
        try:
            await self._claim()
            await self.heart_beat()
        except (StorageUnavailable, RedisError, OSError) as error:
            log.warning("queue_away", error=type(error).__name__)
            self._wait_s = _AFTER_A_FAULT_S
        self._reap()

    async def _claim(self) -> None:
        free = self.max_jobs - self.job_counter
        if free <= 0:
            self._wait_s = _FALLBACK_S
            return
        answer = await self._commands.run(
            scripts.CLAIM_JOBS, [keys.QUEUE], LEASE_MS, free, in_progress_key_prefix
        )
        for index in range(1, len(answer), 2):
            self._start(answer[index].decode(), int(float(answer[index + 1])))
        next_due = answer[0]
        self._wait_s = _FALLBACK_S if next_due < 0 else min(_FALLBACK_S, next_due / 1000)

    def _start(self, job_id: str, score: int) -> None:
        running = self.tasks.get(job_id)
        if running is not None and not running.done():
            return
        self.job_counter += 1
        self._scores[job_id] = score
        if self._claims is not None:
            self._claims.begin(job_id)
        task = self.loop.create_task(self.run_job(job_id, score))
        self.tasks[job_id] = task
        task.add_done_callback(lambda _: self._freed())

    def _freed(self) -> None:
        was_full = self.job_counter >= self.max_jobs
        self.job_counter -= 1
        if was_full:
            self._wake.event.set()

    def _reap(self) -> None:
        for job_id, task in list(self.tasks.items()):
            if task.done():
                del self.tasks[job_id]
                self._scores.pop(job_id, None)
                if self._claims is not None:
                    self._claims.forget(job_id)
                error = None if task.cancelled() else task.exception()
                if error is not None:
                    log.warning("job_not_finished", job=job_id, error=type(error).__name__)

    async def finish_job(
        self,
        job_id: str,
        finish: bool,  # noqa: FBT001 - arq's signature
        result_data: bytes | None,
        result_timeout_s: float | None,
        keep_result_forever: bool,  # noqa: FBT001 - arq's signature
        incr_score: int | None,
        keep_in_progress: float | None,
    ) -> None:
        """Ends a job, or sets its next start: a claim has moved its due time to the lease's end.

        A process that has to end leaves the rest to the lease where Redis does not answer.
        """
        async with asyncio.timeout(_LAST_WORD_S if self._hurried else None):
            if not finish:
                await self._start_again(job_id, incr_score)
                return
            await super().finish_job(
                job_id,
                finish,
                result_data,
                result_timeout_s,
                keep_result_forever,
                incr_score,
                keep_in_progress,
            )

    async def _start_again(self, job_id: str, incr_score: int | None) -> None:
        wait = 0
        if incr_score is not None:
            # arq adds what has passed since the job was due: taken off, what was asked for is left
            wait = max(0, incr_score - (timestamp_ms() - self._scores.get(job_id, 0)))
        await self._commands.run(
            scripts.RETRY_JOB, [keys.QUEUE, in_progress_key_prefix + job_id], job_id, wait
        )
        self._wake.event.set()
