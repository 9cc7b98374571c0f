"""Notifications, as RingCentral's samples show them, and anything else that may come instead."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.errors import RingOutError, UpstreamFailed, UpstreamRefused
from orchestrator.domain.notices import BOTH, OVER, Notice
from orchestrator.telephony import notices
from orchestrator.telephony.wire import LIGHT, MEDIUM, Answer

PARTY: dict[str, Any] = {
    "accountId": "400",
    "extensionId": "401",
    "id": "p-1",
    "direction": "Inbound",
    "from": {"phoneNumber": "+16505550123"},
    "to": {"phoneNumber": "16505550100", "extensionId": "401"},
    "status": {"code": "Proceeding", "rcc": False},
}
TOLD: dict[str, Any] = {
    "sequence": 3,
    "sessionId": "425008160016",
    "telephonySessionId": "s-a6abd24c",
    "serverId": "10.13.22.28.TAM",
    "eventTime": "2026-11-24T07:00:00.100Z",
    "parties": [PARTY],
    "origin": {"type": "RingOut"},
}
EVENT: dict[str, Any] = {
    "uuid": "1823485288313944239",
    "event": "/restapi/v1.0/account/400/extension/401/telephony/sessions",
    "timestamp": "2026-11-24T07:00:01.000Z",
    "subscriptionId": "x",
    "ownerId": "401",
    "body": TOLD,
}
ENDS = frozenset({"+16505550100", "+16505550123"})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def told(**changes: Any) -> Notice | None:
    return notices.notice_of({**EVENT, "body": {**TOLD, **changes}})


def test_a_notice_is_read() -> None:
    notice = notices.notice_in(json.dumps(EVENT))
    assert notice is not None
    assert (notice.session_id, notice.sequence, notice.is_ringout) == ("s-a6abd24c", 3, True)
    assert (notice.numbers, notice.extensions) == (ENDS, frozenset({"401"}))
    assert notice.at == 1_795_503_600_100
    [party] = notice.parties
    assert (party.id, party.code, party.is_ours, notice.words) == (
        "p-1",
        "Proceeding",
        True,
        frozenset(),
    )


def test_an_end_and_the_customer_s_party_are_told_of() -> None:
    customer = {"id": "p-2", "status": {"code": "disconnected", "reason": "TargetBusy"}}
    notice = told(parties=[PARTY, customer])
    assert notice is not None
    assert notice.words == {OVER, BOTH}


def test_an_inbound_session_beside_the_call_is_no_ring_out() -> None:
    notice = told(origin={"type": "Call"})
    assert notice is not None
    assert not notice.is_ringout


@pytest.mark.parametrize(
    "changes",
    [
        {"telephonySessionId": None},
        {"telephonySessionId": ""},
        {"telephonySessionId": "x" * 1025},
        {"telephonySessionId": "\ud800"},
        {"parties": None},
        {"parties": {}},
    ],
)
def test_what_names_no_session_is_no_notice(changes: dict[str, Any]) -> None:
    assert told(**changes) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"sequence": "x"},
        {"sequence": -1},
        {"sequence": True},
        {"sequence": 2**60},
        {"sequence": None},
        {"origin": "RingOut"},
        {"origin": None},
        {"eventTime": "yesterday"},
        {"eventTime": 5},
        {"parties": [None, "x", {}, {"status": [], "from": 1, "to": {"phoneNumber": []}}]},
    ],
)
def test_what_is_missing_or_strange_is_left_out(changes: dict[str, Any]) -> None:
    assert told(**changes) is not None


@given(JSON)
def test_anything_is_a_notice_or_none(content: Any) -> None:
    for body in (content, {"body": content}, {"body": {"telephonySessionId": content}}):
        found = notices.notice_of(body)
        assert found is None or isinstance(found, Notice)


@given(st.sampled_from([*TOLD, "uuid", "timestamp"]), JSON)
def test_one_strange_field_is_a_notice_or_none(field: str, content: Any) -> None:
    event = {**EVENT, field: content, "body": {**TOLD, field: content}}
    found = notices.notice_of(event)
    assert found is None or isinstance(found, Notice)


@given(st.sampled_from(list(PARTY)), JSON)
def test_one_strange_field_of_a_party_is_a_notice(field: str, content: Any) -> None:
    assert told(parties=[{**PARTY, field: content}]) is not None


@given(st.binary() | st.text() | st.integers(1, 3_000).map("[".__mul__))
def test_any_bytes_are_a_notice_or_none(text: str | bytes) -> None:
    assert notices.notice_in(text) is None or isinstance(text, str | bytes)
    if isinstance(text, str):
        notices.frame_of(text)


@given(JSON, JSON)
def test_any_frame_is_read_or_none(meta: Any, body: Any) -> None:
    frame = notices.frame_of(json.dumps([meta, body]))
    assert (frame is None) is not isinstance(meta, dict)
    if frame is not None:
        assert isinstance((frame.recovery, frame.code, frame.number("x", 1)), tuple)


def test_a_frame_is_read() -> None:
    meta = {
        "type": "ConnectionDetails",
        "messageId": "m",
        "status": 200,
        "wsc": {"token": "t", "sequence": 1},
        "headers": {"RCRequestId": "r"},
    }
    body = {"recoveryState": "Successful", "recoveryTimeout": 180}
    frame = notices.frame_of(json.dumps([meta, body]))
    assert frame is not None
    assert (frame.kind, frame.message_id, frame.session) == ("ConnectionDetails", "m", ("t", 1))
    assert (frame.recovery, frame.number("recoveryTimeout", 1)) == ("successful", 180)
    assert (frame.answer.status, frame.answer.request_id) == (200, "r")


def test_a_request_inside_a_websocket() -> None:
    request = notices.websocket_request()
    [meta, body] = json.loads(notices.asking("m", request))
    assert meta == {
        "type": "ClientRequest",
        "messageId": "m",
        "method": "POST",
        "path": "/restapi/v1.0/subscription",
    }
    assert body["deliveryMode"] == {"transportType": "WebSocket"}
    assert request.group == MEDIUM
    [bare] = json.loads(notices.asking("m", notices.list_request()))
    assert bare["method"] == "GET"


def test_what_requests_cost() -> None:
    assert notices.ticket_request().group == LIGHT
    assert notices.list_request().group == LIGHT
    assert notices.renew_request("x").group == LIGHT
    assert notices.end_request("x").group == MEDIUM
    assert notices.webhook_request("https://x", "s", 60).group == MEDIUM
    assert notices.renew_request("a/b").path == "/restapi/v1.0/subscription/a%2Fb/renew"


def answer(body: Any, status: int = 200) -> Answer:
    return Answer(status, {}, json.dumps(body).encode())


def test_a_ticket() -> None:
    given_ = {"uri": "wss://x/ws", "ws_access_token": "t", "expires_in": 30}
    assert notices.ticket_of(answer(given_), encrypted=True) == notices.Ticket("wss://x/ws", "t")
    plain = answer({**given_, "uri": "ws://x/ws"})
    assert notices.ticket_of(plain, encrypted=False).uri == "ws://x/ws"
    with pytest.raises(UpstreamFailed):
        notices.ticket_of(plain, encrypted=True)
    with pytest.raises(UpstreamRefused):
        notices.ticket_of(answer({"errorCode": "CMN-401"}, 403), encrypted=True)


def test_a_subscription_whose_filter_is_off_says_why() -> None:
    made = {
        "id": "1",
        "status": "Active",
        "expiresIn": 60,
        "deliveryMode": {"address": "https://x"},
        "disabledFilters": [{"filter": notices.SESSIONS, "reason": "SUB-412"}],
    }
    found = notices.subscription_of(answer(made))
    assert (found.is_active, found.address, found.refusal) == (True, "https://x", "SUB-412")
    [listed] = notices.subscriptions_of(answer({"records": [made, None, {}]}))
    assert listed == found
    others = {**made, "disabledFilters": [{"filter": "/restapi/v1.0/presence"}]}
    assert notices.subscription_of(answer(others)).refusal == ""


@given(JSON)
def test_any_answer_about_subscriptions_is_read_or_our_own_error(content: Any) -> None:
    for body in (content, {"id": "1", "deliveryMode": content, "disabledFilters": content}):
        for reading in (
            notices.subscription_of,
            notices.subscriptions_of,
            lambda one: notices.ticket_of(one, encrypted=True),
        ):
            try:
                reading(answer(body))
            except RingOutError:
                continue


def test_an_end_of_what_is_gone_is_an_end() -> None:
    notices.ended(Answer(204))
    notices.ended(answer({"errorCode": "CMN-102"}, 404))
    with pytest.raises(UpstreamRefused):
        notices.ended(answer({"errorCode": "CMN-401"}, 403))
