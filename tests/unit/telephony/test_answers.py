"""What each answer amounts to: the question behind each row is whether a phone could be ringing."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.budget import Limit, Penalty, Scope
from orchestrator.domain.errors import (
    RingOutError,
    UpstreamFailed,
    UpstreamGated,
    UpstreamGone,
    UpstreamRefused,
)
from orchestrator.domain.status import NOT_SPOKEN, Reading
from orchestrator.telephony import answers
from orchestrator.telephony.wire import Answer

RINGING = {"callStatus": "InProgress", "callerStatus": "InProgress", "calleeStatus": "InProgress"}
HTML = b"<html><body>Bad Gateway</body></html>"


def spoken(status: int, body: Any = None, **headers: str) -> Answer:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): text for name, text in headers.items()}, sent)


def problem(code: str, message: str = "No.") -> dict[str, Any]:
    return {"errorCode": code, "message": message, "errors": [{"errorCode": code}]}


# The answer to a POST


def test_a_placed_call_has_an_id_and_a_reading() -> None:
    answer = spoken(200, {"id": "s-1", "uri": "https://…", "status": RINGING})
    assert answers.placed(answer) == answers.Placed("s-1", NOT_SPOKEN)


@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_2xx_with_an_id_is_a_placed_call(status: int) -> None:
    assert answers.placed(spoken(status, {"id": "s-1"})).ringout_id == "s-1"


def test_an_integer_id_is_an_id() -> None:
    assert answers.placed(spoken(200, {"id": 234343434})).ringout_id == "234343434"


@pytest.mark.parametrize("status", [None, {}, [], "Success", {"callStatus": 7}, {"x": "y"}])
def test_a_placed_call_is_never_lost_for_its_status(status: Any) -> None:
    placed = answers.placed(spoken(200, {"id": "s-1", "status": status}))
    assert placed.ringout_id == "s-1"
    assert placed.reading.caller == "InProgress"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        HTML,
        b'{"id": "s-1", "sta',
        b"null",
        b"[]",
        b'"s-1"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"id": ' + b"9" * 5000 + b"}",
        b"{}",
        b'{"id": null}',
        b'{"id": ""}',
        b'{"id": "  "}',
        b'{"id": true}',
        b'{"id": 1.5}',
        b'{"id": ["s-1"]}',
        b'{"id": "\\ud800"}',
        json.dumps({"id": "x" * 1025}).encode(),
    ],
)
def test_a_2xx_without_a_readable_id_leaves_it_open(body: bytes) -> None:
    with pytest.raises(UpstreamFailed):
        answers.placed(Answer(200, {}, body))


@pytest.mark.parametrize("status", [301, 302, 307, 408, 500, 501, 502, 503, 504, 599])
@pytest.mark.parametrize("body", [b"", HTML, b'{"errorCode":"CMN-211"}'])
def test_server_errors_and_redirects_leave_it_open(status: int, body: bytes) -> None:
    with pytest.raises(UpstreamFailed) as failure:
        answers.placed(Answer(status, {"retry-after": "10"}, body))
    assert not failure.value.timed_out


def test_a_duplicate_concurrent_request_leaves_it_open() -> None:
    answer = spoken(429, problem("CMN-304"), retry_after="30")
    with pytest.raises(UpstreamFailed):
        answers.placed(answer)
    assert answers.throttled(answer) is None


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "TEL-109"),
        (400, "CMN-101"),
        (403, "TEL-101"),
        (403, "BIL-103"),
        (404, "CMN-102"),
        (401, "OAU-151"),
        (405, "CMN-120"),
        (413, "CMN-101"),
        (415, "CMN-101"),
    ],
)
def test_other_4xx_are_a_clear_no(status: int, code: str) -> None:
    with pytest.raises(UpstreamRefused) as refusal:
        answers.placed(spoken(status, problem(code, "Not this one.")))
    assert (refusal.value.http_status, refusal.value.error_code) == (status, code)
    assert refusal.value.detail == "Not this one."


# Codes and messages


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (
            {
                "errorCode": "TokenInvalid",
                "message": "outer",
                "errors": [{"errorCode": "OAU-149", "message": "inner"}],
            },
            "OAU-149",
            "inner",
        ),
        ({"errors": [{"errorCode": "CMN-102", "message": "gone"}]}, "CMN-102", "gone"),
        ({"errors": [None, 3, {}, {"errorCode": "CMN-103"}]}, "CMN-103", "RingCentral gave no"),
        ({"errorCode": "CMN-401", "message": "outer", "errors": []}, "CMN-401", "outer"),
        ({"errorCode": "CMN-401", "errors": "odd"}, "CMN-401", "RingCentral gave no"),
        ({"errors": [{"errorCode": "A-1"}], "message": "outer"}, "A-1", "outer"),
        ({"error": "invalid_grant", "error_description": "expired"}, "invalid_grant", "expired"),
        ({"message": "no code"}, "HTTP-403", "without saying why"),
        (HTML, "HTTP-403", "without saying why"),
        (b"", "HTTP-403", "without saying why"),
    ],
)
def test_codes_are_found_wherever_they_are(body: Any, code: str, message: str) -> None:
    found_code, found_message = answers.problem_of(spoken(403, body))
    assert found_code == code
    assert message in found_message


def test_numbers_in_messages_are_masked_and_messages_are_cut() -> None:
    message = "To number [+1 (650) 555-0123] is blocked" + "." * 2000
    code, said = answers.problem_of(spoken(403, problem("TEL-101 16505550123", message)))
    assert "0123]" in said
    assert "555" not in said
    assert "5550" not in code
    assert len(said) <= 300


# Limits


def test_429_waits_as_long_as_it_is_told() -> None:
    answer = spoken(429, problem("CMN-301"), retry_after="17", x_rate_limit_limit="10")
    assert answers.throttled(answer) == Penalty(17.0, Scope.BUCKET)
    with pytest.raises(UpstreamGated) as gated:
        answers.placed(answer)
    assert gated.value.retry_after == 17.0


@pytest.mark.parametrize("odd", ["soon", "", "-5", "nan", "inf", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_429_without_a_readable_wait_waits_out_the_default_penalty(odd: str) -> None:
    answer = spoken(429, problem("CMN-301"), retry_after=odd, x_rate_limit_group="heavy")
    assert answers.throttled(answer) == Penalty(60.0, Scope.BUCKET)


def test_429_is_never_asked_again_at_once() -> None:
    answer = spoken(429, problem("CMN-301"), retry_after="0")
    assert answers.throttled(answer) == Penalty(1.0, Scope.ACCOUNT)


def test_a_headless_429_comes_from_a_limiter_above_the_groups() -> None:
    for more in ({}, {"retry_after": "60"}):
        headless = spoken(429, problem("CMN-301"), **more)
        assert answers.throttled(headless) == Penalty(60.0, Scope.ACCOUNT)


@pytest.mark.parametrize("more", [{}, {"x_rate_limit_group": "heavy"}])
def test_one_code_says_that_everything_from_here_is_too_much(more: dict[str, str]) -> None:
    answer = spoken(429, problem("CMN-310"), retry_after="17", **more)
    assert answers.throttled(answer) == Penalty(17.0, Scope.HOUSE)


@pytest.mark.parametrize("body", [b"", HTML])
def test_an_unreadable_429_is_a_rate_limit(body: bytes) -> None:
    with pytest.raises(UpstreamGated):
        answers.placed(Answer(429, {"retry-after": "5"}, body))


def test_limits_are_read_from_the_headers() -> None:
    answer = spoken(
        200, {}, x_rate_limit_limit="50", x_rate_limit_remaining="0", x_rate_limit_window="60"
    )
    assert answers.limit_of(answer) == Limit(limit=50, remaining=0, window=60)


@pytest.mark.parametrize("missing", ["limit", "remaining", "window"])
@pytest.mark.parametrize("odd", [None, "", "many", "-1", "nan"])
def test_a_limit_that_is_not_all_there_is_none(missing: str, odd: str | None) -> None:
    values: dict[str, str | None] = {"limit": "50", "remaining": "3", "window": "60", missing: odd}
    headers = {f"x-rate-limit-{name}": text for name, text in values.items() if text is not None}
    assert answers.limit_of(Answer(200, headers)) is None


# The answers to GET and DELETE


def test_a_reading_keeps_ringcentrals_words() -> None:
    status = {"callStatus": "CannotReach", "callerStatus": "Success", "calleeStatus": "NosuchUser"}
    answer = spoken(200, {"id": "s-1", "status": status})
    assert answers.reading_of(answer) == Reading("CannotReach", "Success", "NosuchUser")


def test_no_session_found_is_a_reading() -> None:
    status = {**RINGING, "callerStatus": "NoSessionFound", "calleeStatus": "NoSessionFound"}
    assert answers.reading_of(spoken(200, {"status": status})).caller == "NoSessionFound"


def test_a_missing_or_endless_word_is_an_unknown_one() -> None:
    status = {"callStatus": "Success", "callerStatus": "x" * 10_000}
    reading = answers.reading_of(spoken(200, {"status": status}))
    assert (reading.callee, len(reading.caller)) == ("Unknown", 64)


@pytest.mark.parametrize("body", [{}, {"status": None}, {"status": {}}, {"status": "x"}, HTML, b""])
def test_a_status_that_cannot_be_read_is_no_reading(body: Any) -> None:
    with pytest.raises(UpstreamFailed):
        answers.reading_of(spoken(200, body))


@pytest.mark.parametrize("body", [problem("CMN-102"), HTML, b""])
def test_404_means_gone_to_get_and_delete(body: Any) -> None:
    for read in (answers.reading_of, answers.accepted_cancel):
        with pytest.raises(UpstreamGone):
            read(spoken(404, body))


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_cancel_is_accepted_whatever_the_body(status: int) -> None:
    answers.accepted_cancel(Answer(status, {}, HTML))


def test_refusals_and_failures_of_get_and_delete() -> None:
    for read in (answers.reading_of, answers.accepted_cancel):
        with pytest.raises(UpstreamRefused) as refusal:
            read(spoken(403, problem("CMN-401")))
        assert not isinstance(refusal.value, UpstreamGone)
        with pytest.raises(UpstreamFailed):
            read(spoken(503, problem("CMN-201")))
        with pytest.raises(UpstreamGated):
            read(spoken(429, problem("CMN-301")))


# Tokens


@pytest.mark.parametrize(
    ("life", "seconds"),
    [(7199, 7199.0), (10.5, 10.5), (None, 600.0), ("3600", 600.0), (0, 600.0), (-1, 600.0)],
)
def test_a_token_lives_as_long_as_it_says(life: Any, seconds: float) -> None:
    body = {"access_token": "opaque", "token_type": "bearer", "expires_in": life}
    assert answers.grant_of(spoken(200, body)) == answers.Grant("opaque", seconds)
    assert "opaque" not in repr(answers.grant_of(spoken(200, body)))


@pytest.mark.parametrize("token", [None, "", 3.5, "a\r\nb", "é", "a\x00"])
def test_a_token_that_could_not_go_in_a_header_is_none(token: Any) -> None:
    with pytest.raises(UpstreamFailed):
        answers.grant_of(spoken(200, {"access_token": token, "expires_in": 60}))


def test_bad_credentials_are_a_refusal_with_ringcentrals_code() -> None:
    body = {"error": "invalid_client", "errors": [{"errorCode": "OAU-153", "message": "Invalid"}]}
    with pytest.raises(UpstreamRefused) as refusal:
        answers.grant_of(spoken(401, body))
    assert refusal.value.error_code == "OAU-153"


# Anything at all

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
_FIELDS = st.sampled_from(
    ["id", "status", "errors", "errorCode", "message", "records", "access_token", "expires_in"]
)
_BODIES = (
    st.binary(max_size=60)
    | _JSON.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(_FIELDS, _JSON).map(lambda value: json.dumps(value).encode())
)


@given(status=st.integers(100, 599), body=_BODIES, wait=st.none() | st.text(max_size=6))
def test_no_answer_raises_anything_but_our_own_errors(
    status: int, body: bytes, wait: str | None
) -> None:
    answer = Answer(status, {} if wait is None else {"retry-after": wait}, body)
    for read in (answers.placed, answers.reading_of, answers.accepted_cancel, answers.grant_of):
        met: RingOutError | None = None
        try:
            read(answer)
        except RingOutError as error:
            met = error
        assert met is not None or 200 <= status < 300
        assert not isinstance(met, UpstreamRefused) or 400 <= status < 500
