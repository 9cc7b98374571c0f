"""Forgetting a phone: whoever was called may ask that nothing here tells of it any more.

What names the phone is masked or removed where its calls have ended; a call that waits is
cancelled first; one under way keeps what it needs until it has ended. Then everything that is kept
is looked through for the number, by other means than those that removed it.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from orchestrator.domain import phones
from orchestrator.domain.access import Principal, Scope
from orchestrator.domain.phones import Spellings
from orchestrator.service.forgotten import Forgotten, advice
from orchestrator.service.numbering import spellings
from orchestrator.service.withdrawing import Withdrawing
from orchestrator.storage import keys, velocity_keys
from orchestrator.storage.audit import FORGOTTEN, Actor, Audit
from orchestrator.storage.calls import CallStore
from orchestrator.storage.digests import Digests
from orchestrator.storage.forgetting import Forgetting, Known, Strange
from orchestrator.storage.pairs import Pairs
from orchestrator.storage.records import Record
from orchestrator.storage.search import Search

_AT_ONCE = 50
_TRIES = 10


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Calls by what is to be done about them."""

    ended: list[Known]
    cancelled: list[str]
    in_use: list[str]


@dataclass(frozen=True, slots=True)
class _Proof:
    """What looking through everything has shown; `audited` are entries of the audit stream."""

    deliveries: int
    looked_at: int
    found: tuple[str, ...]
    unread: tuple[str, ...]
    audited: list[str]


@dataclass(frozen=True, slots=True)
class Forgetter:
    """Every step may be made again: where a run was cut off, the next one does the rest."""

    store: CallStore
    digests: Digests
    audit: Audit
    pairs: Pairs

    @property
    def forgetting(self) -> Forgetting:
        """What removes."""
        return Forgetting(self.store.commands)

    @property
    def search(self) -> Search:
        """What proves."""
        return Search(self.store.commands)

    async def forget(self, asker: Principal, number: str, actor: Actor) -> Forgotten:
        """What was done about a number in E.164 form, for who runs the house.

        That it is never to be rung again stays, where somebody has asked for it. StorageUnavailable
        when Redis does not answer in time.
        """
        asker.require(Scope.OPS)
        digest = await self.digests.of(number)
        await self.audit.note(FORGOTTEN, actor, digest)
        wanted, known = spellings(number), await self.forgetting.known(digest)
        found = await self._masked(wanted, known)
        events = deliveries = 0
        if found.ended:
            events = await self.forgetting.events(found.ended)
            await self.forgetting.dispatch_anew()
            deliveries = await self.forgetting.deliveries(wanted, found.ended)
            await self._named_by_digests(found.ended)
        is_last = not found.in_use
        await self.forgetting.index(digest, found.ended, is_last=is_last)
        if is_last:
            await self.pairs.forget(number)
        proof = await self._proved(wanted, found.in_use)
        return Forgotten(
            number=phones.masked(number),
            calls=len(found.ended),
            cancelled=tuple(found.cancelled),
            in_use=tuple(found.in_use),
            events=events,
            deliveries=deliveries + proof.deliveries,
            keys=proof.looked_at,
            found=proof.found,
            unread=proof.unread,
            advice=advice(proof.found, proof.unread, proof.audited),
        )

    async def _proved(self, wanted: Spellings, in_use: list[str]) -> _Proof:
        """Looks through everything; a delivery that holds the number still is masked then, be its
        call known by the phone or not."""
        seen = await self.search.number(wanted)
        found = set(seen.keys) - {keys.request(call_id) for call_id in in_use}
        masked = await self.forgetting.found(wanted, found, in_use)
        for key in masked:
            if not await self.search.holds(key, wanted):
                found.remove(key)
        return _Proof(
            deliveries=len(masked),
            looked_at=seen.looked_at,
            found=tuple(sorted(wanted.hidden_in(key) for key in found)),
            unread=tuple(sorted(seen.unread)),
            audited=await self.search.entries(keys.AUDIT, wanted) if keys.AUDIT in found else [],
        )

    async def _masked(self, wanted: Spellings, known: list[Known]) -> _Sorted:
        """Masks those of the calls that have ended, once those that wait are cancelled."""
        found = _Sorted([], [], [])
        async for one, record, was_cancelled in self._as_they_are(known):
            if not await self._is_masked(wanted, one.call_id, record):
                found.in_use.append(one.call_id)
                continue
            await self.forgetting.beside(wanted, one.call_id)
            found.ended.append(one)
            if was_cancelled:
                found.cancelled.append(one.call_id)
        return found

    async def _is_masked(
        self, wanted: Spellings, call_id: str, record: Record | Strange | None
    ) -> bool:
        """Masks a call, as it is by the time that this is written; False where it has not ended."""
        if isinstance(record, Strange):
            return record.is_over and await self.forgetting.unread(wanted, call_id, record)
        for _ in range(_TRIES):
            if record is None:
                return True
            if not record.call.is_over:
                return False
            if await self.forgetting.call(wanted, record):
                return True
            record = await self.store.record(call_id)
        return False

    async def _named_by_digests(self, ended: list[Known]) -> None:
        """Drops clicks, lines and places in their queues, whose digests are of several things
        together: they are found by the calls in them."""
        async for names in self.search.all_keys([velocity_keys.click("*"), keys.on_line("*", "*")]):
            await self.forgetting.held(names, ended)
        async for names in self.search.all_keys([keys.waiting_for_line("*")]):
            await self.forgetting.listed(names, ended)

    async def _as_they_are(
        self, known: list[Known]
    ) -> AsyncIterator[tuple[Known, Record | Strange | None, bool]]:
        for begin in range(0, len(known), _AT_ONCE):
            some = known[begin : begin + _AT_ONCE]
            seen = await asyncio.gather(*(self._as_it_is(one.call_id) for one in some))
            for one, (record, was_cancelled) in zip(some, seen, strict=True):
                yield one, record, was_cancelled

    async def _as_it_is(self, call_id: str) -> tuple[Record | Strange | None, bool]:
        strange = await self.forgetting.strange(call_id)
        if strange is not None:
            return strange, False
        return await Withdrawing(self.store, self.audit.clock).withdraw(call_id)
