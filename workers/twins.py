"""Telling calls apart: which of the sessions that fit a call can be no other call's.

RingCentral's records tell two calls between the same phones apart by nothing but their time. So
what another call may own as well is left alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from orchestrator.domain.calls import Call
from orchestrator.domain.evidence import CallRecord, Sought, candidates, doubtful
from orchestrator.domain.words import Outcome
from workers.context import Work

log = structlog.get_logger(__name__)

_TWINS_WITHIN_MS = 35_000


@dataclass(frozen=True, slots=True)
class Match:
    """`one` is the call's record, where it can be no other call's. `found` fit and are not
    provably another's; `doubtful` do not fit, and cannot be excluded."""

    one: CallRecord | None
    found: int
    doubtful: int


async def matched(work: Work, call: Call, sought: Sought, rows: Sequence[CallRecord]) -> Match:
    """What of a source's rows may be the call."""
    fitting = candidates(rows, sought)
    known = {call.session_id, call.ringout_id} - {None}
    own = [row for row in fitting if row.session_id in known]
    if own:
        return Match(own[0], found=1, doubtful=0)
    maybe = [row for row in doubtful(rows, sought) if not await _is_proven(work, row, call)]
    open_ = [row for row in fitting if not await _is_proven(work, row, call)]
    one = await _the_one(work, call, sought, fitting) if open_ else None
    return Match(one, len(open_), len(maybe))


async def _is_proven(work: Work, row: CallRecord, call: Call) -> bool:
    """Whether a session is another call's for sure: by the id that RingCentral gave it. One that
    was only seen to fit it may be this call's."""
    owner_id = await work.store.by_ringout(row.session_id)
    if owner_id is None or owner_id == call.id:
        return False
    owner = await work.store.record(owner_id)
    return owner is not None and owner.call.ringout_id == row.session_id


async def _the_one(
    work: Work, call: Call, sought: Sought, fitting: list[CallRecord]
) -> CallRecord | None:
    others = await _others(work, call, sought, fitting)
    taken = {own for other, _ in others for own in (other.ringout_id, other.session_id)}
    free = [row for row in fitting if row.session_id not in taken]
    free = [row for row in free if await _is_free(work, row, call)]
    sessions = {row.session_id for row in fitting}
    for other, numbers in others:
        is_placed_elsewhere = bool({other.ringout_id, other.session_id} & sessions)
        if not is_placed_elsewhere and any(
            numbers <= work.pairs.digests(row.numbers) for row in free
        ):
            log.warning("calls_cannot_be_told_apart", call=call.id, other=other.id)
            return None
    return free[0] if len(free) == 1 else None


async def _others(
    work: Work, call: Call, sought: Sought, fitting: list[CallRecord]
) -> list[tuple[Call, frozenset[str]]]:
    """The other calls that were asked for and may own one of the records, with the digests of
    their ends: one that has ended is known by nothing else."""
    numbers = frozenset(number for row in fitting for number in row.numbers)
    ids = await work.pairs.to_any(numbers, sought.asked_at, _TWINS_WITHIN_MS)
    found = []
    for other_id in sorted(ids - {call.id}):
        other = await work.store.record(other_id)
        if other is not None and _was_asked_for(other.call):
            found.append((other.call, await work.pairs.ends_of(other_id)))
    return found


def _was_asked_for(other: Call) -> bool:
    never = other.is_over and other.placed_at is None and other.outcome is not Outcome.UNKNOWN
    return not other.may_be_placed and not never


async def _is_free(work: Work, row: CallRecord, call: Call) -> bool:
    owner = await work.store.by_ringout(row.session_id)
    return owner is None or owner == call.id
