"""Reconciling: what became of a call whose answer was lost, or that RingCentral no longer knows.

The active calls and the call log are asked at the times at which each can know. One record that
can be no other call's is the call; none by the end, or two, and the call ends `unknown`: nobody is
rung to find out, and nothing is guessed.
"""

from typing import Any

import structlog

from orchestrator.domain import calls
from orchestrator.domain.cadence import (
    BOUND_FOR,
    FAULTS_FOR,
    RECONCILE_AT,
    VANISHED_AT,
    next_reconcile,
)
from orchestrator.domain.calls import Call, Reason
from orchestrator.domain.errors import (
    Retryable,
    RingOutError,
    StorageUnavailable,
    UpstreamFailed,
    UpstreamGone,
    UpstreamRefused,
)
from orchestrator.domain.evidence import CallRecord, Sought, candidates, ends
from orchestrator.domain.words import Outcome, State
from orchestrator.storage.records import Record
from workers.context import Work, again_in, work_of

log = structlog.get_logger(__name__)

CALL_LOG_FROM_MS = 30_000
"""Before this the call log cannot know: it lags 15 to 30 s behind the call's end."""

_TWINS_WITHIN_MS = 35_000
_LOG_WINDOW_MS = 60_000
_TALKS_AGAIN_MS = 15_000
_LONGEST_WAIT_MS = 60_000


async def reconcile(ctx: dict[Any, Any], call_id: str) -> None:
    """arq's job: looks once for a call, and comes back while there is hope."""
    work = work_of(ctx)
    record = await work.store.record(call_id)
    if record is None or not _is_open(record.call):
        return
    fault: RingOutError | None = None
    is_live = False
    try:
        if await _is_back(work, record):
            return
        found = await _find(work, record)
        if found is not None and await _settle(work, record, found):
            return
        is_live = found is not None
    except StorageUnavailable:
        raise
    except (Retryable, UpstreamFailed, UpstreamRefused) as error:
        log.info("reconcile_not_possible_now", call=call_id, error=error.code)
        fault = error
    wait = _wait(work, record.call, fault, is_live=is_live)
    if wait is None:
        await _give_up(work, record)
    else:
        raise again_in(wait / 1000)


def _is_open(call: Call) -> bool:
    is_missed = call.vanished_at is not None and not call.is_over
    return call.state is State.UNCONFIRMED or is_missed


def _since(call: Call, now: int) -> int:
    return now - (call.vanished_at or call.asked_at or call.accepted_at)


async def _is_back(work: Work, record: Record) -> bool:
    """Whether a ring-out that had vanished is known to RingCentral after all."""
    call = record.call
    if call.vanished_at is None or call.ringout_id is None:
        return False
    asked_at = work.clock()
    try:
        reading = await work.upstream.status(call.account_id, call.extension_id, call.ringout_id)
    except UpstreamGone:
        return False
    written = await work.store.change(
        record, lambda now: calls.reappeared(now, reading, asked_at, work.clock())
    )
    return written.applied


async def _find(work: Work, record: Record) -> CallRecord | None:
    call = record.call
    numbers = ends(await work.store.request(call.id) or {})
    if not numbers and call.session_id is None:
        return None
    sought = Sought(numbers, call.asked_at or call.accepted_at, call.session_id)
    for rows in (_active_calls, _call_log):
        fitting = candidates(await rows(work, call), sought)
        if fitting:
            return await _the_one(work, call, sought, fitting)
    return None


async def _the_one(
    work: Work, call: Call, sought: Sought, fitting: list[CallRecord]
) -> CallRecord | None:
    """The record that can be no other call's, or None."""
    known = {sought.session_id, call.ringout_id} - {None}
    own = [row for row in fitting if row.session_id in known]
    if own:
        return own[0]
    others = await _others(work, call, sought, fitting)
    taken = {own for other, _ in others for own in (other.ringout_id, other.session_id)}
    free = [row for row in fitting if row.session_id not in taken]
    free = [row for row in free if await _is_free(work, row, call)]
    sessions = {row.session_id for row in fitting}
    for other, numbers in others:
        is_placed_elsewhere = bool({other.ringout_id, other.session_id} & sessions)
        if not is_placed_elsewhere and any(numbers <= row.numbers for row in free):
            log.warning("calls_cannot_be_told_apart", call=call.id, other=other.id)
            return None
    return free[0] if len(free) == 1 else None


