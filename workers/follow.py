"""Following: every live call is looked at, by one worker at a time, until it has ended.

The calls stand in one sorted set by the time of their next look. Each worker claims those that are
due, under a lease; a worker that dies leaves them due again when the lease ends. Looks are tasks
of this loop, not jobs: a job per look costs ten times the commands and collapses at thousands of
live calls.
"""

import asyncio
from contextlib import suppress

import structlog

from orchestrator.domain import calls
from orchestrator.domain.cadence import next_look
from orchestrator.domain.calls import Call, Reason
from orchestrator.domain.errors import (
    CallNotFound,
    Retryable,
    StorageUnavailable,
    UpstreamFailed,
    UpstreamGone,
    UpstreamRefused,
)
from orchestrator.domain.words import Outcome
from orchestrator.storage.calls import Look
from orchestrator.storage.looks import Claimed
from workers.context import Work

log = structlog.get_logger(__name__)

_MOST_AT_ONCE = 200
_LONGEST_PAUSE_S = 0.5
"""Below the wait before a call's first look, so that none is late for want of a message."""
_AFTER_A_FAULT_S = 0.5
_AFTER_A_REFUSAL_MS = 30_000
_LONGEST_WAIT_MS = 60_000
"""A closed gate is asked again after this, which sends nothing to RingCentral."""


class Follower:
    """Looks at live calls until it is stopped."""

    def __init__(self, work: Work, lease_ms: int) -> None:
        self._work = work
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
            await self._look_at(claimed)
        except (StorageUnavailable, CallNotFound) as error:
            log.warning("look_not_written", call=claimed.record.call.id, error=error.code)

    async def _look_at(self, claimed: Claimed) -> None:
        work, call = self._work, claimed.record.call
        if not call.is_followed:
            await work.looks.drop(call.id, claimed.lease)
            return
        if work.clock() - call.accepted_at > work.longest_call:
            reason = Reason("followed_too_long", "The call was followed as long as is allowed.")
            await work.store.change(
                claimed.record,
                lambda now: calls.ended(now, work.clock(), Outcome.UNKNOWN, reason),
            )
            return
        await self._ask(claimed)

    async def _ask(self, claimed: Claimed) -> None:
        work, call = self._work, claimed.record.call
        asked_at = work.clock()
        try:
            reading = await work.upstream.status(
                call.account_id, call.extension_id, call.ringout_id or ""
            )
        except UpstreamGone:
            await work.store.change(claimed.record, lambda now: calls.vanished(now, work.clock()))
        except UpstreamRefused as refusal:
            log.warning("look_refused", call=call.id, code=refusal.error_code)
            await work.looks.postpone(call.id, claimed.lease, _AFTER_A_REFUSAL_MS)
        except StorageUnavailable:
            raise
        except (Retryable, UpstreamFailed) as error:
            after = error.retry_after * 1000 if isinstance(error, Retryable) else 0
            wait = max(min(round(after), _LONGEST_WAIT_MS), self._wait(call))
            await work.looks.postpone(call.id, claimed.lease, wait)
        else:
            look = Look(claimed.lease, self._wait(call))
            written = await work.store.change(
                claimed.record,
                lambda now: calls.observed(now, reading, asked_at, work.clock()),
                look=look,
            )
            if not written.applied:
                await work.looks.postpone(call.id, claimed.lease, look.wait)

    def _wait(self, call: Call) -> int:
        work = self._work
        age = work.clock() - (call.placed_at or call.accepted_at)
        scaled_age = round(age / work.factor)
        return round(next_look(scaled_age, work.upstream.share_left()) * work.factor)
