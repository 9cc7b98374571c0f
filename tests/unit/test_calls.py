"""Whatever happens to a call, in whatever order: one step a sequence, never backwards, one end."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from orchestrator.domain import calls, endings
from orchestrator.domain.calls import Call, Change, Reason
from orchestrator.domain.errors import UpstreamRefused
from orchestrator.domain.events import EventType
from orchestrator.domain.status import NOT_SPOKEN, Reading
from orchestrator.domain.words import STEPS, CancelOutcome, Outcome, State

WORDS = st.sampled_from(
    [
        "InProgress",
        "Success",
        "Finished",
        "Busy",
        "NoAnswer",
        "Rejected",
        "GenericError",
        "NoSessionFound",
        "Invalid",
        "CannotReach",
        "DestinationBlocked",
        "Whatever",
    ]
)
READINGS = st.builds(Reading, WORDS, WORDS, WORDS)


def new(**fields: object) -> Call:
    """A call accepted at 1,000 that is worth placing until 61,000."""
    call = Call("call_1", "u", "~", "~", accepted_at=1_000, expires_at=61_000)
    return replace(call, **fields)  # type: ignore[arg-type]


def done(change: Change | None) -> Call:
    """The call after a change that there must be."""
    assert change is not None
    return change.call


def ringing(**fields: object) -> Call:
    """A call that RingCentral has."""
    held = done(calls.placing(new(), 1_500, "f"))
    return replace(done(calls.placed(held, 2_000, "f", "s-1", NOT_SPOKEN)), **fields)  # type: ignore[arg-type]


class Life(RuleBasedStateMachine):
    """Everything that workers, clients and RingCentral may do to one call."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000
        self.call = new()
        self.seen = [self.call]
        self.posts = 0

    def _apply(self, change: Change | None) -> None:
        if change is None:
            return
        before, after = self.call, change.call
        assert not before.is_over, "an ended call was changed"
        assert STEPS[after.state] >= STEPS[before.state]
        assert after.sequence == before.sequence + (change.event is not None)
        if change.event is None:
            assert replace(after, observed_at=None) != replace(before, observed_at=0)
        self.call = after
        self.seen.append(after)

    @property
    def is_lost(self) -> bool:
        return self.call.state is State.UNCONFIRMED

    @rule(by=st.integers(1, 40_000))
    def time_passes(self, by: int) -> None:
        self.now += by

    @rule(token=st.sampled_from(["a", "b", "c"]))
    def a_worker_takes_the_fence_and_posts(self, token: str) -> None:
        change = calls.placing(self.call, self.now, token)
        if change is not None:
            assert self.call.cancel is None, "a call that was cancelled is placed"
            assert self.call.fence == ""
            assert self.now < self.call.expires_at
            self.posts += 1
        self._apply(change)

    @rule(token=st.sampled_from(["a", "b", "c"]))
    def nothing_was_sent(self, token: str) -> None:
        change = calls.released(self.call, self.now, token)
        if change is not None:
            self.posts -= 1
            assert change.call.is_over == (self.call.cancel_pending or self.is_lost)
        self._apply(change)

    @rule(token=st.sampled_from(["a", "b", "c"]), reading=READINGS)
    def ringcentral_answers(self, token: str, reading: Reading) -> None:
        self._apply(calls.placed(self.call, self.now, token, "s-1", reading))

    @rule(token=st.sampled_from(["a", "b", "c"]), status=st.sampled_from([400, 403, 404]))
    def ringcentral_refuses(self, token: str, status: int) -> None:
        refusal = UpstreamRefused(status, "TEL-109", "no")
        self._apply(calls.refused(self.call, self.now, token, refusal))

    @rule()
    def the_answer_is_lost(self) -> None:
        self._apply(calls.unconfirmed(self.call, "lost", "no answer"))

    @rule(reading=READINGS, age=st.integers(0, 3_000))
    def a_look(self, reading: Reading, age: int) -> None:
        self._apply(calls.observed(self.call, reading, self.now - age, self.now))

    @rule()
    def a_look_finds_nothing(self) -> None:
        self._apply(calls.vanished(self.call, self.now))

    @rule()
    def the_client_cancels(self) -> None:
        may_be_placed = self.call.may_be_placed and not self.call.is_over
        change = calls.cancelled(self.call, self.now)
        if change is not None and may_be_placed:
            assert change.call.outcome is Outcome.CANCELLED
        self._apply(change)

    @rule()
    def ringcentral_accepts_the_delete(self) -> None:
        self._apply(calls.delete_accepted(self.call, self.now))

    @rule()
    def ringcentral_agrees_to_end_the_session(self) -> None:
        self._apply(endings.hung_up(self.call, self.now, "s-9"))

    @rule()
    def it_was_not_placed(self) -> None:
        self._apply(endings.not_placed(self.call, self.now, "Nothing was seen."))

    @rule(outcome=st.sampled_from(list(CancelOutcome)))
    def the_cancel_is_settled(self, outcome: CancelOutcome) -> None:
        self._apply(calls.cancel_settled(self.call, outcome))

    @rule(outcome=st.sampled_from(list(Outcome)))
    def the_call_log_speaks(self, outcome: Outcome) -> None:
        reason = Reason("call_log", "so it says")
        self._apply(calls.found_over(self.call, self.now, "s-1", outcome, reason))

    @rule(reading=READINGS)
    def it_is_seen_again(self, reading: Reading) -> None:
        self._apply(calls.reappeared(self.call, reading, self.now, self.now))

    @rule()
    def nothing_is_found(self) -> None:
        self._apply(calls.not_found(self.call, self.now, Reason("not_found", "no trace")))

    @rule()
    def it_expires(self) -> None:
        self._apply(calls.expired(self.call, self.now))

    @invariant()
    def ringcentral_is_asked_at_most_once(self) -> None:
        assert self.posts <= 1

    @invariant()
    def an_end_is_whole(self) -> None:
        is_over = self.call.is_over
        assert (self.call.outcome is not None) == is_over
        assert (self.call.ended_at is not None) == is_over
        if is_over:
            assert not self.call.cancel_pending


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)


