"""The rounds of a reconciliation: each source in turn, until one shows the call.

Its telephony session, presence, the active calls where presence may not be asked, and the call
log: cheapest first, and each from when on it can know.
"""

from enum import Enum

import structlog

from orchestrator.domain import calls
from orchestrator.domain.calls import Reason
from orchestrator.domain.errors import (
    Retryable,
    StorageUnavailable,
    UpstreamFailed,
    UpstreamGone,
    UpstreamRefused,
)
from orchestrator.domain.evidence import CallRecord, candidates
from orchestrator.domain.verdicts import Source
from orchestrator.domain.words import Outcome
from workers.sources import Inquiry
from workers.twins import Match

log = structlog.get_logger(__name__)

CALL_LOG_FROM_MS = 30_000
"""Before this the call log cannot know: it lags 15 to 30 s behind the call's end."""

_ACTIVE_CALLS_FROM_MS = 4_000
_LOG_AFTER_VANISHING_MS = 15_000


class Found(Enum):
    """What a round has come to."""

    NOTHING = "nothing"
    LIVE = "live"
    """The call goes on, and cannot be followed by its ring-out's id."""
    SETTLED = "settled"


async def look_round(inquiry: Inquiry) -> Found:
    """Asks in turn, until a source shows the call; StorageUnavailable comes through."""
    steps = (_is_back, _by_its_session, _by_presence, _by_active_calls, _by_call_log)
    for step in steps:
        try:
            found = await step(inquiry)
        except StorageUnavailable:
            raise
        except (Retryable, UpstreamFailed, UpstreamRefused) as error:
            log.info("reconcile_not_possible_now", call=inquiry.call.id, error=error.code)
            inquiry.fault = error
            continue
        if found is not Found.NOTHING:
            return found
    return Found.NOTHING


async def _is_back(inquiry: Inquiry) -> Found:
    """Whether a ring-out that had vanished is known to RingCentral after all."""
    work, call = inquiry.work, inquiry.call
    if call.ringout_id is None or not _has_been_gone_for(inquiry, _LOG_AFTER_VANISHING_MS):
        return Found.NOTHING
    asked_at = work.clock()
    try:
        reading = await work.upstream(call).status(
            call.account_id, call.extension_id, call.ringout_id, care=True
        )
    except UpstreamGone:
        return Found.NOTHING
    written = await work.store.change(
        inquiry.record, lambda now: calls.reappeared(now, reading, asked_at, work.clock())
    )
    return Found.SETTLED if written.applied else Found.NOTHING


def _has_been_gone_for(inquiry: Inquiry, milliseconds: int) -> bool:
    vanished_at = inquiry.call.vanished_at
    gone_for = 0 if vanished_at is None else inquiry.work.clock() - vanished_at
    return gone_for >= milliseconds * inquiry.work.factor


async def _by_its_session(inquiry: Inquiry) -> Found:
    """What the session says whose id is known; a ring-out's id may be its session's."""
    call = inquiry.call
    session_id = call.session_id or call.ringout_id
    if session_id is None or inquiry.was_denied(Source.SESSION, session_id):
        return Found.NOTHING
    session = await inquiry.session(session_id)
    if session is None or not inquiry.is_of_the_call(session):
        return Found.NOTHING
    if not session.is_over:
        return await _goes_on(inquiry, session_id)
    outcome, word = session.outcome(was_connected=call.connected_at is not None)
    if outcome is Outcome.UNKNOWN:
        return Found.NOTHING
    message = f"RingCentral's telephony session {session_id} ended with {word}."
    await _found_over(inquiry, session_id, outcome, Reason("session", message))
    return Found.SETTLED


async def _by_presence(inquiry: Inquiry) -> Found:
    """What presence lists: calls that go on, whether ring-outs or not."""
    if not _is_lost(inquiry) or not inquiry.may_ask(Source.PRESENCE):
        return Found.NOTHING
    rows = await inquiry.presence()
    if rows is None:
        return Found.NOTHING
    match = await inquiry.match(Source.PRESENCE, await _ring_outs(inquiry, rows))
    if match.one is None:
        return Found.NOTHING
    session_id = match.one.session_id
    if await _is_its_id(inquiry, session_id):
        return Found.SETTLED
    session = await inquiry.session(session_id)
    if session is None:
        return Found.LIVE
    return await _goes_on(inquiry, session_id) if inquiry.is_of_the_call(session) else Found.NOTHING


