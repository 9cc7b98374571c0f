"""A call, and every way in which it may change.

Each function below takes the call as it is and answers a `Change` - the call as it becomes, with
the event that tells of it - or None where there is nothing to change. They decide; storage writes
the change if the call is still what the decision was made on, and asks again otherwise. So what
holds for these functions holds for the fleet: `sequence` rises by one with every event, the state
never moves backwards, and an ended call stays as it ended.
"""

from dataclasses import dataclass, replace

from orchestrator.domain import phones
from orchestrator.domain.errors import UpstreamRefused
from orchestrator.domain.events import EventType, entered
from orchestrator.domain.status import NOT_SPOKEN, Leg, Reading, leg_of, verdict
from orchestrator.domain.words import STEPS, CancelOutcome, Outcome, State

CANNOT_REACH_GRACE_MS = 10_000
"""`CannotReach` with no leg over has been seen in passing: it must hold this long to count."""

CANCEL_VERIFY_MS = 5_000
"""A call that goes on this long after RingCentral said yes to a DELETE was not cancelled:
the guide contradicts itself on whether DELETE works once the first leg has answered."""

_HUNG_UP_BY_US = frozenset({Outcome.REJECTED, Outcome.NO_ANSWER, Outcome.FAILED})
_STOPPED = _HUNG_UP_BY_US | {Outcome.COMPLETED}
_LEG_STEPS = {Leg.UNCLEAR: 0, Leg.TRYING: 0, Leg.ANSWERED: 1}
_LEG_OVER = 2


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One end of a call as anyone may see it: the number masked."""

    phone_number: str | None = None
    forwarding_number_id: str | None = None

    @classmethod
    def shown(cls, number: str | None, forwarding_number_id: str | None = None) -> "Endpoint":
        """The public form of an end given by its full number or by its RingCentral id."""
        return cls(phones.masked(number) if number else None, forwarding_number_id)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a call ended as it did: a stable code, and a sentence without phone numbers."""

    code: str
    message: str


_HUNG_UP = Reason("hung_up", "RingCentral was asked to end the call's telephony session, and did.")


