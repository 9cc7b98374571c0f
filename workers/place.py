"""Placing: RingCentral is asked at most once for a call, whatever dies.

    held? ──▶ ready ──▶ turn (the budget pays) ──▶ fence (queued → placing) ──▶ POST ──▶ record

What may fail without harm is done before the fence: a connection is open, a token at hand, the
call's turn has come and its request is paid for. The script that writes the fence asks the rules
once more: the call is still worth placing and its hours are not over, no phone is suppressed,
nothing paused, no gate closed, no line lost. From the fence on, the call is this worker's: the
answer is written with the fence's token, and where no answer comes the call is made `unconfirmed`
and never asked for again. The fence is given back only where RingCentral provably did nothing.

arq may run this job again, or twice at the same time; the fence decides, not arq's bookkeeping.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, TypeGuard
from uuid import uuid4

import structlog

from orchestrator.domain import calls
from orchestrator.domain.budget import Payment
from orchestrator.domain.calls import Call, Change, Reason
from orchestrator.domain.errors import (
    Retryable,
    RingOutError,
    StorageUnavailable,
    UpstreamGated,
    UpstreamRefused,
    UpstreamUnavailable,
)
from orchestrator.domain.evidence import ends
from orchestrator.domain.words import Outcome, State
from orchestrator.service import holding, hours
from orchestrator.storage.budget import gates
from orchestrator.storage.calls import Decide
from orchestrator.storage.lanes import Waiting
from orchestrator.storage.obstacles import Obstacles, OutOfTime
from orchestrator.storage.pauses import Held
from orchestrator.storage.records import Record
from orchestrator.storage.suppression import Suppressed
from orchestrator.telephony.answers import Placed
from workers import holds
from workers.context import Work, again_in, work_of

log = structlog.get_logger(__name__)

FENCE_IS_FRESH_S = 3.0
"""A fence that took longer to write is not acted upon: the process was frozen, or Redis was, and
the call may be taken for lost by now."""

_LOOK_AGAIN_S = 1.0
_NEXT_ONES = 3
_NEXT_ONES_LOOK_S = 5.0
"""The first of a lane look again this often at least: their turn may come earlier than was said."""

_WRITE_FOR_S = 60.0
_HOURS_AHEAD_MS = 600_000
"""How far the end of a call's hours is looked for: a fence is not written so much later."""

_SUPPRESSED = Reason(
    "suppressed", "One of the two phones was suppressed after the call's acceptance."
)


async def place(ctx: dict[Any, Any], call_id: str) -> None:
    """arq's job: places one call, if nobody has."""
    work = work_of(ctx)
    found = await work.ahead.placing(call_id)
    record, request = found.record, found.request
    if record is None or record.call.is_over:
        return
    call = record.call
    if not call.may_be_placed:
        if call.state is State.PLACING:
            raise again_in(_LOOK_AGAIN_S)
        return
    if work.clock() >= call.expires_at:
        await _expire(work, record)
        return
    if request is None:
        reason = Reason("request_lost", "What RingCentral was to be asked is not in Redis.")
        await _end(work, record, Outcome.FAILED, reason)
        return
    if hold := holding.hold_on(call, found.paused, work.clock()):
        await holds.wait(work, record, request, hold)
    await _place(work, record, request)


async def _place(work: Work, record: Record, request: dict[str, Any]) -> None:
    call, asked_as = record.call, work.book.named(record.call.credential)
    try:
        await work.upstream(call).ready()
        phones = [await work.digests.of(number) for number in _numbers(request)]
        payment = await _turn(work, record, request)
        obstacles = _obstacles(work, call, request, payment, phones)
        fence = await _fenced(work, record, payment, obstacles)
    except StorageUnavailable:
        raise
    except Held as held:
        await holds.wait(work, record, request, holding.hold_of(record.call, held.pause))
    except (OutOfTime, Suppressed) as never:
        await _give_up(work, record, never)
        return
    except Retryable as error:
        await holds.go_on(work, record)
        raise again_in(_wait(work, call, error.retry_after)) from error
    except UpstreamRefused as refusal:
        # It may have been added or replaced since this process last looked.
        await work.book.refresh()
        if work.book.named(call.credential) != asked_as:
            raise again_in(0) from refusal
        await _end(work, record, Outcome.BLOCKED, Reason(refusal.error_code, refusal.detail))
        return
    if fence is not None:
        await _ask(work, fence, request, payment)


def _obstacles(
    work: Work, call: Call, request: dict[str, Any], payment: Payment, phones: Sequence[str]
) -> Obstacles:
    now = work.clock()
    return Obstacles(
        gates(payment.payer, payment.group),
        phones,
        work.lines.needed(payment.payer, request),
        hours.closing(call.hours, now, now + _HOURS_AHEAD_MS),
    )


async def _give_up(work: Work, record: Record, never: OutOfTime | Suppressed) -> None:
    if isinstance(never, OutOfTime):
        await _expire(work, record)
    else:
        await _end(work, record, Outcome.BLOCKED, _SUPPRESSED)


async def _expire(work: Work, record: Record) -> None:
    """Redis's clock, by which a second click is judged, may be ahead of this machine's."""
    await work.store.change(
        record, lambda now: calls.expired(now, max(work.clock(), now.expires_at))
    )
    await work.lanes.leave(record.call.id, record.call.credential)


