"""RingCentral's words: every combination is understood or left alone, none crashes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.status import Reading, is_known, verdict
from orchestrator.domain.words import Outcome

OPEN, ANSWERED, DONE = "InProgress", "Success", "Finished"


@pytest.mark.parametrize(
    ("call", "caller", "callee", "outcome", "code"),
    [
        ("Success", DONE, DONE, Outcome.COMPLETED, None),
        ("CannotReach", ANSWERED, "Busy", Outcome.BUSY, "callee.Busy"),
        ("CannotReach", "Busy", OPEN, Outcome.BUSY, "caller.Busy"),
        ("InProgress", "NoAnswer", OPEN, Outcome.NO_ANSWER, "caller.NoAnswer"),
        ("CannotReach", ANSWERED, "Rejected", Outcome.REJECTED, "callee.Rejected"),
        ("CannotReach", "GenericError", ANSWERED, Outcome.FAILED, "caller.GenericError"),
        ("x", ANSWERED, "InternationalDisabled", Outcome.BLOCKED, "callee.InternationalDisabled"),
        ("x", ANSWERED, "DestinationBlocked", Outcome.BLOCKED, "callee.DestinationBlocked"),
        ("x", ANSWERED, "NotEnoughFunds", Outcome.BLOCKED, "callee.NotEnoughFunds"),
        ("x", ANSWERED, "NosuchUser", Outcome.FAILED, "callee.NosuchUser"),
        ("x", DONE, OPEN, Outcome.NO_ANSWER, "callee.NotReached"),
        ("x", "FINISHED", "finished", Outcome.COMPLETED, None),
    ],
)
def test_a_call_is_over_when_a_leg_is(
    call: str, caller: str, callee: str, outcome: Outcome, code: str | None
) -> None:
    said = verdict(Reading(call, caller, callee), was_connected=False)
    assert (said.over_with, said.code) == (outcome, code)


@pytest.mark.parametrize("last", ["Finished", "Rejected", "GenericError", "Busy"])
def test_a_call_that_was_connected_is_completed_however_a_leg_ends(last: str) -> None:
    said = verdict(Reading("Success", last, "Success"), was_connected=True)
    assert said.over_with is Outcome.COMPLETED


def test_call_status_alone_ends_nothing() -> None:
    assert verdict(Reading("Success", OPEN, OPEN), was_connected=False).over_with is None
    passing = verdict(Reading("CannotReach", OPEN, OPEN), was_connected=False)
    assert passing.cannot_reach
    assert passing.over_with is None


def test_both_legs_answered_is_connected() -> None:
    assert verdict(Reading("Success", ANSWERED, ANSWERED), was_connected=False).connected


def test_no_session_found_is_gone_whatever_the_other_leg_says() -> None:
    assert verdict(Reading("Success", DONE, "NoSessionFound"), was_connected=True).gone


@given(st.text(), st.text(), st.text(), st.booleans())
def test_an_unknown_word_is_never_success_and_never_the_end(
    call: str, caller: str, callee: str, was_connected: bool
) -> None:
    reading = Reading(call, f"?{caller}", f"?{callee}")
    said = verdict(reading, was_connected=was_connected)
    assert not is_known(reading)
    assert (said.over_with, said.connected, said.gone) == (None, False, False)