def test_a_late_answer_is_believed_and_a_stranger_s_is_not() -> None:
    lost = done(calls.unconfirmed(done(calls.placing(new(), 1_500, "f")), "c", "m"))
    assert calls.placed(lost, 9_000, "other", "s-9", NOT_SPOKEN) is None
    found = done(calls.placed(lost, 9_000, "f", "s-9", NOT_SPOKEN))
    assert (found.state, found.ringout_id, found.reason) == (State.RINGING, "s-9", None)


def test_the_answer_to_the_post_is_a_reading() -> None:
    assert ringing().read_at == 2_000


def test_a_released_call_is_placed_again_without_moving_back() -> None:
    held = done(calls.placing(new(), 1_500, "f"))
    free = done(calls.released(held, 1_600, "f"))
    assert (free.state, free.sequence, free.may_be_placed) == (State.PLACING, 2, True)
    again = calls.placing(free, 2_000, "g")
    assert again is not None
    assert (again.event, again.call.sequence) == (None, 2)


def test_cannot_reach_counts_only_when_it_stays() -> None:
    reading = Reading("CannotReach", "InProgress", "InProgress")
    passing = done(calls.observed(ringing(), reading, 3_000, 3_000))
    assert not passing.is_over
    over = done(calls.observed(passing, reading, 13_100, 13_100))
    assert (over.outcome, over.reason) == (
        Outcome.FAILED,
        Reason("CannotReach", "RingCentral could not reach one of the two phones."),
    )
    back = done(calls.observed(passing, NOT_SPOKEN, 9_000, 9_000))
    assert not done(calls.observed(back, reading, 13_100, 13_100)).is_over