async def _ring_outs(inquiry: Inquiry, rows: list[CallRecord]) -> list[CallRecord]:
    """The rows, of several that fit without those that are no ring-out, as far as that can be
    known: presence does not tell them apart, and shows a second, inbound call where a phone of
    RingCentral's own is rung."""
    fitting = {row.session_id for row in candidates(rows, inquiry.sought)}
    if len(fitting) < 2:
        return rows
    proven = {one for one in fitting if await inquiry.ring_out(one)}
    if not proven:
        sessions = [(one, await inquiry.session(one)) for one in fitting]
        proven = {one for one, found in sessions if found and inquiry.is_of_the_call(found)}
    denied = fitting - proven if proven else set()
    return [row for row in rows if row.session_id not in denied]


async def _by_active_calls(inquiry: Inquiry) -> Found:
    """What the active calls list, where presence may not be asked: heavy, and 3 to 10 s late."""
    is_early = inquiry.since < _ACTIVE_CALLS_FROM_MS * inquiry.work.factor
    if not _is_lost(inquiry) or is_early or inquiry.may_ask(Source.PRESENCE):
        return Found.NOTHING
    rows = await inquiry.active_calls()
    if rows is None:
        return Found.NOTHING
    return await _settle(inquiry, await inquiry.match(Source.ACTIVE_CALLS, rows))


def _is_lost(inquiry: Inquiry) -> bool:
    is_known = bool(inquiry.sought.numbers) or inquiry.call.session_id is not None
    return inquiry.call.vanished_at is None and is_known


async def _by_call_log(inquiry: Inquiry) -> Found:
    call, factor = inquiry.call, inquiry.work.factor
    if not inquiry.sought.numbers and call.session_id is None:
        return Found.NOTHING
    is_late_enough = inquiry.since >= CALL_LOG_FROM_MS * factor
    if call.vanished_at is not None:
        is_late_enough = _has_been_gone_for(inquiry, _LOG_AFTER_VANISHING_MS)
    if not is_late_enough:
        return Found.NOTHING
    rows = await inquiry.call_log()
    if rows is None:
        return Found.NOTHING
    inquiry.fault = None
    return await _settle(inquiry, await inquiry.match(Source.CALL_LOG, rows))


async def _settle(inquiry: Inquiry, match: Match) -> Found:
    """Whether the call is known by its ring-out id again, or over."""
    row = match.one
    if row is None:
        return Found.NOTHING
    if await _is_its_id(inquiry, row.session_id):
        return Found.SETTLED
    if row.is_live:
        return await _goes_on(inquiry, row.session_id)
    message = f"RingCentral's call log shows session {row.session_id} as {row.result}."
    await _found_over(inquiry, row.session_id, row.outcome, Reason("call_log", message))
    return Found.SETTLED


async def _is_its_id(inquiry: Inquiry, session_id: str) -> bool:
    """Whether the session's id is the ring-out's as well, so that the status speaks for itself.

    RingCentral documents no link between the two: it is tried, once a session.
    """
    work, now = inquiry.work, inquiry.work.clock
    if inquiry.call.ringout_id is not None:
        return False
    reading = await inquiry.ring_out(session_id)
    if reading is None:
        return False
    await work.store.change(
        inquiry.record, lambda call: calls.adopted(call, now(), session_id, reading)
    )
    return True


async def _goes_on(inquiry: Inquiry, session_id: str) -> Found:
    now = inquiry.work.clock
    await inquiry.work.store.change(
        inquiry.record, lambda call: calls.session_found(call, now(), session_id)
    )
    return Found.LIVE


async def _found_over(inquiry: Inquiry, session_id: str, outcome: Outcome, reason: Reason) -> None:
    now = inquiry.work.clock
    await inquiry.work.store.change(
        inquiry.record,
        lambda call: calls.found_over(call, now(), session_id, outcome, reason),
    )
