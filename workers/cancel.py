"""Cancelling a call that RingCentral has: DELETE, then the truth by reading.

RingCentral's guide contradicts itself on how long a DELETE works, and a 2xx has been seen not to
stop the call: so the answer only sets a mark, and what the next looks see decides the outcome.
"""

from typing import Any

import structlog

from orchestrator.domain import calls
from orchestrator.domain.cadence import backoff
from orchestrator.domain.errors import (
    Retryable,
    StorageUnavailable,
    UpstreamFailed,
    UpstreamGone,
    UpstreamRefused,
)
from orchestrator.domain.words import CancelOutcome
from orchestrator.storage.calls import Look
from orchestrator.storage.records import Record
from workers.context import Work, again_in, work_of

log = structlog.get_logger(__name__)

_UNCLEAR_FOR_MS = 30_000
_GIVE_UP_AFTER_MS = 150_000
_VERIFY_FIRST_MS = 150


async def cancel(ctx: dict[Any, Any], call_id: str) -> None:
    """arq's job: asks RingCentral to end one call."""
    work = work_of(ctx)
    record = await work.store.record(call_id)
    if record is None or not record.call.cancel_pending or not record.call.is_followed:
        return
    if record.call.delete_accepted_at is not None:
        return
    try:
        await _delete(work, record)
    except StorageUnavailable:
        raise
    except (Retryable, UpstreamFailed) as error:
        await _try_again(work, record, error)


async def _delete(work: Work, record: Record) -> None:
    call = record.call
    try:
        await work.upstream.cancel(call.account_id, call.extension_id, call.ringout_id or "")
    except UpstreamGone:
        await work.store.change(record, lambda now: calls.vanished(now, work.clock()))
    except UpstreamRefused as refusal:
        log.warning("cancel_refused", call=call.id, code=refusal.error_code)
        await work.store.change(
            record, lambda now: calls.cancel_settled(now, CancelOutcome.TOO_LATE)
        )
    else:
        await work.store.change(
            record,
            lambda now: calls.delete_accepted(now, work.clock()),
            look=Look(lease="", wait=round(_VERIFY_FIRST_MS * work.factor)),
        )


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
