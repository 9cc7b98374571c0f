"""Which call a notice may be of, and what is told of at all."""

from dataclasses import replace

import pytest

from orchestrator.domain.calls import Call
from orchestrator.domain.notices import (
    BOTH,
    OVER,
    Notice,
    Suspect,
    bound,
    fitting,
    is_told_of,
)
from orchestrator.domain.status import NOT_SPOKEN, Reading
from orchestrator.domain.words import Outcome, State

ASKED = 1_000_000
ENDS = frozenset({"+16505550100", "+16505550123"})
NOTICE = Notice("u", "s-1", 1, "RingOut", ASKED, ENDS, (), frozenset({"401"}))
CALL = Call(
    "call_1",
    "http://x",
    "~",
    "~",
    ASKED,
    ASKED + 60_000,
    state=State.RINGING,
    ringout_id="r-1",
    asked_at=ASKED,
    credential="desk",
)
NOTHING: frozenset[str] = frozenset()


def fits(call: Call = CALL, numbers: frozenset[str] = ENDS, began_at: int = ASKED) -> bool:
    return bool(fitting([Suspect(call, numbers)], NOTICE, "desk", began_at))


def test_a_call_of_these_phones_at_this_time_fits() -> None:
    assert fits()
    assert fits(replace(CALL, state=State.UNCONFIRMED, ringout_id=None))
    assert fits(replace(CALL, state=State.PLACING, fence="f", ringout_id=None))
    assert fits(numbers=frozenset({"+16505550123"}))


@pytest.mark.parametrize(
    "changes",
    [
        {"credential": "other"},
        {"session_id": "s-2"},
        {"asked_at": None},
        {"state": State.QUEUED},
        {"state": State.PLACING},
        {"state": State.ENDED, "outcome": Outcome.COMPLETED},
    ],
)
def test_another_call_does_not(changes: dict[str, object]) -> None:
    assert not fits(replace(CALL, **changes))  # type: ignore[arg-type]


def test_other_phones_and_other_times_do_not() -> None:
    assert not fits(numbers=frozenset({"+16505550100", "+16505550199"}))
    assert not fits(numbers=NOTHING)
    assert fits(began_at=ASKED - 2_000)
    assert not fits(began_at=ASKED - 2_001)
    assert fits(began_at=ASKED + 30_000)
    assert not fits(began_at=ASKED + 30_001)


def test_all_that_fit_are_named() -> None:
    twins = [CALL, replace(CALL, id="call_2")]
    assert fitting([Suspect(one, ENDS) for one in twins], NOTICE, "desk", ASKED) == twins


def test_a_call_is_bound_once_and_nothing_else_of_it_changes() -> None:
    change = bound(CALL, "s-1")
    assert change is not None
    assert (change.call, change.event) == (replace(CALL, session_id="s-1"), None)
    assert bound(change.call, "s-2") is None
    assert bound(replace(CALL, state=State.ENDED), "s-1") is None
    assert bound(replace(CALL, state=State.QUEUED), "s-1") is None


RINGS = NOT_SPOKEN
WAITS = Reading("InProgress", "Success", "InProgress")
TALKS = Reading("Success", "Success", "Success")


def test_all_but_the_customer_s_answer_is_told_of() -> None:
    assert is_told_of(RINGS, None, NOTHING)
    assert not is_told_of(WAITS, None, NOTHING)
    assert is_told_of(WAITS, None, frozenset({BOTH}))
    assert is_told_of(TALKS, None, NOTHING)


def test_what_was_told_just_now_may_not_show_yet() -> None:
    assert not is_told_of(TALKS, 4_999, NOTHING)
    assert is_told_of(TALKS, 5_000, NOTHING)


def test_an_end_that_does_not_show_is_looked_for() -> None:
    assert not is_told_of(TALKS, 600_000, frozenset({OVER}))


def test_a_call_in_doubt_is_looked_at() -> None:
    assert not is_told_of(Reading("CannotReach", "InProgress", "InProgress"), None, NOTHING)
