"""The sweep: finds what a death left behind, every few seconds, by one worker at a time.

Nothing here is needed while all is well. A placing whose worker died becomes `unconfirmed`; a call
without its job, a live call without its next look and a lost call without its reconciliation get
them again; a call past its time expires; indexes are trimmed.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import uuid4

import structlog

from orchestrator.domain import calls
from orchestrator.domain.calls import Call, Change
from orchestrator.domain.errors import CallNotFound, StorageUnavailable
from orchestrator.domain.words import State
from orchestrator.jobs import Job, Kind
from orchestrator.storage.records import Record
from workers.context import Work
from workers.metrics import WORKER_LOST

log = structlog.get_logger(__name__)

EVERY_S = 2.0
_LEASE_MS = 3_500
_LEFT_ALONE_MS = 5_000
_LEASES = 4


class Sweeper:
    """Sweeps until it is stopped."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._owner = uuid4().hex
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Sweeps every two seconds where no other worker does."""
        while not self._stopping.is_set():
            with suppress(StorageUnavailable, CallNotFound):
                if await self._work.upkeep.may_sweep(self._owner, _LEASE_MS):
                    await self.sweep()
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._stopping.wait()

    def stop(self) -> None:
        """Sweeps no more."""
        self._stopping.set()

    async def sweep(self) -> None:
        """One round."""
        await self._overdue_placings()
        await self._waiting_calls()
        await self._live_calls()
        async for record in self._all_in(State.UNCONFIRMED):
            await self._ensure(Kind.RECONCILE, record.call)
            if record.call.cancel_pending and record.call.can_be_ended:
                await self._ensure(Kind.CANCEL, record.call)
        work = self._work
        options = work.store.options
        await work.upkeep.trim(work.clock() - options.live * 1000)
        await work.upkeep.trim_events(work.clock() - options.events_max_age * 1000)

    async def _overdue_placings(self) -> None:
        work = self._work
        for call_id in await work.upkeep.overdue_placings():
            with suppress(CallNotFound):
                written = await work.store.change(call_id, _lost)
                if written.applied:
                    log.warning("placing_lost", call=call_id)
                    continue
            await work.upkeep.forget_placing(call_id)

    async def _waiting_calls(self) -> None:
        work = self._work
        for state in (State.QUEUED, State.PLACING):
            async for record in self._all_in(state):
                if record.call.fence:
                    await self._forgotten_placing(record)
                elif work.clock() >= record.call.expires_at:
                    await work.store.change(record, lambda call: calls.expired(call, work.clock()))
                else:
                    await self._ensure(Kind.PLACE, record.call)

    async def _forgotten_placing(self, record: Record) -> None:
        """A net below the leases: a placing that nobody has a lease on any more."""
        held_for = self._work.clock() - (record.call.asked_at or 0)
        if held_for > _LEASES * self._work.store.options.placing_lease:
            await self._work.store.change(record, _lost)

    async def _live_calls(self) -> None:
        for state in (State.RINGING, State.CONNECTED):
            async for record in self._all_in(state):
                call = record.call
                if call.vanished_at is not None:
                    await self._ensure(Kind.RECONCILE, call)
                elif await self._work.upkeep.ensure_look(call.id):
                    log.warning("look_was_missing", call=call.id)
                if call.cancel_pending and call.can_be_ended:
                    await self._ensure(Kind.CANCEL, call)

    async def _all_in(self, state: State) -> AsyncIterator[Record]:
        before = self._work.clock() - _LEFT_ALONE_MS
        offset = 0
        while True:
            chunk = await self._work.upkeep.calls_in(state, before, offset)
            for record in chunk.records:
                yield record
            if not chunk.size:
                return
            offset += chunk.size

    async def _ensure(self, kind: Kind, call: Call) -> None:
        work = self._work
        if await work.upkeep.ensure_job(Job(kind, call.id), work.clock()):
            log.warning("job_was_missing", kind=kind.value, call=call.id)


def _lost(call: Call) -> Change | None:
    return calls.unconfirmed(
        call, WORKER_LOST, "The worker that asked RingCentral ended before it wrote the answer."
    )