async def _turn(work: Work, record: Record, request: dict[str, Any]) -> Payment:
    """The payment for the call's request, once it is its turn; UpstreamGated until then."""
    call, payer = record.call, work.book.payer_named(record.call.credential)
    entering = work.lanes.enter(call.id, call.accepted_at, payer, str(record.revision))
    callee = request["to"]["phoneNumber"]
    noting = work.pairs.note(call.id, callee, work.clock(), ends(request))
    turn, _ = await asyncio.gather(entering, noting)
    if isinstance(turn, Waiting):
        wait = min(turn.seconds, _NEXT_ONES_LOOK_S) if turn.ahead < _NEXT_ONES else turn.seconds
        raise UpstreamGated("RingCentral's rate limit is spent.", wait)
    if wait := await work.lines.engaged(call, payer, request):
        await work.budget.refund(turn)
        raise UpstreamGated("A phone or a line of this call is engaged.", wait)
    return turn


async def _fenced(
    work: Work, record: Record, payment: Payment, obstacles: Obstacles
) -> Record | None:
    """The call with its fence, written now; None, and the payment refunded, where there is none."""
    token = uuid4().hex
    began = time.monotonic()
    try:
        written = await work.store.change(
            record, lambda call: _placing(work, call, token), obstacles=obstacles
        )
    except (OutOfTime, Suppressed, UpstreamGated, Held):
        await work.budget.refund(payment)
        raise
    call = written.record.call
    if call.fence != token:
        if not call.fence:
            # Another run of this job, at the same revision, would have paid by the same name.
            await work.budget.refund(payment)
        if call.may_be_placed:
            await _end_if_expired(work, written.record)
        return None
    is_slow = not written.applied or time.monotonic() - began > FENCE_IS_FRESH_S
    if is_slow or _is_out_of_time(work, call):
        log.warning("fence_was_slow", call=call.id)
        await work.store.change(
            written.record, lambda now: calls.released(now, work.clock(), token)
        )
        await work.budget.refund(payment)
        raise again_in(0.1)
    return written.record


def _placing(work: Work, call: Call, token: str) -> Change | None:
    """The fence, unless the hours of the call ended since it was looked at."""
    now = work.clock()
    return None if holding.outside(call, now) else calls.placing(call, now, token)


def _is_out_of_time(work: Work, call: Call) -> bool:
    """Whether its time or its hours ended while the answer was on its way."""
    now = work.clock()
    return now >= call.expires_at or holding.outside(call, now) is not None


async def _end_if_expired(work: Work, record: Record) -> None:
    written = await work.store.change(record, lambda now: calls.expired(now, work.clock()))
    if written.record.call.may_be_placed:
        raise again_in(0)


async def _ask(work: Work, record: Record, request: dict[str, Any], payment: Payment) -> None:
    call = record.call
    answer: Placed | RingOutError
    try:
        upstream = work.upstream(call)
        answer = await upstream.make(call.account_id, call.extension_id, request, payment)
    except RingOutError as error:
        answer = error
    await _write_down(work, record, _decision(work, call.fence, answer))
    if isinstance(answer, UpstreamGated):
        # Nothing rings, and a penalty has to end first: others may have its lines until then.
        await work.lines.leave(call, payment.payer, request)
    if _did_nothing(answer):
        raise again_in(_wait(work, call, answer.retry_after))


def _did_nothing(answer: Placed | RingOutError) -> TypeGuard[UpstreamUnavailable | UpstreamGated]:
    return isinstance(answer, UpstreamUnavailable | UpstreamGated)


def _decision(work: Work, fence: str, answer: Placed | RingOutError) -> Decide:
    if isinstance(answer, UpstreamRefused):
        refusal = answer
        return lambda call: calls.refused(call, work.clock(), fence, refusal)
    if _did_nothing(answer):
        return lambda call: calls.released(call, work.clock(), fence)
    if isinstance(answer, RingOutError):
        unclear = answer
        return lambda call: calls.unconfirmed(call, unclear.code, unclear.detail)
    placed = answer
    return lambda call: calls.placed(call, work.clock(), fence, placed.ringout_id, placed.reading)


async def _write_down(work: Work, record: Record, decide: Decide) -> None:
    """What RingCentral said is precious: it is written as soon as Redis is back."""
    give_up = time.monotonic() + _WRITE_FOR_S
    while True:
        try:
            written = await work.store.change(record, decide)
        except StorageUnavailable:
            if time.monotonic() > give_up:
                raise
            await asyncio.sleep(0.2)
        else:
            if not written.applied:
                log.warning("answer_came_too_late", call=record.call.id)
            return


async def _end(work: Work, record: Record, outcome: Outcome, reason: Reason) -> None:
    def decide(call: Call) -> Change | None:
        is_free = call.may_be_placed
        return calls.ended(call, work.clock(), outcome, reason) if is_free else None

    await work.store.change(record, decide)
    await work.lanes.leave(record.call.id, record.call.credential)


def _numbers(request: dict[str, Any]) -> list[str]:
    ends = (request.get("to"), request.get("from"))
    return [end["phoneNumber"] for end in ends if end and end.get("phoneNumber")]


def _wait(work: Work, call: Call, seconds: float) -> float:
    """Not longer than the call is worth placing, so that it ends when it expires."""
    left = (call.expires_at - work.clock()) / 1000
    return max(0.01, min(seconds, left))
