"""Rows of active calls and of the call log, in the shapes that RingCentral gives them."""

import json
from typing import Any

import pytest

from orchestrator.domain.errors import UpstreamFailed, UpstreamGone, UpstreamRefused
from orchestrator.domain.evidence import CallRecord
from orchestrator.telephony.records import page_of, record_of
from orchestrator.telephony.wire import Answer

CALLER_LEG = {"action": "RingOut Web", "to": {"phoneNumber": "16505550100"}}
CALLEE_LEG = {"action": "RingOut Web", "to": {"phoneNumber": "+442071838750"}}
DETAILED: dict[str, Any] = {
    "id": "Zk1",
    "uri": "https://…/call-log/Zk1",
    "sessionId": "425008160016",
    "telephonySessionId": "s-a6abd24c",
    "startTime": "2026-03-10T18:07:52.534Z",
    "duration": 12,
    "direction": "Outbound",
    "type": "Voice",
    "action": "RingOut Web",
    "internalType": "RingOut",
    "result": "Call connected",
    "from": {"phoneNumber": "+16505550100", "name": "Agent"},
    "to": {"phoneNumber": "12055550001"},
    "legs": [
        {"legType": "RingOutWebToCaller", **CALLER_LEG},
        {"legType": "RingOutWebToSubscriber", **CALLEE_LEG},
    ],
}


def without(name: str) -> dict[str, Any]:
    return {field: value for field, value in DETAILED.items() if field != name}


def test_a_detailed_row() -> None:
    assert record_of(DETAILED) == CallRecord(
        session_id="s-a6abd24c",
        started_at=1773166072534,
        numbers=frozenset({"+16505550100", "+12055550001", "+442071838750"}),
        is_ringout=True,
        result="Call connected",
    )


def test_the_old_session_id_serves_where_there_is_no_other() -> None:
    row = without("telephonySessionId")
    assert record_of(row) == record_of({**DETAILED, "telephonySessionId": "425008160016"})
    assert record_of({**row, "sessionId": 425008160016}) == record_of(row)


@pytest.mark.parametrize(
    ("changes", "is_ringout"),
    [
        ({"action": "RingOut PC", "internalType": None, "legs": []}, True),
        ({"action": "Phone Call", "internalType": "RingOut", "legs": []}, True),
        ({"action": "Phone Call", "internalType": None}, True),
        ({"action": "Phone Call", "internalType": "Local", "legs": []}, False),
        ({"action": 7, "internalType": [], "legs": None}, False),
        ({"action": "VoIP Call", "internalType": None, "legs": [{"action": "VoIP Call"}]}, False),
    ],
)
def test_ring_outs_are_told_by_action_or_internal_type(
    changes: dict[str, Any], *, is_ringout: bool
) -> None:
    record = record_of({**DETAILED, **changes})
    assert record is not None
    assert record.is_ringout is is_ringout


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+16505550100", "+16505550100"),
        ("16505550100", "+16505550100"),
        (16505550100, "+16505550100"),
        ("1 (650) 555-0100", "+16505550100"),
        ("(650) 555-0100", None),
        ("anonymous", None),
        ("101", None),
        ("", None),
        (None, None),
        ({"x": 1}, None),
    ],
)
def test_numbers_are_brought_to_e164_or_left_out(written: Any, number: str | None) -> None:
    record = record_of({**DETAILED, "legs": [], "from": {"phoneNumber": written}, "to": None})
    assert record is not None
    assert record.numbers == ({number} if number else frozenset())


def test_the_number_as_it_was_dialled_counts_too() -> None:
    end = {"dialerPhoneNumber": "16505550177", "extensionNumber": "101"}
    record = record_of({**DETAILED, "legs": [{"from": end}, None, 5], "from": [], "to": "x"})
    assert record is not None
    assert record.numbers == {"+16505550177"}


@pytest.mark.parametrize(
    "row",
    [
        None,
        "row",
        [],
        {},
        without("startTime"),
        {**DETAILED, "startTime": "yesterday"},
        {**DETAILED, "startTime": "2026-03-10T18:07:52"},
        {**DETAILED, "startTime": 5},
        {**without("sessionId"), "telephonySessionId": None},
    ],
)
def test_a_row_that_cannot_be_read_is_left_out(row: Any) -> None:
    assert record_of(row) is None
    page = page_of(Answer(200, {}, json.dumps({"records": [row, DETAILED]}).encode()))
    assert [record.session_id for record in page.records] == ["s-a6abd24c"]


def test_a_row_without_a_result_has_an_empty_one() -> None:
    record = record_of(without("result"))
    assert record is not None
    assert record.result == ""


@pytest.mark.parametrize(
    ("navigation", "has_next"),
    [
        (None, False),
        ({}, False),
        ({"nextPage": None}, False),
        ({"nextPage": {"uri": "https://…"}}, True),
        ("odd", False),
    ],
)
def test_whether_another_page_follows(navigation: Any, *, has_next: bool) -> None:
    body = json.dumps({"records": [], "navigation": navigation}).encode()
    assert page_of(Answer(200, {}, body)).has_next is has_next


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"records": null}'])
def test_no_list_is_not_an_empty_list(body: bytes) -> None:
    with pytest.raises(UpstreamFailed):
        page_of(Answer(200, {}, body))


def test_a_list_that_is_refused_is_not_gone() -> None:
    with pytest.raises(UpstreamRefused) as refusal:
        page_of(Answer(404, {}, b'{"errorCode": "CMN-102"}'))
    assert not isinstance(refusal.value, UpstreamGone)
