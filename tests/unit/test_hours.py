"""Allowed hours: read off the wall clock of a place, whatever its clocks do."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.errors import InvalidRequest, RefusedByPolicy
from orchestrator.domain.hours import DAYS, EVERY_DAY, AllowedHours
from orchestrator.service import hours
from orchestrator.service.models import parsed

NEW_YORK = ZoneInfo("America/New_York")
MINUTE = 60_000
minutes = st.integers(0, 1439)
BEGIN = 1_735_689_600_000
moments = st.integers(BEGIN, BEGIN + 3 * 365 * 24 * 60 * MINUTE)
some_hours = st.builds(
    AllowedHours,
    opens=minutes,
    closes=minutes,
    zone=st.sampled_from(["America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]),
    days=st.frozensets(st.integers(0, 6), min_size=1),
).filter(lambda one: one.opens != one.closes)


def at(*moment: int, fold: int = 0, zone: ZoneInfo = NEW_YORK) -> int:
    """Milliseconds since the epoch of a time on a wall clock."""
    return int(datetime(*moment, fold=fold, tzinfo=zone).timestamp() * 1000)  # type: ignore[misc,arg-type]


def hours_of(opens: str, closes: str, *days: str, zone: str = "America/New_York") -> AllowedHours:
    named = f" {','.join(days)}" if days else ""
    return AllowedHours.read(f"{opens}-{closes} {zone}{named}")


@given(some_hours)
def test_the_text_says_it_all(one: AllowedHours) -> None:
    assert AllowedHours.read(one.text()) == one


@pytest.mark.parametrize("text", ["", "8-21 UTC", "08:00-21:00", "08:00-21:00 UTC "])
def test_what_is_no_hours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no hours"):
        AllowedHours.read(text)


@given(some_hours, moments)
def test_the_hours_are_those_of_a_clock_on_the_wall(one: AllowedHours, moment: int) -> None:
    local = datetime.fromtimestamp(moment / 1000, tz=ZoneInfo(one.zone))
    length = (one.closes - one.opens) % 1440
    began = local.replace(tzinfo=None)
    is_open = any(
        (day := began.date() - timedelta(days=back)).weekday() in one.days
        and timedelta(0)
        <= began - datetime.combine(day, datetime.min.time()) - timedelta(minutes=one.opens)
        < timedelta(minutes=length)
        for back in (0, 1)
    )
    assert one.open_at(moment, ZoneInfo(one.zone)) == is_open


@given(some_hours, moments, st.integers(0, 3_600_000))
def test_the_opening_is_the_first_moment_that_is_open(
    one: AllowedHours, begin: int, patience: int
) -> None:
    zone = ZoneInfo(one.zone)
    found = one.opening(begin, begin + patience, zone)
    looks = range(begin, begin + patience if found is None else found, 10_000)
    assert not any(one.open_at(moment, zone) for moment in looks)
    if found is not None:
        assert begin <= found < begin + patience
        assert one.open_at(found, zone)
        assert found == begin or not one.open_at(found - 1, zone)


def test_over_midnight_the_day_is_the_one_on_which_the_hours_began() -> None:
    friday = hours_of("22:00", "02:00", "fri")
    assert not friday.open_at(at(2026, 11, 27, 21, 59), NEW_YORK)
    assert friday.open_at(at(2026, 11, 27, 22, 0), NEW_YORK)
    assert friday.open_at(at(2026, 11, 28, 1, 59), NEW_YORK)
    assert not friday.open_at(at(2026, 11, 28, 2, 0), NEW_YORK)
    assert not friday.open_at(at(2026, 11, 27, 1, 0), NEW_YORK)


def test_until_midnight() -> None:
    late = hours_of("20:00", "00:00")
    assert late.open_at(at(2026, 11, 24, 23, 59), NEW_YORK)
    assert not late.open_at(at(2026, 11, 25, 0, 0), NEW_YORK)


def test_where_clocks_are_set_forward_the_hour_left_out_opens_when_it_is_over() -> None:
    early = hours_of("02:30", "04:00")
    before = at(2026, 3, 8, 1, 59)
    assert not early.open_at(before, NEW_YORK)
    assert early.opening(before, before + 60 * MINUTE, NEW_YORK) == before + MINUTE
    gone = hours_of("02:00", "03:00")
    assert gone.opening(before, before + 60 * MINUTE, NEW_YORK) is None


def test_where_clocks_are_set_back_the_hour_that_comes_twice_counts_twice() -> None:
    one_to_two = hours_of("01:00", "01:30")
    first, again = at(2026, 11, 1, 1, 10), at(2026, 11, 1, 1, 10, fold=1)
    assert again - first == 60 * MINUTE
    assert one_to_two.open_at(first, NEW_YORK)
    assert one_to_two.open_at(again, NEW_YORK)
    between = at(2026, 11, 1, 1, 40)
    assert not one_to_two.open_at(between, NEW_YORK)
    opening = one_to_two.opening(between, between + 60 * MINUTE, NEW_YORK)
    assert opening == at(2026, 11, 1, 1, 0, fold=1)


def test_a_call_waits_for_the_opening_or_its_end() -> None:
    text, now = hours_of("08:00", "21:00").text(), at(2026, 11, 24, 7, 59)
    assert hours.outside("", now, now + MINUTE) is None
    assert hours.outside(text, now + MINUTE, now + 2 * MINUTE) is None
    found = hours.outside(text, now, now + 30 * MINUTE)
    assert found is not None
    assert (found[0].code, found[1]) == ("outside_allowed_hours", 60)
    between = hours.outside(text, now + 29_999, now + 30 * MINUTE)
    assert between is not None
    assert between[1] == 30.001
    late = hours.outside(text, now, now + 30_000)
    assert late is not None
    assert late[1] == 30


def test_what_cannot_be_placed_in_time_is_refused_at_once() -> None:
    text, now = hours_of("08:00", "21:00").text(), at(2026, 11, 24, 7, 59)
    hours.check(text, now, now + MINUTE + 1)
    with pytest.raises(RefusedByPolicy) as refused:
        hours.check(text, now, now + MINUTE)
    assert (refused.value.policy, refused.value.field) == ("allowed_hours", "allowedHours")


def test_a_zone_that_is_not_known_here_is_never_open() -> None:
    found = hours.outside("00:00-23:59 Mars/Olympus_Mons", 0, 1000)
    assert found is not None
    assert found[1] == 1


def body(**allowed: object) -> dict[str, object]:
    usual = {"from": "08:00", "to": "21:00", "timeZone": "America/New_York"}
    given_ = {name: value for name, value in {**usual, **allowed}.items() if value is not None}
    return {"to": {"phoneNumber": "+16505550123"}, "allowedHours": given_}


@pytest.mark.parametrize(
    ("allowed", "field"),
    [
        ({"to": "08:00"}, "allowedHours"),
        ({"from": "8:00"}, "allowedHours.from"),
        ({"from": "24:00"}, "allowedHours.from"),
        ({"to": None}, "allowedHours.to"),
        ({"timeZone": None}, "allowedHours.timeZone"),
        ({"timeZone": "EST5"}, "allowedHours.timeZone"),
        ({"timeZone": "../etc/passwd"}, "allowedHours.timeZone"),
        ({"timeZone": "localtime"}, "allowedHours.timeZone"),
        ({"timeZone": "Factory"}, "allowedHours.timeZone"),
        ({"timeZone": "america/new_york"}, "allowedHours.timeZone"),
        ({"days": []}, "allowedHours.days"),
        ({"days": ["monday"]}, "allowedHours.days.0"),
        ({"until": "21:00"}, "allowedHours.until"),
    ],
)
def test_unusable_hours_name_their_field(allowed: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parsed(body(**allowed))
    assert [error.field for error in refused.value.errors] == [field]


def test_ringcentral_is_not_sent_the_hours() -> None:
    request = parsed(body(days=["tue", "mon"]))
    assert request.allowed_hours is not None
    assert request.allowed_hours.text() == "08:00-21:00 America/New_York mon,tue"
    assert request.for_ringcentral() == {"to": {"phoneNumber": "+16505550123"}}


def test_every_day_is_the_default() -> None:
    assert hours_of("08:00", "09:00").days == EVERY_DAY
    assert len(DAYS) == 7