@dataclass(frozen=True, slots=True)
class Cancel:
    """A wish to cancel, and what came of it (None while that is not known)."""

    requested_at: int
    outcome: CancelOutcome | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One wish to connect two people. Times are milliseconds since the epoch; `accepted_at` is 0
    for a ring-out that was not made here.

    The last group is ours and never shown: `fence` is the token of the worker that holds the
    right to ask RingCentral, empty when nobody does; `credential` names whom RingCentral is asked
    as; `hung_up_at` is when RingCentral agreed to end its telephony session, `read_at` when its
    status was last read, `sighting` what presence last said of it, `owner` whose call it is,
    `hours` when it may be placed.
    """

    id: str
    uri: str
    account_id: str
    extension_id: str
    accepted_at: int
    expires_at: int
    from_: Endpoint | None = None
    to: Endpoint | None = None
    client_reference: str | None = None
    state: State = State.QUEUED
    outcome: Outcome | None = None
    reason: Reason | None = None
    ringout_id: str | None = None
    status: Reading = NOT_SPOKEN
    sequence: int = 1
    placed_at: int | None = None
    connected_at: int | None = None
    ended_at: int | None = None
    observed_at: int | None = None
    cancel: Cancel | None = None

    fence: str = ""
    asked_at: int | None = None
    session_id: str | None = None
    refusal_status: int | None = None
    cannot_reach_since: int | None = None
    delete_accepted_at: int | None = None
    hung_up_at: int | None = None
    vanished_at: int | None = None
    has_callback: bool = False
    credential: str = "default"
    read_at: int | None = None
    sighting: str = ""
    owner: str = ""
    hours: str = ""

    @property
    def is_over(self) -> bool:
        """Whether the call has ended, for good."""
        return self.state is State.ENDED

    @property
    def may_be_placed(self) -> bool:
        """Whether RingCentral has provably not been asked, or said that it did nothing."""
        return self.state in (State.QUEUED, State.PLACING) and not self.fence

    @property
    def is_followed(self) -> bool:
        """Whether RingCentral can be asked how this call is doing."""
        is_live = self.state in (State.RINGING, State.CONNECTED)
        return is_live and self.ringout_id is not None and self.vanished_at is None

    @property
    def can_be_ended(self) -> bool:
        """Whether RingCentral can be asked to end this call, and has not agreed to."""
        is_known = self.state is State.UNCONFIRMED and self.session_id is not None
        has_agreed = self.delete_accepted_at is not None or self.hung_up_at is not None
        return (self.is_followed or is_known) and not has_agreed

    @property
    def cancel_pending(self) -> bool:
        """Whether a cancel was asked for whose outcome is not known yet."""
        return self.cancel is not None and self.cancel.outcome is None


@dataclass(frozen=True, slots=True)
class Change:
    """A call as it becomes; `event` is None where nothing that is shown changes."""

    call: Call
    event: EventType | None


def _moved(call: Call, **fields: object) -> Change:
    after = replace(call, sequence=call.sequence + 1, **fields)  # type: ignore[arg-type]
    if STEPS[after.state] < STEPS[call.state]:
        raise AssertionError(f"a call may not move from {call.state} to {after.state}")
    return Change(after, entered(after.state))


def _ended(
    call: Call, now: int, outcome: Outcome, reason: Reason | None, **fields: object
) -> Change:
    was_deleted = call.delete_accepted_at is not None and call.connected_at is None
    was_hung_up = call.hung_up_at is not None and call.cancel_pending
    if (was_deleted and outcome in _HUNG_UP_BY_US) or (was_hung_up and outcome in _STOPPED):
        outcome, reason = Outcome.CANCELLED, _HUNG_UP if was_hung_up else None
    cancel = call.cancel
    if cancel is not None and cancel.outcome is None:
        settled = {
            Outcome.CANCELLED: CancelOutcome.CANCELLED,
            Outcome.UNKNOWN: CancelOutcome.UNKNOWN,
        }.get(outcome, CancelOutcome.TOO_LATE)
        cancel = replace(cancel, outcome=settled)
    return _moved(
        call,
        state=State.ENDED,
        outcome=outcome,
        reason=reason,
        ended_at=now,
        cancel=cancel,
        fence="",
        **fields,
    )


def ended(call: Call, now: int, outcome: Outcome, reason: Reason | None = None) -> Change | None:
    """The call is over; None where it was already."""
    return None if call.is_over else _ended(call, now, outcome, reason)


def expired(call: Call, now: int) -> Change | None:
    """Ends a call that nobody has asked RingCentral for and that is not worth placing any more."""
    if not call.may_be_placed or now < call.expires_at:
        return None
    reason = Reason("expired", "The call could not be placed within the time it was worth placing.")
    if held := call.reason:
        reason = replace(held, message=f"Not placed in time. {held.message}")
    return _ended(call, now, Outcome.EXPIRED, reason)


def placing(call: Call, now: int, fence: str) -> Change | None:
    """Takes the right to ask RingCentral, to be written **before** the request leaves.

    None where someone holds it, where it is past `expires_at`, or where the call has moved on.
    """
    if not call.may_be_placed or call.cancel is not None or now >= call.expires_at:
        return None
    if call.state is State.PLACING and call.reason is None:
        return Change(replace(call, fence=fence, asked_at=now), None)
    return _moved(call, state=State.PLACING, reason=None, fence=fence, asked_at=now)


def released(call: Call, now: int, fence: str) -> Change | None:
    """Gives the right back where RingCentral provably did nothing: never sent, 401, 429.

    A call that was to be cancelled meanwhile is; one that was given up for lost ends `failed`.
    """
    if call.state not in (State.PLACING, State.UNCONFIRMED) or call.fence != fence:
        return None
    if call.cancel_pending:
        return _ended(call, now, Outcome.CANCELLED, None)
    if call.state is State.UNCONFIRMED:
        reason = Reason("not_sent", "RingCentral could not be asked in time; nothing rang.")
        return _ended(call, now, Outcome.FAILED, reason)
    return Change(replace(call, fence=""), None)


def placed(call: Call, now: int, fence: str, ringout_id: str, reading: Reading) -> Change | None:
    """RingCentral has the call: its answer to the POST.

    It may come late, when the call was taken for `unconfirmed`: the holder of the fence is
    believed.
    """
    if call.state not in (State.PLACING, State.UNCONFIRMED) or call.fence != fence:
        return None
    return adopted(call, now, ringout_id, reading)


def adopted(call: Call, now: int, ringout_id: str, reading: Reading) -> Change | None:
    """The ring-out that this call became is known by its id."""
    if call.is_over or call.ringout_id is not None:
        return None
    placed_at = call.placed_at or call.asked_at or now
    known = replace(call, ringout_id=ringout_id, placed_at=placed_at, reason=None)
    seen = observed(replace(known, state=State.RINGING, observed_at=None), reading, now, now)
    if seen is not None and seen.event is not None:
        return seen
    return _moved(known, state=State.RINGING, status=reading, observed_at=now, read_at=now)


def refused(call: Call, now: int, fence: str, refusal: UpstreamRefused) -> Change | None:
    """RingCentral said no to the POST: `blocked` where it is not allowed (403), else `failed`."""
    if call.state not in (State.PLACING, State.UNCONFIRMED) or call.fence != fence:
        return None
    outcome = Outcome.BLOCKED if refusal.http_status == 403 else Outcome.FAILED
    reason = Reason(refusal.error_code, phones.scrubbed(refusal.detail))
    return _ended(call, now, outcome, reason, refusal_status=refusal.http_status)


def unconfirmed(call: Call, code: str, message: str) -> Change | None:
    """RingCentral was asked and what it did is not known: it is never asked again.

    The fence stays, so that an answer which comes late is still believed.
    """
    if call.state is not State.PLACING or not call.fence:
        return None
    return _moved(call, state=State.UNCONFIRMED, reason=Reason(code, phones.scrubbed(message)))


def _goes_back(before: Reading, after: Reading) -> bool:
    pairs = ((before.caller, after.caller), (before.callee, after.callee))
    return any(
        _LEG_STEPS.get(leg_of(new), _LEG_OVER) < _LEG_STEPS.get(leg_of(old), _LEG_OVER)
        for old, new in pairs
        if leg_of(new) is not Leg.UNCLEAR
    )


def _is_news(call: Call, reading: Reading, asked_at: int, now: int) -> bool:
    """An observation from our future was made by a clock that is ahead: it proves nothing."""
    seen_at = call.observed_at
    is_older = seen_at is not None and asked_at < seen_at <= now
    return not is_older and not _goes_back(call.status, reading)


def observed(call: Call, reading: Reading, asked_at: int, now: int) -> Change | None:
    """What a reading, asked for at `asked_at`, changes about a live call.

    None where it is older than what is known or takes a leg back (an end is always believed); a
    change without an event where nothing that is shown moved but the time of the observation.
    """
    if call.state not in (State.RINGING, State.CONNECTED):
        return None
    said = verdict(reading, was_connected=call.connected_at is not None)
    if said.over_with is None and not _is_news(call, reading, asked_at, now):
        return None
    if said.gone:
        return vanished(call, now)
    call = replace(call, observed_at=now, read_at=now)
    if said.over_with is not None:
        reason = Reason(said.code, said.message or "") if said.code else None
        return _ended(call, now, said.over_with, reason, status=reading)
    since = (call.cannot_reach_since or now) if said.cannot_reach else None
    if since is not None and now - since >= CANNOT_REACH_GRACE_MS:
        reason = Reason("CannotReach", "RingCentral could not reach one of the two phones.")
        return _ended(call, now, Outcome.FAILED, reason, status=reading)
    state = State.CONNECTED if said.connected else call.state
    return _went_on(replace(call, cannot_reach_since=since), reading, state, now)


def _went_on(call: Call, reading: Reading, state: State, now: int) -> Change:
    connected_at = call.connected_at or (now if state is State.CONNECTED else None)
    cancel = call.cancel
    asked_at = max(call.delete_accepted_at or 0, call.hung_up_at or 0)
    if call.cancel_pending and asked_at and now - asked_at >= CANCEL_VERIFY_MS:
        cancel = replace(cancel, outcome=CancelOutcome.TOO_LATE) if cancel else None
    if (state, reading, cancel) == (call.state, call.status, call.cancel):
        return Change(call, None)
    return _moved(call, state=state, status=reading, connected_at=connected_at, cancel=cancel)


def vanished(call: Call, now: int) -> Change | None:
    """RingCentral no longer knows the ring-out: it is over, and how is not known.

    Only a call whose cancel RingCentral has accepted, and that nobody had answered by then or whose
    session it agreed to end, is ended here and now; any other is left to the reconciliation.
    """
    if call.is_over or call.vanished_at is not None:
        return None
    call = replace(call, observed_at=now, vanished_at=now)
    if call.hung_up_at is not None and call.cancel_pending:
        return _ended(call, now, Outcome.CANCELLED, _HUNG_UP)
    if call.delete_accepted_at is not None and call.connected_at is None:
        return _ended(call, now, Outcome.CANCELLED, None)
    return Change(call, None)


def cancelled(call: Call, now: int) -> Change | None:
    """A wish to cancel: at once where nobody has asked RingCentral, else written down.

    None where the call is over or the wish is known already.
    """
    if call.is_over or call.cancel is not None:
        return None
    call = replace(call, cancel=Cancel(requested_at=now))
    if call.may_be_placed:
        return _ended(call, now, Outcome.CANCELLED, None)
    return Change(replace(call, sequence=call.sequence + 1), EventType.CANCEL_REQUESTED)


def delete_accepted(call: Call, now: int) -> Change | None:
    """RingCentral answered 2xx to the DELETE; whether the phones stopped is verified by reading."""
    if call.is_over or not call.cancel_pending or call.delete_accepted_at is not None:
        return None
    return Change(replace(call, delete_accepted_at=now), None)


def cancel_settled(call: Call, outcome: CancelOutcome) -> Change | None:
    """What came of the cancel, of a call that goes on."""
    if call.is_over or call.cancel is None or call.cancel.outcome is not None:
        return None
    return _moved(call, cancel=replace(call.cancel, outcome=outcome))


def session_found(call: Call, now: int, session_id: str) -> Change | None:
    """The telephony session that this call became was seen at RingCentral, going on."""
    if call.is_over:
        return None
    return Change(replace(call, session_id=session_id, observed_at=now), None)


def sighted(call: Call, now: int, session_id: str, status: str) -> Change | None:
    """The extension's presence shows that the call goes on, and RingCentral's word for it."""
    if not call.is_followed:
        return None
    known = call.session_id or session_id
    return Change(replace(call, session_id=known, sighting=status, observed_at=now), None)


def reappeared(call: Call, reading: Reading, asked_at: int, now: int) -> Change | None:
    """RingCentral knows a ring-out again that it had said not to know."""
    if call.vanished_at is None or call.is_over or asked_at < call.vanished_at:
        return None
    known = replace(call, vanished_at=None)
    seen = observed(known, reading, asked_at, now)
    if seen is not None and seen.call.vanished_at is not None:
        return None
    return seen or Change(replace(known, observed_at=now), None)


def found_over(
    call: Call, now: int, session_id: str, outcome: Outcome, reason: Reason
) -> Change | None:
    """RingCentral's call log shows how a lost or vanished call ended."""
    if call.state is not State.UNCONFIRMED and call.vanished_at is None:
        return None
    known = replace(call, session_id=session_id, placed_at=call.placed_at or call.asked_at)
    return ended(known, now, outcome, reason)


def not_found(call: Call, now: int, reason: Reason) -> Change | None:
    """RingCentral says nothing of a lost or vanished call: it ends `unknown`."""
    if call.state is not State.UNCONFIRMED and call.vanished_at is None:
        return None
    return ended(call, now, Outcome.UNKNOWN, reason)
