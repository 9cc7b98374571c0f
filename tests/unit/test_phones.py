"""Numbers: what is understood, and what is shown."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain import phones
from orchestrator.service.destinations import e164
from orchestrator.service.numbering import spellings

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


PUNCTUATED = [
    "6505550123",
    "+16505550123",
    "1650555\N{SUPERSCRIPT ZERO}123",
    "650 - 555 - 0123",
    "+1 (650) - 555-0123",
    "650_555_0123",
    "650/555/0123",
    "650:555:0123",
    "650\N{EN DASH}555\N{EN DASH}0123",
    "650\N{EM DASH}555\N{EM DASH}0123",
    "650\N{NON-BREAKING HYPHEN}555\N{NON-BREAKING HYPHEN}0123",
    "650\N{MINUS SIGN}555\N{MIDDLE DOT}0123",
    "1 650\N{NO-BREAK SPACE}555\N{NO-BREAK SPACE}0123",
    "650\N{THIN SPACE}555\N{ZERO WIDTH SPACE}0123",
    "".join(chr(ord(digit) - ord("0") + 0xFF10) for digit in "16505550123"),
    "".join(chr(ord(digit) - ord("0") + 0x0660) for digit in "16505550123"),
    "1.6.5.0.5.5.5.0.1.2.3",
    "+1 (0)650 555 0123",
    "+1 0 650 555 0123",
    "+1+650+555+0123",
    "16505,550,123",
    "%2B16505550123",
    "%31%36%35%30%35%35%35%30%31%32%33",
    "1%E2%80%93650%E2%80%93555%E2%80%930123",
    "%252B1%2520650%2520555%25200123",
    "%2516505550123",
    "1\\u2013650\\u2013555\\u20130123",
]
"""One number, as people and programs write it."""
NUMBER = spellings("+16505550123")


@pytest.mark.parametrize("text", PUNCTUATED)
@pytest.mark.parametrize(
    "around", ["{}", "Tel. {}, mobile", "/{}/", "({})", "+44 20 7946 0958; {}"]
)
def test_a_number_is_masked_and_found_however_it_is_punctuated(text: str, around: str) -> None:
    line = around.format(text)
    bare = phones.scrubbed(line)

    assert not NUMBER.are_in(bare)
    assert not re.search("(?i)650.{0,12}555.{0,12}0123", bare)
    assert NUMBER.are_in(line)
    assert "0123" not in NUMBER.hidden_in(line)
    assert phones.HIDDEN in NUMBER.hidden_in(line)


@pytest.mark.parametrize(
    "text", [text for text in PUNCTUATED if text.startswith(("+", "%2B", "%252B"))]
)
def test_in_logs_one_with_its_plus_is_masked_however_it_is_punctuated(text: str) -> None:
    assert not NUMBER.are_in(phones.scrubbed_e164(f"to {text}"))


@pytest.mark.parametrize(
    "text",
    [
        "call_019a20c7cb5307312345678901234567 and wh_01234567890123456789012345678901",
        "sha256 0123456789abcdef0123456789abcdef",
        "ringout://calls/s-a6610cf0451234z36182993",
        "s-a1d145704da1cz18e8c134b27z1547700000 and p-a1d145704da1cz18e8c134b27z1547700000-2",
        "550e8400-e29b-41d4-a716-446655440000",
        "2026-11-24T20:45:08Z",
        "2026-11-24T20:45:08.123456+01:00",
        "20 2026-11-24",
        "Tue, 24 Nov 2026 20:45:08 GMT",
        "Nov 24 20:45:08 2026",
        "24.11.2026 or 11/24/2026",
        "1764000000000",
        "127.0.0.1:54321 and 192.168.100.200",
        "10.200.100.0/24 and fe80::1234:5678",
        "$1,250,000.00 and 123456.78",
        "v1.82.103",
        "one of 100, 200, 300; 4000",
        "between 60 and 86400 s",
        "+16*****0123 +16*****0199",
        "+12****7 +12****8",
    ],
)
def test_what_is_no_number_is_not_masked(text: str) -> None:
    assert phones.scrubbed(text) == text


@pytest.mark.parametrize("text", ["a%0A1650%2D555%2D0123", "\\udfff 1 650\\u002d555\\u002d0123"])
def test_what_is_decoded_to_be_masked_brings_nothing_unprintable(text: str) -> None:
    bare = phones.scrubbed(text)
    assert bare.isprintable()
    assert "?" in bare
    assert "0123" not in bare.replace("****0123", "")


@given(st.text(alphabet="0123456789 +-_./,:%()abf\N{EN DASH}", max_size=60))
def test_what_is_masked_is_masked_once(text: str) -> None:
    bare = phones.scrubbed(text)
    assert phones.scrubbed(bare) == bare


@pytest.mark.parametrize(
    "text",
    [
        "16505550123",
        "?to=%2B16505550123",
        "?q=%2016505550123",
        "100%16505550123",
        "?to=%2B1%20650%20555%200123",
        "?to=+1+650+555+0123",
        "?to=%2B1%28650%29555-0123",
        "+1\N{NO-BREAK SPACE}650\N{NO-BREAK SPACE}555 0123",
        "tel:+1-650-555-0123",
        "Tel16505550123x",
        "0016505550123",
        "01116505550123",
        "1650555%30123",
    ],
)
def test_a_number_is_found_however_it_is_written(text: str) -> None:
    assert NUMBER.are_in(text)
    assert "0123" not in NUMBER.hidden_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "1*650*555*0123",
        "*1*6505550123#",
        "+1, 650, 555, 0123",
        "650; 555; 0123",
        "650, 555,\t0123",
        "1 650 555 +0123",
        "1 650 555\n+0123",
        "1**650***555 *, 0123",
        "1,%20650,%20555,%200123",
        "0-0 16505550123",
        "0 1 11650555-0123",
        "01-116505550123",
    ],
)
@pytest.mark.parametrize("around", ["{}", "ref {}, mobile", "+16*****0199 {}"])
def test_one_given_number_is_found_with_more_between_its_digits(text: str, around: str) -> None:
    line = around.format(text)
    assert NUMBER.are_in(line)
    bare = NUMBER.hidden_in(line)
    assert ("0123" in bare, phones.HIDDEN in bare) == (False, True)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("+1271283", "+12****7 +12****83"),
        ("+16501239", "+16****501239"),
        ("+16501239", "1650****1239"),
        ("+16505550123", "+16*****505550123"),
    ],
)
def test_a_mask_is_not_read_as_digits_of_a_number(number: str, text: str) -> None:
    assert not phones.Spellings(number).are_in(text)
    assert phones.Spellings(number).hidden_in(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "116505550123",
        "165055501234",
        "16505550124",
        "6505550124",
        "96505550123",
        "call_01a6505550123f",
        "+52 650 555 0123",
        "2026-06-50T55:50:123",
        "1.65055501e23",
    ],
)
def test_another_number_is_not_taken_for_it(text: str) -> None:
    assert not NUMBER.are_in(text)
    assert NUMBER.hidden_in(text) == text


@pytest.mark.parametrize(
    "text", ["020 7946 0958", "(0)20 7946 0958", "+44 (0)20 7946 0958", "2079460958"]
)
def test_a_national_form_may_have_its_trunk_prefix(text: str) -> None:
    assert spellings("+442079460958").are_in(text)


def test_a_short_national_form_tells_nothing() -> None:
    assert not spellings("+29022222").are_in("waits 22222 ms")
    assert spellings("+29022222").are_in("290 22222")


def test_what_a_number_was_recognised_by_goes_with_it() -> None:
    said = phones.scrubbed("No +16505550123, no 1 (650) 555-0123, no 650.555.0123")
    assert NUMBER.hidden_in(said) == f"No {phones.HIDDEN}, no {phones.HIDDEN}, no {phones.HIDDEN}"


@pytest.mark.parametrize(
    "piece",
    [
        *("1 ", "%25", "1,111", "(0)", "1:", "\ufdfa", "650 555 012 ", "0.0.", "16505550123 "),
        *("1, ", "1*", "6 +5 +", "1***6***5***0", "650, 555, 012, ", "0 0 1 1 "),
    ],
)
def test_a_long_text_takes_no_long_time(piece: str) -> None:
    text = piece * (65_536 // len(piece.encode()))
    began = time.process_time()
    phones.scrubbed(text)
    NUMBER.are_in(text)
    NUMBER.hidden_in(text)
    assert time.process_time() - began < 3.0
