"""Which record of RingCentral's may be a call whose answer was lost."""

from dataclasses import replace

import pytest

from orchestrator.domain.evidence import CallRecord, Sighting, Sought, candidates, doubtful
from orchestrator.domain.words import Outcome

ENDS = frozenset({"+16505550100", "+16505550123"})
SOUGHT = Sought(ENDS, asked_at=100_000)
RECORD = CallRecord("s-1", 101_000, ENDS, is_ringout=True, result="Call connected")


def test_the_record_that_fits_is_found_once() -> None:
    assert candidates([RECORD, RECORD], SOUGHT) == [RECORD]


@pytest.mark.parametrize(
    "other",
    [
        replace(RECORD, is_ringout=False),
        replace(RECORD, numbers=frozenset({"+16505550100"})),
        replace(RECORD, started_at=97_999),
        replace(RECORD, started_at=130_001),
    ],
)
def test_what_does_not_fit_is_left(other: CallRecord) -> None:
    assert candidates([other], SOUGHT) == []


def test_two_sessions_are_two_candidates() -> None:
    assert len(candidates([RECORD, replace(RECORD, session_id="s-2")], SOUGHT)) == 2


def test_a_record_without_a_result_tells_of_a_call_that_goes_on() -> None:
    assert replace(RECORD, result="").is_live
    assert replace(RECORD, result="In Progress").is_live
    assert not RECORD.is_live


def test_a_known_session_is_found_whatever_else_it_shows() -> None:
    shown = replace(RECORD, numbers=frozenset(), started_at=0, is_ringout=False)
    assert candidates([shown], replace(SOUGHT, session_id="s-1")) == [shown]


CALLED = replace(SOUGHT, callee="+16505550123")


@pytest.mark.parametrize(
    "other",
    [
        replace(RECORD, numbers=frozenset({"+16505550100", "+49505550123"})),
        replace(RECORD, numbers=frozenset()),
        replace(RECORD, started_at=0),
        replace(RECORD, started_at=91_000),
        replace(RECORD, started_at=219_000),
        replace(RECORD, is_ringout=False),
    ],
)
def test_what_does_not_fit_and_cannot_be_excluded_is_doubtful(other: CallRecord) -> None:
    assert candidates([other], CALLED) == []
    assert doubtful([other, other], CALLED) == [other]


@pytest.mark.parametrize(
    "other",
    [
        RECORD,
        replace(RECORD, numbers=frozenset({"+16505550100", "+16505550124"})),
        replace(RECORD, started_at=89_000),
        replace(RECORD, started_at=221_000),
    ],
)
def test_what_fits_or_is_clearly_another_call_is_not_doubtful(other: CallRecord) -> None:
    assert doubtful([other], CALLED) == []


def test_presence_does_not_say_whether_it_is_a_ring_out() -> None:
    record = Sighting("s-1", "Ringing", 101_000, ENDS).as_record()
    assert candidates([record], SOUGHT) == [record]
    assert record.is_live


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        ("Call connected", Outcome.COMPLETED),
        ("BUSY", Outcome.BUSY),
        ("No Answer", Outcome.NO_ANSWER),
        ("IP Phone Offline", Outcome.FAILED),
        ("International Disabled", Outcome.BLOCKED),
        ("Something New", Outcome.UNKNOWN),
    ],
)
def test_results_are_open_words(result: str, outcome: Outcome) -> None:
    assert replace(RECORD, result=result).outcome is outcome