def test_an_older_reading_and_one_that_takes_a_leg_back_change_nothing() -> None:
    answered = Reading("InProgress", "Success", "InProgress")
    call = done(calls.observed(ringing(), answered, 3_000, 3_050))
    assert calls.observed(call, Reading("Success", "Success", "Success"), 3_049, 3_100) is None
    assert calls.observed(call, NOT_SPOKEN, 4_000, 4_000) is None


@pytest.mark.parametrize(
    ("reading", "outcome", "cancel"),
    [
        (Reading("x", "Rejected", "InProgress"), Outcome.CANCELLED, CancelOutcome.CANCELLED),
        (Reading("x", "Success", "Busy"), Outcome.BUSY, CancelOutcome.TOO_LATE),
        (Reading("x", "Success", "Success"), None, None),
    ],
)
def test_what_became_of_a_cancel_is_read_not_assumed(
    reading: Reading, outcome: Outcome | None, cancel: CancelOutcome | None
) -> None:
    asked = done(calls.cancelled(ringing(), 2_500))
    accepted = done(calls.delete_accepted(asked, 2_600))
    seen = done(calls.observed(accepted, reading, 2_700, 2_700))
    assert seen.outcome is outcome
    assert seen.cancel is not None
    assert seen.cancel.outcome is cancel


def test_a_call_that_rings_on_after_an_accepted_delete_was_cancelled_too_late() -> None:
    asked = done(calls.cancelled(ringing(), 2_500))
    accepted = done(calls.delete_accepted(asked, 2_600))
    soon = done(calls.observed(accepted, NOT_SPOKEN, 3_000, 3_000))
    assert soon.cancel_pending
    later = calls.observed(soon, NOT_SPOKEN, 7_700, 7_700)
    assert later is not None
    assert later.event is EventType.RINGING
    assert later.call.cancel is not None
    assert later.call.cancel.outcome is CancelOutcome.TOO_LATE


TALKING = Reading("Success", "Success", "Success")
HUNG_UP = Reading("Success", "Finished", "Finished")


def hung_up_at(when: int) -> Call:
    """A call of two who talk, whose session RingCentral agreed to end."""
    talking = done(calls.observed(ringing(), TALKING, 2_400, 2_400))
    return done(endings.hung_up(done(calls.cancelled(talking, 2_500)), when, "s-9"))


def test_a_call_whose_session_was_ended_is_cancelled_though_they_talked() -> None:
    over = done(calls.observed(hung_up_at(2_600), HUNG_UP, 2_700, 2_700))
    assert (over.outcome, over.session_id) == (Outcome.CANCELLED, "s-9")
    assert over.cancel is not None
    assert over.cancel.outcome is CancelOutcome.CANCELLED
    assert over.reason is not None
    assert over.reason.code == "hung_up"
    assert done(calls.vanished(hung_up_at(2_600), 2_700)).outcome is Outcome.CANCELLED


def test_a_session_that_goes_on_after_its_end_was_accepted_was_cancelled_too_late() -> None:
    late = done(calls.observed(hung_up_at(2_600), TALKING, 7_700, 7_700))
    assert late.cancel is not None
    assert late.cancel.outcome is CancelOutcome.TOO_LATE
    assert done(calls.observed(late, HUNG_UP, 9_000, 9_000)).outcome is Outcome.COMPLETED


def test_a_session_is_ended_once_and_only_for_a_cancel() -> None:
    assert endings.hung_up(ringing(), 2_600, "s-9") is None
    assert endings.hung_up(hung_up_at(2_600), 2_700, "s-9") is None


def lost() -> Call:
    held = done(calls.placing(new(), 1_500, "f"))
    return done(calls.unconfirmed(held, "lost", "no answer"))


