"""When to look again."""

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.cadence import (
    RECONCILE_AT,
    backoff,
    is_in_doubt,
    next_look,
    next_reconcile,
    stretched,
)

AGES = st.integers(0, 10_000_000)


@given(AGES, AGES)
def test_looks_thin_out_with_age(one: int, other: int) -> None:
    younger, older = sorted((one, other))
    assert next_look(younger) <= next_look(older)


@given(AGES, st.floats(0, 1), st.floats(0, 1))
def test_looks_thin_out_as_the_allowance_runs_low(age: int, one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert next_look(age, less) >= next_look(age, more)


def test_a_call_of_two_minutes_leaves_room_within_fifty_looks() -> None:
    age, looks = 0, 0
    while age < 60_000:
        age += next_look(age)
        looks += 1
    assert looks <= 30


@given(AGES, st.floats(0, 1))
def test_a_look_that_is_a_safety_net_is_rarer_and_comes(age: int, share: float) -> None:
    wait = next_look(age, share)
    assert wait <= stretched(wait)
    assert 5_000 <= stretched(wait) <= 60_000


def test_how_rare_a_safety_net_is() -> None:
    assert [stretched(next_look(age)) for age in (0, 10_000, 30_000, 120_000)] == [
        6_000,
        12_000,
        30_000,
        60_000,
    ]
    assert stretched(500) == 5_000
    assert stretched(90_000) == 90_000


def test_a_feed_that_missed_an_end_is_doubted_for_a_minute_when_a_notice_had_time_to_come() -> None:
    assert [is_in_doubt(since) for since in (None, 0, 4_999, 5_000, 64_999, 65_000)] == [
        False,
        False,
        False,
        True,
        True,
        False,
    ]


@given(st.integers(0, 200_000))
def test_every_moment_of_reconciliation_is_met_and_then_it_ends(since: int) -> None:
    wait = next_reconcile(since)
    if since >= RECONCILE_AT[-1]:
        assert wait is None
    else:
        assert wait is not None
        assert since + wait in RECONCILE_AT


@given(st.integers(0, 1_000))
def test_a_backoff_grows_to_its_most(attempt: int) -> None:
    assert 250 <= backoff(attempt) <= backoff(attempt + 1) <= 5_000
