"""What a telephony session says of a call, and of how it ended."""

from dataclasses import replace

import pytest

from orchestrator.domain.sessions import INITIATOR, TARGET, Party, Session
from orchestrator.domain.words import Outcome

AGENT = Party(INITIATOR, "Disconnected", "CallFinished", frozenset({"+16505550100"}))
CUSTOMER = Party(TARGET, "Disconnected", "CallFinished", frozenset({"+16505550123"}))
SESSION = Session("s-1", "RingOut", 1_000, (AGENT, CUSTOMER))


def ended(*parties: Party, was_connected: bool = False) -> Outcome:
    return replace(SESSION, parties=parties).outcome(was_connected=was_connected)[0]


def test_two_legs_that_finished_have_talked() -> None:
    assert SESSION.outcome(was_connected=False) == (Outcome.COMPLETED, "CallFinished")


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("TargetBusy", Outcome.BUSY),
        ("NOANSWER", Outcome.NO_ANSWER),
        ("Rejected", Outcome.REJECTED),
        ("Cancelled", Outcome.REJECTED),
        ("NotEnoughFunds", Outcome.BLOCKED),
        ("InternalError", Outcome.FAILED),
    ],
)
def test_the_second_leg_says_how_the_call_ended(reason: str, outcome: Outcome) -> None:
    target = replace(CUSTOMER, reason=reason)
    assert ended(AGENT, target) is outcome
    assert ended(target, replace(AGENT, reason="Cancelled")) is outcome
    assert ended(AGENT, target, was_connected=True) is Outcome.COMPLETED


def test_a_first_leg_that_was_not_answered_says_it_alone() -> None:
    assert ended(replace(AGENT, reason="NoAnswer")) is Outcome.NO_ANSWER


def test_what_the_words_do_not_tell_is_not_known() -> None:
    assert ended(AGENT) is Outcome.UNKNOWN
    assert ended(AGENT, was_connected=True) is Outcome.COMPLETED
    assert ended(replace(AGENT, reason="NewWord"), CUSTOMER) is Outcome.UNKNOWN
    assert ended(replace(AGENT, reason=""), replace(CUSTOMER, reason="")) is Outcome.UNKNOWN
    assert ended() is Outcome.UNKNOWN


def test_a_session_goes_on_while_one_leg_does() -> None:
    live = replace(SESSION, parties=(replace(AGENT, code="Answered"), CUSTOMER))
    assert (SESSION.is_over, live.is_over, live.is_answered) == (True, False, True)
    assert live.outcome(was_connected=True)[0] is Outcome.UNKNOWN
    assert not replace(SESSION, parties=()).is_over


def test_a_ring_out_is_known_by_its_origin() -> None:
    assert SESSION.is_ringout
    assert not replace(SESSION, origin="Call").is_ringout
    assert SESSION.numbers == AGENT.numbers | CUSTOMER.numbers
