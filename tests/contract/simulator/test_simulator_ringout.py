"""The three operations: accepting and refusing, following, cancelling, and ids."""

import base64
import io
from typing import Any

import pytest

from tests.contract.simulator.simulator_kit import (
    AGENT,
    HAPPY,
    IN_PROGRESS,
    RING_OUT,
    Answer,
    Box,
    box,
)

FROM = {"phoneNumber": AGENT}
TO = {"phoneNumber": HAPPY}


async def post(api: Box, body: Any, path: str = RING_OUT) -> Answer:
    return await api.ask("POST", path, json=body)


async def test_a_call_is_made_and_read() -> None:
    async with box() as api:
        made = await api.make()
        assert made.status == 200
        assert made.words == IN_PROGRESS
        assert made.json["uri"].endswith(f"/ring-out/{made.json['id']}")
        read = await api.ask("GET", made.json["uri"].removeprefix(api.url))
        assert read.json == made.json


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"from": None}, 400, "TEL-108"),
        ({"from": {}}, 400, "TEL-108"),
        ({"from": {"phoneNumber": ""}}, 400, "TEL-108"),
        ({"from": {"phoneNumber": "nobody"}}, 400, "TEL-108"),
        ({"from": {"phoneNumber": 7}}, 400, "CMN-101"),
        ({"from": "+16505550100"}, 400, "CMN-101"),
        ({"from": {"phoneNumber": "+16505550102"}}, 403, "TEL-102"),
        ({"from": {"forwardingNumberId": "77"}}, 404, "CMN-102"),
        ({"from": {"forwardingNumberId": 77}}, 400, "CMN-101"),
        ({"to": None}, 400, "TEL-109"),
        ({"to": {"phoneNumber": "+"}}, 400, "TEL-109"),
        ({"to": {"phoneNumber": "+٠١٢٣٤٥٦٧٨٩"}}, 400, "TEL-109"),
        ({"to": [TO]}, 400, "CMN-101"),
        ({"to": {"phoneNumber": "+16505550130"}}, 403, "TEL-101"),
        ({"to": {"phoneNumber": "+16505550117"}}, 403, "CMN-113"),
        ({"to": {"phoneNumber": "+16505550131"}}, 403, "BIL-103"),
        ({"to": {"phoneNumber": "+16505550132"}}, 403, "BIL-103"),
        ({"to": {"phoneNumber": "+16505550133"}}, 403, "CMN-408"),
        ({"callerId": {"phoneNumber": "+16505550107"}}, 400, "TEL-107"),
        ({"callerId": {"phoneNumber": "x"}}, 400, "TEL-107"),
        ({"callerId": {"phoneNumber": "+16505550108"}}, 403, "RNG-102"),
        ({"playPrompt": "yes"}, 400, "CMN-101"),
        ({"country": {"id": 1}}, 400, "CMN-101"),
        ({"country": "US"}, 400, "CMN-101"),
    ],
)
async def test_a_wish_that_is_refused(change: dict[str, Any], status: int, code: str) -> None:
    async with box() as api:
        answer = await post(api, {"from": FROM, "to": TO, **change})
        assert (answer.status, answer.code) == (status, code)
        assert answer.json["errorCode"] == code
        assert await api.ledger() == []


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"{", "CMN-103"), (b"", "CMN-103"), (b"\xff", "CMN-103"), (b"[]", "CMN-101")],
)
async def test_a_body_that_is_no_object(body: bytes, code: str) -> None:
    async with box() as api:
        answer = await api.ask("POST", RING_OUT, data=body)
        assert (answer.status, answer.code) == (400, code)


async def test_a_body_beyond_a_megabyte() -> None:
    async with box() as api:
        answer = await api.ask("POST", RING_OUT, data=io.BytesIO(b" " * (1024 * 1024 + 1)))
        assert answer.status == 413


@pytest.mark.parametrize(
    ("given", "dialled"),
    [
        ("(650) 555-0123", "+16505550123"),
        ("16505550123", "+16505550123"),
        ("+44 20 7946 0018", "+442079460018"),
    ],
)
async def test_numbers_as_people_write_them(given: str, dialled: str) -> None:
    async with box() as api:
        await api.made(given)
        assert [row["to"] for row in await api.ledger()] == [dialled]


async def test_a_forwarding_number_id_and_a_default_number_stand_for_from() -> None:
    async with box(default_from="+16505550104") as api:
        for origin in ({"forwardingNumberId": "1002"}, None):
            assert (await post(api, {"from": origin, "to": TO})).status == 200
        assert [row["from"] for row in await api.ledger()] == ["+16505550103", "+16505550104"]


@pytest.mark.parametrize(
    ("account", "extension", "status", "code"),
    [
        ("400131425008", "400131426001", 200, None),
        ("~", "400131426002", 403, "CMN-404"),
        ("~", "me", 400, "CMN-101"),
        ("x", "~", 400, "CMN-101"),
        ("1", "~", 404, "CMN-102"),
    ],
)
async def test_the_ids_in_the_path(
    account: str, extension: str, status: int, code: str | None
) -> None:
    async with box() as api:
        path = f"/restapi/v1.0/account/{account}/extension/{extension}/ring-out"
        answer = await post(api, {"from": FROM, "to": TO}, path)
        assert answer.status == status
        assert code is None or answer.code == code


