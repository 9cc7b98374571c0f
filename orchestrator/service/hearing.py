"""Hearing: a notification of RingCentral's makes the next look at its call due now.

It is never believed. The call is found by the session's id where that is known, else by its phones
and its time, and only where no other call fits; where several do, all of them are looked at.
"""

import asyncio
from enum import StrEnum

import structlog

from orchestrator.domain.calls import Call
from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import CallNotFound
from orchestrator.domain.evidence import ends
from orchestrator.domain.notices import Notice, Suspect, bound, fitting
from orchestrator.jobs import Kind
from orchestrator.storage.calls import CallStore
from orchestrator.storage.notices import NoticeBook
from orchestrator.storage.pairs import Pairs

log = structlog.get_logger(__name__)

_ASKED_WITHIN_MS = 35_000
_MOST_SUSPECTS = 20


class Heard(StrEnum):
    """What came of a notification."""

    HURRIED = "hurried"
    OLD = "old"
    """A later one of its session was heard before."""
    UNKNOWN = "unknown"
    """It is of no call of ours, as far as is known."""
    AMBIGUOUS = "ambiguous"
    """It may be of several calls; they were hurried, and none was taken for it."""
    IGNORED = "ignored"
    """It is not of a ring-out."""
    UNREADABLE = "unreadable"
    LOST = "lost"
    """Redis was away."""


class Hearing:
    """A bounded number of commands a notice; StorageUnavailable comes through."""

    def __init__(self, store: CallStore, book: NoticeBook, pairs: Pairs, clock: Clock) -> None:
        self._store, self._book, self._pairs, self._clock = store, book, pairs, clock

    async def heard(self, credential: str, notice: Notice) -> Heard:
        """What came of a notice that RingCentral sent for this credential."""
        if notice.origin and not notice.is_ringout:
            return Heard.IGNORED
        hearsay = await self._book.hear(credential, notice, self._clock())
        if not hearsay.is_news:
            return Heard.OLD
        known = await self._store.by_ringout(notice.session_id)
        if known is not None:
            await self._hurry(known, credential, notice)
            return Heard.HURRIED
        if not notice.is_ringout:
            return Heard.UNKNOWN
        return await self._by_content(credential, notice, hearsay.began_at)

    async def _by_content(self, credential: str, notice: Notice, began_at: int) -> Heard:
        found = await self._fitting(credential, notice, began_at)
        if not found:
            return Heard.UNKNOWN
        if len(found) == 1:
            await self._bind(found[0], notice.session_id)
        else:
            log.warning("notice_fits_several_calls", calls=[call.id for call in found])
        for call in found:
            await self._hurry(call.id, credential, notice)
        return Heard.HURRIED if len(found) == 1 else Heard.AMBIGUOUS

    async def _fitting(self, credential: str, notice: Notice, began_at: int) -> list[Call]:
        ids = await self._pairs.to_any(notice.numbers, began_at, _ASKED_WITHIN_MS)
        if len(ids) > _MOST_SUSPECTS:
            return []
        kept = await asyncio.gather(*(self._store.placing(call_id) for call_id in sorted(ids)))
        suspects = [Suspect(record.call, ends(request or {})) for record, request in kept if record]
        found = fitting(suspects, notice, credential, began_at)
        others = await asyncio.gather(*(self._is_another(call) for call in found))
        return [call for call, is_another in zip(found, others, strict=True) if not is_another]

    async def _is_another(self, call: Call) -> bool:
        """Whether the call's ring-out was told of as a session: then it is that one."""
        return call.ringout_id is not None and await self._book.has_heard_of(call.ringout_id)

    async def _bind(self, call: Call, session_id: str) -> None:
        try:
            await self._store.change(call.id, lambda now: bound(now, session_id))
        except CallNotFound:
            log.info("heard_of_a_call_that_is_gone", call=call.id)

    async def _hurry(self, call_id: str, credential: str, notice: Notice) -> None:
        told = " ".join(sorted(notice.words)) or "moved"
        if not await self._book.hurry_look(call_id, credential, told):
            await self._book.hurry_job(Kind.RECONCILE, call_id)
