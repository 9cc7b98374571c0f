"""Cancelling a call that RingCentral has: asking it to stop, then the truth by reading.

The DELETE of a ring-out works while its first phone rings. RingCentral's guide contradicts itself
on how long after that, and a 2xx has been seen not to stop the call: so the answer only sets a
mark, and what is read afterwards decides. A call that goes on is ended by its telephony session,
where the app may do that.
"""

from typing import Any

import structlog

from orchestrator.domain import calls
from orchestrator.domain.cadence import backoff
from orchestrator.domain.calls import Call, Reason
from orchestrator.domain.errors import (
    Retryable,
    StorageUnavailable,
    UpstreamFailed,
    UpstreamGone,
    UpstreamRefused,
)
from orchestrator.domain.status import Leg, leg_of
from orchestrator.domain.verdicts import Source
from orchestrator.domain.words import CancelOutcome, Outcome, State
from orchestrator.storage.records import Record
from workers.context import Work, again_in, work_of
from workers.hangup import hang_up
from workers.sources import Inquiry

log = structlog.get_logger(__name__)

_UNCLEAR_FOR_MS = 30_000
_GIVE_UP_AFTER_MS = 150_000
_VERIFY_FIRST_MS = 150
_VERIFY_AGAIN_MS = 750


async def cancel(ctx: dict[Any, Any], call_id: str) -> None:
    """arq's job: asks RingCentral to end one call, and reads until it is known whether it did."""
    work = work_of(ctx)
    record = await work.store.record(call_id)
    if record is None or record.call.is_over or not record.call.cancel_pending:
        return
    try:
        again = await _step(work, record)
    except StorageUnavailable:
        raise
    except (Retryable, UpstreamFailed) as error:
        await _try_again(work, record, error)
    except UpstreamRefused as refusal:
        log.warning("cancel_not_possible", call=call_id, code=refusal.error_code)
        await work.store.change(
            record, lambda now: calls.cancel_settled(now, CancelOutcome.UNKNOWN)
        )
    else:
        if again is not None:
            raise again_in(again / 1000)


async def _step(work: Work, record: Record) -> int | None:
    """The wait before the next step (ms); None where there is none."""
    call = record.call
    inquiry = await Inquiry.about(work, record)
    if call.delete_accepted_at is not None or call.hung_up_at is not None:
        return await _verify(inquiry)
    if not call.can_be_ended:
        return None
    if not call.is_followed or _is_answered(call):
        if await _hang_up(inquiry):
            return _VERIFY_FIRST_MS
        if not call.is_followed:
            return None
    return await _delete(inquiry)


def _is_answered(call: Call) -> bool:
    """Whether the first phone was answered, as far as is known: a DELETE may not stop it."""
    is_connected = call.sighting.lower() == "callconnected"
    return is_connected or leg_of(call.status.caller) is Leg.ANSWERED


async def _hang_up(inquiry: Inquiry) -> bool:
    return inquiry.may_ask(Source.SESSION) and await hang_up(inquiry)


async def _delete(inquiry: Inquiry) -> int | None:
    work, call = inquiry.work, inquiry.call
    try:
        await work.upstream(call).cancel(call.account_id, call.extension_id, call.ringout_id or "")
    except UpstreamGone:
        await work.store.change(inquiry.record, lambda now: calls.vanished(now, work.clock()))
        return None
    except UpstreamRefused as refusal:
        log.warning("cancel_refused", call=call.id, code=refusal.error_code)
        if await _hang_up(inquiry):
            return _VERIFY_FIRST_MS
        await _too_late(inquiry)
        return None
    await work.store.change(inquiry.record, lambda now: calls.delete_accepted(now, work.clock()))
    return _VERIFY_FIRST_MS


async def _too_late(inquiry: Inquiry) -> None:
    await inquiry.work.store.change(
        inquiry.record, lambda now: calls.cancel_settled(now, CancelOutcome.TOO_LATE)
    )


async def _verify(inquiry: Inquiry) -> int | None:
    work, call = inquiry.work, inquiry.call
    if not call.is_followed:
        return await _verify_session(inquiry) if call.hung_up_at is not None else None
    asked_at = work.clock()
    try:
        reading = await work.upstream(call).status(
            call.account_id, call.extension_id, call.ringout_id or "", care=True
        )
    except UpstreamGone:
        await work.store.change(inquiry.record, lambda now: calls.vanished(now, work.clock()))
        return None
    written = await work.store.change(
        inquiry.record, lambda now: calls.observed(now, reading, asked_at, work.clock())
    )
    seen = written.record.call
    if seen.is_over or not seen.cancel_pending:
        return None
    is_open = call.hung_up_at is None and leg_of(reading.caller) is Leg.ANSWERED
    if is_open and await _hang_up(await Inquiry.about(work, written.record)):
        return _VERIFY_FIRST_MS
    if is_open and seen.state is State.CONNECTED:
        await _too_late(inquiry)
        return None
    return _VERIFY_AGAIN_MS


async def _verify_session(inquiry: Inquiry) -> int | None:
    """Whether the session has ended of a call whose ring-out's id is not known."""
    work, session_id = inquiry.work, inquiry.call.session_id
    if session_id is None:
        return None
    session = await inquiry.session(session_id)
    if inquiry.fault is not None:
        raise inquiry.fault
    if session is None and not inquiry.was_denied(Source.SESSION, session_id):
        return None
    if session is None or session.is_over:
        reason = Reason("session", f"RingCentral ended telephony session {session_id}.")
        await work.store.change(
            inquiry.record,
            lambda now: calls.found_over(now, work.clock(), session_id, Outcome.COMPLETED, reason),
        )
        return None
    return _VERIFY_AGAIN_MS


async def _try_again(work: Work, record: Record, error: Retryable | UpstreamFailed) -> None:
    cancel_ = record.call.cancel
    waited = work.clock() - (cancel_.requested_at if cancel_ else 0)
    patience = _UNCLEAR_FOR_MS if isinstance(error, UpstreamFailed) else _GIVE_UP_AFTER_MS
    if waited > patience:
        await work.store.change(
            record, lambda now: calls.cancel_settled(now, CancelOutcome.UNKNOWN)
        )
        return
    wait = error.retry_after if isinstance(error, Retryable) else backoff(waited // 1000) / 1000
    raise again_in(min(wait, (patience - waited) / 1000 + 1)) from error