async def _others(
    work: Work, call: Call, sought: Sought, fitting: list[CallRecord]
) -> list[tuple[Call, frozenset[str]]]:
    """The other calls that were asked for and may own one of the records, with their ends."""
    numbers = frozenset(number for row in fitting for number in row.numbers)
    ids = await work.pairs.to_any(numbers, sought.asked_at, _TWINS_WITHIN_MS)
    found = []
    for other_id in sorted(ids - {call.id}):
        other = await work.store.record(other_id)
        if other is not None and _was_asked_for(other.call):
            found.append((other.call, ends(await work.store.request(other_id) or {})))
    return found


def _was_asked_for(other: Call) -> bool:
    never = other.is_over and other.placed_at is None and other.outcome is not Outcome.UNKNOWN
    return not other.may_be_placed and not never


async def _is_free(work: Work, row: CallRecord, call: Call) -> bool:
    owner = await work.store.by_ringout(row.session_id)
    return owner is None or owner == call.id


async def _active_calls(work: Work, call: Call) -> list[CallRecord]:
    if call.vanished_at is not None:
        return []
    return await work.upstream.active_calls(call.account_id, call.extension_id)


async def _call_log(work: Work, call: Call) -> list[CallRecord]:
    is_late_enough = _since(call, work.clock()) >= CALL_LOG_FROM_MS * work.factor
    if call.vanished_at is None and not is_late_enough:
        return []
    began = call.asked_at or call.accepted_at
    return await work.upstream.call_log(
        call.account_id, call.extension_id, began - _LOG_WINDOW_MS, work.clock()
    )


async def _settle(work: Work, record: Record, found: CallRecord) -> bool:
    """Whether the call is known by its ring-out id again, or over.

    RingCentral documents no link between a session and a ring-out; that they share the id is tried
    first, since then the status speaks for itself.
    """
    if record.call.ringout_id is None and await _is_its_id(work, record, found.session_id):
        return True
    if found.is_live:
        await work.store.change(
            record, lambda now: calls.session_found(now, work.clock(), found.session_id)
        )
        return False
    message = f"RingCentral's call log shows session {found.session_id} as {found.result}."
    reason = Reason("call_log", message)
    await work.store.change(
        record,
        lambda now: calls.found_over(now, work.clock(), found.session_id, found.outcome, reason),
    )
    return True


async def _is_its_id(work: Work, record: Record, session_id: str) -> bool:
    call = record.call
    try:
        reading = await work.upstream.status(call.account_id, call.extension_id, session_id)
    except UpstreamGone:
        return False
    await work.store.change(
        record, lambda now: calls.adopted(now, work.clock(), session_id, reading)
    )
    return True


def _wait(work: Work, call: Call, fault: RingOutError | None, *, is_live: bool) -> int | None:
    """Milliseconds until the next look; None where there is no hope left."""
    now = work.clock()
    moments = VANISHED_AT if call.vanished_at is not None else RECONCILE_AT
    planned = next_reconcile(_since(call, now), work.factor, moments)
    again = round(_TALKS_AGAIN_MS * work.factor)
    if now - call.accepted_at > work.longest_call:
        return None
    if is_live:
        return again
    may_pass = isinstance(fault, Retryable | UpstreamFailed)
    if may_pass and (planned or _since(call, now) < FAULTS_FOR * work.factor):
        after = fault.retry_after * 1000 if isinstance(fault, Retryable) else 0
        return max(planned or again, min(round(after), _LONGEST_WAIT_MS))
    if call.session_id is not None and call.vanished_at is None:
        seen_at = call.observed_at or now
        return planned or (again if now - seen_at < BOUND_FOR * work.factor else None)
    return planned


async def _give_up(work: Work, record: Record) -> None:
    message = "RingCentral may have placed this call and does not show what became of it."
    reason = Reason("not_found", message)
    await work.store.change(record, lambda now: calls.not_found(now, work.clock(), reason))
