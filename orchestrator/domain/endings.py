"""Two more ways in which a call may change: ended by its telephony session, and never placed."""

from dataclasses import replace

from orchestrator.domain.calls import Call, Change, Reason, ended
from orchestrator.domain.words import Outcome, State


def hung_up(call: Call, now: int, session_id: str) -> Change | None:
    """RingCentral agreed to end the call's session; that it did is verified by reading."""
    if call.is_over or not call.cancel_pending or call.hung_up_at is not None:
        return None
    return Change(replace(call, hung_up_at=now, session_id=session_id), None)


def not_placed(call: Call, now: int, message: str) -> Change | None:
    """RingCentral has provably not placed the call: it ends `failed`, or `cancelled` where that
    was asked for. It is not asked for again."""
    if call.state is not State.UNCONFIRMED or call.session_id is not None:
        return None
    outcome = Outcome.CANCELLED if call.cancel_pending else Outcome.FAILED
    return ended(call, now, outcome, Reason("not_placed", message))
