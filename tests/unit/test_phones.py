"""Numbers: what is understood, and what is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain import phones
from orchestrator.service.destinations import e164

E164 = st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+16505550123", "+16505550123"),
        ("+1 (650) 555-0123", "+16505550123"),
        ("+44.20.7946.0958", "+442079460958"),
    ],
)
def test_punctuation_is_dropped(written: str, number: str) -> None:
    assert phones.normalised(written) == number


@pytest.mark.parametrize(
    "written",
    [
        "",
        "+",
        "16505550123",
        "+06505550123",
        "+165055",
        "+1650555012345678",
        "tel:+16505550123",
        "+1650555O123",
        "+1650555\uff10\uff11\uff12\uff13",
        "+16505550123x5",
        "+16505550123;ext=5",
        "+1650 5550123\n",
        "+1\u00a06505550123",
        "++16505550123",
        "+1-800-FLOWERS",
        "\x00+16505550123",
        "+1 1 650 555 0123",
        "+11650 5550123",
        "+44 (0)20 7183 8750",
        "+49 (0) 30 12345678",
        "+\u202a16505550123\u202c",
        "\u200f+16505550123",
        "+1650555012\u0663",
        "+1650555012\u0033\u20e3",
        "+1650555012\u0033\u0307",
        "+1650555012\u00b3",
    ],
)
def test_what_would_be_a_guess_is_refused(written: str) -> None:
    assert e164(written) is None


@given(E164)
def test_a_masked_number_cannot_be_dialled(number: str) -> None:
    mask = phones.masked(number)
    assert mask.count("*") >= 4
    assert mask[:3] == number[:3]
    assert len(mask) >= len(number)
    assert phones.normalised(mask) is None


@given(E164, st.text(alphabet="ab :[]", max_size=10), st.text(alphabet="ab :[]", max_size=10))
def test_a_scrubbed_text_holds_no_number(number: str, before: str, after: str) -> None:
    assert number[1:] not in phones.scrubbed(before + number + after)
    assert number[1:] not in phones.scrubbed_e164(before + number + after)


def test_times_and_ids_stay_readable_in_logs() -> None:
    line = "call_01a20c7cb53073fb 2026-11-24T07:37:09 took 1234567890 for %2B16505550123"
    assert phones.scrubbed_e164(line) == line.replace("%2B16505550123", "+16*****0123")


@pytest.mark.parametrize(
    "text",
    [
        "16505550123",
        "?to=%2B16505550123",
        "?q=%2016505550123",
        "?to=%2B1%20650%20555%200123",
        "?to=+1+650+555+0123",
        "?to=%2B1%28650%29555-0123",
        "+1\N{NO-BREAK SPACE}650\N{NO-BREAK SPACE}555 0123",
        "tel:+1-650-555-0123",
    ],
)
def test_a_number_is_found_however_it_is_written(text: str) -> None:
    assert phones.spellings("+16505550123").search(text)
    assert "0123" not in phones.forgotten(text, "+16505550123")


@pytest.mark.parametrize("text", ["116505550123", "165055501234", "1650555%30123", "16505550124"])
def test_another_number_is_not_taken_for_it(text: str) -> None:
    assert not phones.spellings("+16505550123").search(text)
