"""What the sources' words amount to: a call is called not placed only where all of them know."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.cadence import RECONCILE_AT
from orchestrator.domain.verdicts import (
    LOG_AT,
    MOST_KEPT,
    PRESENCE_AT,
    Source,
    Statement,
    rests_on,
    was_not_placed,
)


def said(source: Source, since: int, found: int | None = 0, doubtful: int = 0) -> Statement:
    return Statement(1_000_000 + since, source, since, found, doubtful)


FIRST, SECOND = PRESENCE_AT
PROOF = (
    said(Source.PRESENCE, FIRST),
    said(Source.PRESENCE, SECOND),
    said(Source.CALL_LOG, LOG_AT),
)
STATEMENTS = st.builds(
    said,
    st.sampled_from(Source),
    st.integers(0, 300_000),
    st.none() | st.integers(0, 3),
    st.integers(0, 1),
)


def test_the_moments_of_reconciliation_are_late_enough_to_know() -> None:
    asked = [said(Source.PRESENCE, moment) for moment in RECONCILE_AT]
    assert was_not_placed([*asked, said(Source.CALL_LOG, RECONCILE_AT[-1])])


@pytest.mark.parametrize("missing", range(3))
def test_without_one_of_the_three_it_is_not_known(missing: int) -> None:
    assert was_not_placed(PROOF)
    assert not was_not_placed([*PROOF[:missing], *PROOF[missing + 1 :]])


@pytest.mark.parametrize(("position", "since"), [(0, FIRST - 1), (1, SECOND - 1), (2, LOG_AT - 1)])
def test_an_answer_that_came_too_early_proves_nothing(position: int, since: int) -> None:
    heard = [*PROOF]
    heard[position] = replace(heard[position], since=since)
    assert not was_not_placed(heard)
    assert was_not_placed(heard, factor=0.5)


def test_a_source_that_did_not_answer_proves_nothing() -> None:
    assert not was_not_placed([*PROOF[:2], replace(PROOF[2], found=None, fault="HTTP-503")])
    assert was_not_placed([*PROOF, said(Source.CALL_LOG, 150_000, found=None)])


def test_what_may_have_been_dropped_proves_nothing() -> None:
    early = [said(Source.PRESENCE, moment) for moment in range(MOST_KEPT - 3)]
    assert was_not_placed([*early[1:], *PROOF])
    assert not was_not_placed([*early, *PROOF])


@given(st.lists(STATEMENTS, max_size=20), STATEMENTS, st.integers(0, 20))
def test_a_candidate_anywhere_is_never_called_not_placed(
    heard: list[Statement], one: Statement, position: int
) -> None:
    for seen in (replace(one, found=1), replace(one, found=0, doubtful=1)):
        everything = [*heard[:position], *PROOF, seen, *heard[position:]]
        assert not was_not_placed(everything)


@given(st.lists(STATEMENTS, max_size=20))
def test_not_placed_is_said_only_on_the_whole_proof(heard: list[Statement]) -> None:
    if was_not_placed(heard):
        sources = [one.source for one in heard if one.is_clear_no]
        assert sources.count(Source.PRESENCE) >= 2
        assert Source.CALL_LOG in sources


def test_what_it_rests_on_is_said_in_a_sentence() -> None:
    assert rests_on(PROOF) == (
        "presence 7 s and 17 s after the request and the call log 145 s after the request "
        "did not show it"
    )
    seen = said(Source.CALL_LOG, 60_000, found=2)
    failed = replace(said(Source.PRESENCE, 7_000, found=None), fault="CMN-401")
    assert rests_on([seen, failed]) == (
        "the call log 60 s after the request showed what may as well be another call; "
        "presence (CMN-401) could not be asked"
    )
    assert rests_on([]) == "no source could be asked"