def test_a_call_that_was_not_placed_failed_or_was_cancelled() -> None:
    over = done(endings.not_placed(lost(), 150_000, "Nothing was seen."))
    assert (over.outcome, over.placed_at) == (Outcome.FAILED, None)
    assert over.reason == Reason("not_placed", "Nothing was seen.")
    asked = done(calls.cancelled(lost(), 2_000))
    cancelled = done(endings.not_placed(asked, 150_000, "Nothing was seen."))
    assert cancelled.outcome is Outcome.CANCELLED
    assert cancelled.cancel is not None
    assert cancelled.cancel.outcome is CancelOutcome.CANCELLED


def test_a_call_that_was_seen_is_never_called_not_placed() -> None:
    seen = done(calls.session_found(lost(), 3_000, "s-9"))
    assert endings.not_placed(seen, 150_000, "Nothing was seen.") is None
    assert endings.not_placed(ringing(), 150_000, "Nothing was seen.") is None


def test_a_lost_call_can_be_ended_once_its_session_is_known() -> None:
    seen = done(calls.session_found(lost(), 3_000, "s-9"))
    assert (lost().can_be_ended, seen.can_be_ended) == (False, True)
    assert ringing().can_be_ended
    assert not hung_up_at(2_600).can_be_ended


def test_a_cancel_during_a_post_that_did_nothing_ends_the_call() -> None:
    held = done(calls.placing(new(), 1_500, "f"))
    asked = done(calls.cancelled(held, 1_600))
    assert asked.state is State.PLACING
    over = done(calls.released(asked, 1_700, "f"))
    assert (over.outcome, over.placed_at) == (Outcome.CANCELLED, None)


def test_a_post_that_did_nothing_after_the_call_was_given_up_ends_it() -> None:
    lost = done(calls.unconfirmed(done(calls.placing(new(), 1_500, "f")), "c", "m"))
    over = done(calls.released(lost, 9_000, "f"))
    assert (over.outcome, over.reason and over.reason.code) == (Outcome.FAILED, "not_sent")


def test_an_end_is_believed_whatever_the_clocks_and_the_other_leg_say() -> None:
    ahead = done(calls.observed(ringing(), Reading("x", "Success", "InProgress"), 9_000, 9_000))
    over = done(calls.observed(ahead, Reading("Success", "Finished", "Finished"), 3_000, 3_000))
    assert over.is_over
    unlisted = done(calls.observed(ahead, Reading("x", "Hangup", "Busy"), 9_100, 9_100))
    assert unlisted.outcome is Outcome.BUSY


def test_a_clock_that_is_ahead_stops_nobody_from_looking() -> None:
    ahead = done(calls.observed(ringing(), Reading("x", "Success", "InProgress"), 90_000, 90_000))
    seen = done(calls.observed(ahead, Reading("Success", "Success", "Success"), 4_000, 4_000))
    assert seen.state is State.CONNECTED


def test_a_call_gone_after_an_accepted_delete_was_cancelled() -> None:
    asked = done(calls.cancelled(ringing(), 2_500))
    accepted = done(calls.delete_accepted(asked, 2_600))
    assert done(calls.vanished(accepted, 2_700)).outcome is Outcome.CANCELLED


def test_a_vanished_call_is_neither_success_nor_failure() -> None:
    change = calls.vanished(ringing(), 5_000)
    assert change is not None
    assert (change.event, change.call.outcome, change.call.is_followed) == (None, None, False)


@given(st.integers(0, 120_000))
def test_a_call_is_placed_before_it_expires_or_not_at_all(now: int) -> None:
    is_placed = calls.placing(new(), now, "f") is not None
    is_expired = calls.expired(new(), now) is not None
    assert is_placed != is_expired


def test_a_refusal_never_shows_a_number() -> None:
    held = done(calls.placing(new(), 1_500, "f"))
    refusal = UpstreamRefused(400, "TEL-109", "Number [+1 (650) 555-0123] or 16505550123 is wrong")
    over = done(calls.refused(held, 2_000, "f", refusal))
    assert over.reason is not None
    assert "5550123" not in over.reason.message.replace("-", "").replace(" ", "")
    assert over.outcome is Outcome.FAILED
