"""Every move between states that the domain makes, found by trying all of it on all states."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

from orchestrator.domain import calls
from orchestrator.domain.calls import Call, Change
from orchestrator.domain.errors import UpstreamRefused
from orchestrator.domain.status import NOT_SPOKEN, Reading
from orchestrator.domain.words import Outcome, State

_NOW = 100_000
_FENCE = "fence"
_READINGS = (
    NOT_SPOKEN,
    Reading("InProgress", "Success", "InProgress"),
    Reading("Success", "Success", "Success"),
    Reading("CannotReach", "Success", "Busy"),
    Reading("Success", "Finished", "Finished"),
)
_REFUSAL = UpstreamRefused(403, "TEL-101", "No.")

Step = Callable[[Call], Change | None]


def _placeable(call: Call) -> Change | None:
    return calls.ended(call, _NOW, Outcome.FAILED) if call.may_be_placed else None


def _placed(reading: Reading) -> Step:
    return lambda call: calls.placed(call, _NOW, _FENCE, "s-1", reading)


def _observed(reading: Reading) -> Step:
    return lambda call: calls.observed(call, reading, _NOW, _NOW)


def _steps() -> Iterator[Step]:
    yield lambda call: calls.expired(call, _NOW)
    yield lambda call: calls.placing(call, _NOW, _FENCE)
    yield lambda call: calls.released(call, _NOW, _FENCE)
    yield lambda call: calls.refused(call, _NOW, _FENCE, _REFUSAL)
    yield lambda call: calls.unconfirmed(call, "code", "Message.")
    yield lambda call: calls.cancelled(call, _NOW)
    yield lambda call: calls.delete_accepted(call, _NOW)
    yield lambda call: calls.vanished(call, _NOW)
    yield _placeable
    for reading in _READINGS:
        yield _placed(reading)
        yield _observed(reading)


def _samples() -> Iterator[Call]:
    made = Call("call_1", "uri", "~", "~", accepted_at=1, expires_at=_NOW + 1)
    for state, fence, expires_at in product(State, ("", _FENCE), (1, _NOW + 1)):
        is_live = state in (State.RINGING, State.CONNECTED)
        yield replace(
            made,
            state=state,
            fence=fence,
            expires_at=expires_at,
            ringout_id="s-1" if is_live else None,
            connected_at=2 if state is State.CONNECTED else None,
            outcome=Outcome.COMPLETED if state is State.ENDED else None,
        )


def possible() -> set[tuple[State, State]]:
    """The pairs of a state and the other state that a change led to."""
    moves = set()
    for call, step in product(_samples(), list(_steps())):
        change = step(call)
        if change is not None and change.call.state is not call.state:
            moves.add((call.state, change.call.state))
    return moves