async def test_a_call_of_another_extension_is_not_found() -> None:
    async with box() as api:
        ringout_id = await api.made()
        api.token = "simulator-key.2"
        assert (await api.read(ringout_id)).code == "CMN-102"
        assert (await api.cancel(ringout_id)).code == "CMN-102"


async def test_an_application_without_the_permission() -> None:
    async with box(scope="ReadAccounts") as api:
        answer = await api.make()
        assert (answer.status, answer.code) == (403, "CMN-401")
        assert answer.json["permissionName"] == "RingOut"


async def test_after_the_retention_the_status_is_gone() -> None:
    async with box(retention=60) as api:
        ringout_id = await api.made()
        await api.advance(15)
        assert (await api.read(ringout_id)).words == ("Success", "Finished", "Finished")
        await api.advance(59)
        assert (await api.read(ringout_id)).status == 200
        await api.advance(1.1)
        gone = await api.read(ringout_id)
        assert (gone.status, gone.code) == (404, "CMN-102")
        assert gone.json["message"] == "Resource for parameter [ringOutId] is not found"


async def test_after_the_retention_there_may_be_a_session_not_found() -> None:
    async with box(retention=0, after_retention="no_session_found") as api:
        ringout_id = await api.made()
        await api.advance(15)
        read = await api.read(ringout_id)
        assert read.words == ("Success", "NoSessionFound", "NoSessionFound")
        assert (await api.read("s-unknown")).status == 404


async def test_a_cancel_before_leg_1_is_answered_tears_the_call_down() -> None:
    async with box() as api:
        ringout_id = await api.made()
        await api.advance(1)
        answer = await api.cancel(ringout_id)
        assert (answer.status, answer.text) == (204, "")
        await api.advance(50)
        assert (await api.read(ringout_id)).words == ("CannotReach", "Rejected", "InProgress")
        assert (await api.cancel(ringout_id)).code == "CMN-102"
        await api.advance(11)
        assert (await api.read(ringout_id)).status == 404
        row = (await api.ledger())[0]
        assert (row["state"], row["cancelled"]) == ("ended", True)


@pytest.mark.parametrize("mode", ["strict", "lenient"])
async def test_a_cancel_while_leg_2_rings(mode: str) -> None:
    async with box(delete_mode=mode) as api:
        ringout_id = await api.made()
        await api.advance(2.5)
        assert (await api.cancel(ringout_id)).status == 204
        stopped = ("CannotReach", "Finished", "Rejected")
        going_on = ("InProgress", "Success", "InProgress")
        expected = going_on if mode == "strict" else stopped
        assert (await api.read(ringout_id)).words == expected
        await api.advance(3)
        final = ("Success", "Success", "Success") if mode == "strict" else stopped
        assert (await api.read(ringout_id)).words == final


@pytest.mark.parametrize("mode", ["strict", "lenient"])
async def test_a_cancel_of_a_conversation_changes_nothing(mode: str) -> None:
    async with box(delete_mode=mode) as api:
        ringout_id = await api.made()
        await api.advance(6)
        assert (await api.cancel(ringout_id)).status == 204
        assert (await api.read(ringout_id)).words == ("Success", "Success", "Success")
        assert not (await api.ledger())[0]["cancelled"]


async def test_the_id_formats() -> None:
    async with box() as api:
        assert (await api.made()).startswith("s-")
        await api.sim("settings", id_mode="base64")
        text = await api.made()
        assert base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).startswith(b"cs")
        await api.sim("settings", id_mode="integer")
        number = await api.made()
        assert number.isdecimal()
        for ringout_id in (text, number):
            assert (await api.read(ringout_id)).status == 200


@pytest.mark.parametrize("equal", [True, False])
async def test_the_ringout_id_may_be_the_telephony_sessions(equal: bool) -> None:
    async with box(ids_equal=equal) as api:
        ringout_id = await api.made()
        row = (await api.ledger())[0]
        assert row["id"] == ringout_id
        assert (row["telephonySessionId"] == ringout_id) is equal
        assert row["telephonySessionId"].startswith("s-")


@pytest.mark.parametrize("path", ["/restapi", "/restapi/v1.0"])
async def test_the_versions_are_public_and_free(path: str) -> None:
    async with box(limits="light=1/60") as api:
        for _ in range(3):
            answer = await api.ask("GET", path, headers={})
            assert answer.status == 200
            assert not any(name.startswith("X-Rate-Limit") for name in answer.headers)


async def test_every_answer_has_a_request_id_of_its_own() -> None:
    async with box() as api:
        answers = [await api.make(), await api.read("x"), await api.get("/restapi/nowhere")]
        answers += [await api.get("/restapi/oauth/token"), await api.log_in("Basic x")]
        assert [answer.status for answer in answers] == [200, 404, 404, 405, 400]
        assert len({answer.headers["RCRequestId"] for answer in answers}) == len(answers)
        assert answers[2].code == "CMN-120"
