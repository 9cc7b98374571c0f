"""Telephony sessions, in the shape that RingCentral gives them, and in any other."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.errors import RingOutError, UpstreamFailed, UpstreamGone, UpstreamRefused
from orchestrator.domain.sessions import INITIATOR, TARGET, Party, Session
from orchestrator.telephony.sessions import accepted_end, end_request, session_of, session_request
from orchestrator.telephony.wire import LIGHT, Answer

SAMPLE: dict[str, Any] = {
    "id": "s-a1d145704da1c",
    "origin": {"type": "RingOut"},
    "creationTime": "2026-03-10T18:07:52.534Z",
    "parties": [
        {
            "id": "p-a1d145704da1c-1",
            "direction": "Inbound",
            "ringOutRole": "Initiator",
            "from": {"phoneNumber": "+12055550001"},
            "to": {"phoneNumber": "16505550100", "extensionId": "400"},
            "status": {"code": "Answered", "rcc": False},
        },
        {
            "id": "p-a1d145704da1c-2",
            "ringOutRole": "Target",
            "from": {"phoneNumber": "+16505550100", "name": "Agent"},
            "to": {"phoneNumber": "+12055550001"},
            "status": {"code": "Disconnected", "reason": "TargetBusy"},
        },
    ],
}
ENDS = frozenset({"+16505550100", "+12055550001"})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
FIELDS = ("id", "origin", "creationTime", "parties")
PARTY = st.dictionaries(st.sampled_from(["from", "to", "status", "ringOutRole"]), JSON)


def answer(body: object, status: int = 200) -> Answer:
    return Answer(status, {}, json.dumps(body).encode())


def test_a_session_as_seen_in_the_field() -> None:
    assert session_of(answer(SAMPLE)) == Session(
        "s-a1d145704da1c",
        "RingOut",
        1773166072534,
        (
            Party(INITIATOR, "Answered", "", ENDS),
            Party(TARGET, "Disconnected", "TargetBusy", ENDS),
        ),
    )


@given(
    JSON
    | st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, JSON))
    | st.fixed_dictionaries({"id": st.text(), "parties": st.lists(PARTY | JSON)})
)
def test_any_json_is_a_session_or_our_own_error(body: object) -> None:
    try:
        found = session_of(answer(body))
    except UpstreamFailed:
        return
    assert found.session_id
    assert len(found.parties) <= len(dict(body)["parties"])  # type: ignore[call-overload]


@given(st.binary(max_size=64), st.sampled_from([200, 204, 301, 403, 404, 429, 500]))
def test_any_answer_is_a_session_or_our_own_error(body: bytes, status: int) -> None:
    try:
        session_of(Answer(status, {}, body))
    except RingOutError:
        return
    raise AssertionError("a session was made up")


def test_an_unknown_session_is_gone_and_a_missing_permission_is_not() -> None:
    with pytest.raises(UpstreamGone):
        session_of(answer({"errorCode": "CMN-102"}, 404))
    with pytest.raises(UpstreamGone):
        accepted_end(answer({}, 404))
    with pytest.raises(UpstreamRefused) as refused:
        accepted_end(answer({"errorCode": "CMN-401"}, 403))
    assert (refused.value.http_status, refused.value.error_code) == (403, "CMN-401")
    accepted_end(Answer(204))


def test_both_requests_are_light_and_their_ids_are_percent_encoded() -> None:
    asked, ended = session_request("~", "s/1"), end_request("400", "Y3M=")
    assert (asked.method, asked.group) == ("GET", LIGHT)
    assert asked.path == "/restapi/v1.0/account/~/telephony/sessions/s%2F1"
    assert (ended.method, ended.group) == ("DELETE", LIGHT)
    assert ended.path == "/restapi/v1.0/account/400/telephony/sessions/Y3M%3D"


@pytest.mark.parametrize("session_id", ["", ".", "..", "\ud800", "x" * 1025])
def test_an_id_that_would_lead_elsewhere_is_not_asked_for(session_id: str) -> None:
    with pytest.raises(UpstreamGone):
        session_request("~", session_id)
