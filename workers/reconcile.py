"""Reconciling: what became of a call whose answer was lost, or that RingCentral no longer knows.

RingCentral's sources are asked at the times at which each can know. One session that can be no
other call's is the call. None, where all that would have shown it have answered late enough to
know, and it was not placed. Anything else, two candidates above all, and it ends `unknown`: nobody
is rung to find out, and nothing is guessed.
"""

from typing import Any

import structlog

from orchestrator.domain import calls, endings
from orchestrator.domain.cadence import (
    BOUND_FOR,
    FAULTS_FOR,
    RECONCILE_AT,
    VANISHED_AT,
    next_reconcile,
)
from orchestrator.domain.calls import Call, Reason
from orchestrator.domain.errors import Retryable, UpstreamFailed
from orchestrator.domain.verdicts import Source, Told, rests_on, was_not_placed
from orchestrator.domain.words import State
from workers.context import again_in, work_of
from workers.lookups import Found, look_round
from workers.sources import Inquiry

log = structlog.get_logger(__name__)

_TALKS_AGAIN_MS = 15_000
_LONGEST_WAIT_MS = 60_000
_SHOW_LIVE_CALLS = frozenset({Source.SESSION, Source.PRESENCE, Source.ACTIVE_CALLS})


async def reconcile(ctx: dict[Any, Any], call_id: str) -> None:
    """arq's job: looks once for a call, and comes back while there is hope."""
    work = work_of(ctx)
    record = await work.store.record(call_id)
    if record is None or not _is_open(record.call):
        return
    inquiry = await Inquiry.about(work, record)
    found = await look_round(inquiry)
    if found is Found.SETTLED:
        return
    is_unseen = found is Found.NOTHING and inquiry.call.session_id is None
    if is_unseen and was_not_placed(inquiry.heard, work.factor):
        await _never_placed(inquiry)
        return
    wait = _wait(inquiry, is_live=found is Found.LIVE)
    if wait is None:
        await _give_up(inquiry)
    else:
        raise again_in(wait / 1000)


def _is_open(call: Call) -> bool:
    is_missed = call.vanished_at is not None and not call.is_over
    return call.state is State.UNCONFIRMED or is_missed


def _wait(inquiry: Inquiry, *, is_live: bool) -> int | None:
    """Milliseconds until the next look; None where there is no hope left."""
    work, call = inquiry.work, inquiry.call
    now = work.clock()
    since = now - (call.vanished_at or inquiry.sought.asked_at)
    moments = VANISHED_AT if call.vanished_at is not None else RECONCILE_AT
    planned = next_reconcile(since, work.factor, moments)
    again = round(_TALKS_AGAIN_MS * work.factor)
    if now - call.accepted_at > work.longest_call:
        return None
    if is_live:
        return again
    fault = inquiry.fault
    may_pass = isinstance(fault, Retryable | UpstreamFailed)
    if may_pass and (planned or since < FAULTS_FOR * work.factor):
        after = fault.retry_after * 1000 if isinstance(fault, Retryable) else 0
        return max(planned or again, min(round(after), _LONGEST_WAIT_MS))
    seen_at = _last_seen(inquiry)
    if call.vanished_at is None and seen_at and now - seen_at < BOUND_FOR * work.factor:
        return planned or again
    return planned


def _last_seen(inquiry: Inquiry) -> int:
    """When the call was last seen going on; 0: never."""
    seen = [
        one.at
        for one in inquiry.heard
        if one.source in _SHOW_LIVE_CALLS and one.told is Told.PLACED
    ]
    return max(seen, default=0)


async def _never_placed(inquiry: Inquiry) -> None:
    work = inquiry.work
    message = f"RingCentral did not place this call: {rests_on(inquiry.heard)}."
    log.info("call_was_not_placed", call=inquiry.call.id)
    await work.store.change(
        inquiry.record, lambda call: endings.not_placed(call, work.clock(), message)
    )


async def _give_up(inquiry: Inquiry) -> None:
    work = inquiry.work
    message = f"RingCentral may have placed this call: {rests_on(inquiry.heard)}."
    reason = Reason("not_found", message)
    await work.store.change(
        inquiry.record, lambda call: calls.not_found(call, work.clock(), reason)
    )
