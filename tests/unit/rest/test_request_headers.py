"""Request headers: read as their RFCs have them, or refused by name; never anything else."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from orchestrator.domain.errors import MalformedRequest
from orchestrator.rest import headers as asked

TEXT = st.text(st.characters(blacklist_characters="\r\n"), max_size=300)
LIKELY = st.lists(
    st.sampled_from(
        ["wait", "=", "10", '"', "\\", ",", ";", " ", "W/", "*", "max-age", "no-cache", "a", "-1"]
    )
).map("".join)


def _headers(name: str, *values: str) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict([(name, value) for value in values]))


@given(st.lists(TEXT | LIKELY, min_size=1, max_size=3))
def test_prefer_is_seconds_within_bounds_or_refused(values: list[str]) -> None:
    with suppress(MalformedRequest):
        wait = asked.preferences(_headers("Prefer", *values)).wait
        assert wait is None or 0 <= wait <= asked.LONGEST_WAIT


@given(st.integers(min_value=0, max_value=10**40))
def test_wait_is_clamped_and_not_misread(seconds: int) -> None:
    for text in (f"wait={seconds}", f'wait = "{seconds}"', f"a=1; b, wait={seconds}; x"):
        assert asked.preferences(_headers("Prefer", text)).wait == min(60, seconds)


@given(TEXT | LIKELY)
def test_an_idempotency_key_is_printable_or_refused(text: str) -> None:
    with suppress(MalformedRequest):
        key = asked.idempotency_key(_headers("Idempotency-Key", text))
        assert key is not None
        assert 1 <= len(key) <= 255
        assert key.isascii()
        assert key.isprintable()


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=200))
def test_a_quoted_key_is_any_printable_text(key: str) -> None:
    quoted = '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'

    assert asked.idempotency_key(_headers("Idempotency-Key", quoted)) == key


@given(TEXT | LIKELY)
def test_if_none_match_is_tags_or_refused(text: str) -> None:
    with suppress(MalformedRequest):
        tags = asked.none_match(_headers("If-None-Match", text))
        assert tags
        assert all(tag == "*" or f'"{tag}"' in text for tag in tags)


@given(TEXT | LIKELY)
def test_cache_control_is_an_age_or_refused(text: str) -> None:
    with suppress(MalformedRequest):
        oldest = asked.oldest(_headers("Cache-Control", text))
        assert oldest is None or oldest >= 0


@pytest.mark.parametrize(
    ("text", "oldest"),
    [
        ("no-cache", 0),
        ("No-Cache", 0),
        ("max-age=0", 0),
        ("max-age=30", 30),
        ('max-age="30"', 30),
        ("max-age=30, no-cache", 0),
        ("private, max-stale=9", None),
        ("", None),
    ],
)
def test_how_old_an_answer_may_be(text: str, oldest: int | None) -> None:
    assert asked.oldest(_headers("Cache-Control", text)) == oldest


def test_nothing_asked_for_is_nothing() -> None:
    none = _headers("Accept", "*/*")

    assert asked.preferences(none) == asked.Preferences()
    assert asked.idempotency_key(none) is None
    assert asked.none_match(none) is None
    assert asked.oldest(none) is None
