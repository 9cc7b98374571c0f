"""Reconciling: what became of a call whose answer was lost, or that RingCentral no longer knows.

The active calls and the call log are asked at the times at which each can know. One record that
fits is the call; none by the end, or two, and the call ends `unknown`: nobody is rung to find out,
and nothing is guessed.
"""

from typing import Any

import structlog

from orchestrator.domain import calls
from orchestrator.domain.cadence import RECONCILE_AT, VANISHED_AT, next_reconcile
from orchestrator.domain.calls import Call, Reason
from orchestrator.domain.errors import (
    Retryable,
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
_TALKS_AGAIN_S = 15.0


async def reconcile(ctx: dict[Any, Any], call_id: str) -> None:
    """arq's job: looks once for a call, and comes back while there is hope."""
    work = work_of(ctx)
    record = await work.store.record(call_id)
    if record is None or not _is_open(record.call):
        return
    try:
        found = await _find(work, record)
        settled = found is not None and await _settle(work, record, found)
    except StorageUnavailable:
        raise
    except (Retryable, UpstreamFailed, UpstreamRefused) as error:
        log.info("reconcile_not_possible_now", call=call_id, error=error.code)
        await _come_back(work, record, error)
        return
    if not settled:
        await _come_back(work, record, None, is_live=found is not None)


def _is_open(call: Call) -> bool:
    is_missed = call.vanished_at is not None and not call.is_over
    return call.state is State.UNCONFIRMED or is_missed


def _since(call: Call, now: int) -> int:
    return now - (call.vanished_at or call.asked_at or call.accepted_at)


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
    free = [row for row in fitting if await _is_free(work, row, call)]
    if len(free) != 1 or await _has_twin(work, call, sought, fitting):
        return None
    return free[0]


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


async def _has_twin(work: Work, call: Call, sought: Sought, fitting: list[CallRecord]) -> bool:
    """Whether a record that fits may as well be another call's, between the same phones."""
    if sought.session_id is not None:
        return False
    sessions = {row.session_id for row in fitting}
    others = await work.pairs.others(call, sought.numbers, sought.asked_at, _TWINS_WITHIN_MS)
    for other_id in others:
        other = await work.store.record(other_id)
        if other is not None and _may_own_one(other.call, sessions):
            log.warning("calls_cannot_be_told_apart", call=call.id, other=other_id)
            return True
    return False


def _may_own_one(other: Call, sessions: set[str]) -> bool:
    """Whether a call was asked for, and none of the sessions is known to be its own already."""
    was_not_asked = other.may_be_placed or (
        other.is_over and other.placed_at is None and other.outcome is not Outcome.UNKNOWN
    )
    own = {other.ringout_id, other.session_id}
    return not was_not_asked and not own & sessions


async def _is_free(work: Work, row: CallRecord, call: Call) -> bool:
    owner = await work.store.by_ringout(row.session_id)
    return owner is None or owner == call.id


async def _settle(work: Work, record: Record, found: CallRecord) -> bool:
    """Whether the call is known by its ring-out id again, or over.

    RingCentral documents no link between a session and a ring-out; that they share the id is tried
    first, since then the status speaks for itself.
    """
    call = record.call
    if call.ringout_id is None:
        try:
            reading = await work.upstream.status(
                call.account_id, call.extension_id, found.session_id
            )
        except UpstreamGone:
            pass
        else:
            await work.store.change(
                record, lambda now: calls.adopted(now, work.clock(), found.session_id, reading)
            )
            return True
    if found.is_live:
        await work.store.change(record, lambda now: calls.session_found(now, found.session_id))
        return False
    message = f"RingCentral's call log shows session {found.session_id} as {found.result}."
    reason = Reason("call_log", message)
    await work.store.change(
        record,
        lambda now: calls.found_over(now, work.clock(), found.session_id, found.outcome, reason),
    )
    return True


async def _come_back(
    work: Work,
    record: Record,
    error: Retryable | UpstreamFailed | UpstreamRefused | None,
    *,
    is_live: bool = False,
) -> None:
    call = record.call
    now = work.clock()
    moments = VANISHED_AT if call.vanished_at is not None else RECONCILE_AT
    wait = next_reconcile(_since(call, now), work.factor, moments)
    if is_live and now - call.accepted_at < work.longest_call:
        raise again_in(_TALKS_AGAIN_S * work.factor)
    if wait is None:
        reason = Reason(
            "not_found", "RingCentral may have placed this call and shows no trace of it."
        )
        await work.store.change(record, lambda seen: calls.not_found(seen, work.clock(), reason))
        return
    seconds = wait / 1000
    if isinstance(error, Retryable):
        seconds = max(seconds, error.retry_after)
    raise again_in(seconds)
