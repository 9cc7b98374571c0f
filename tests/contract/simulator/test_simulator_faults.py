"""Faults: whether the phones rang, and what the client saw of it."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from tests.contract.simulator.simulator_kit import EXTENSION, HAPPY, RING_OUT, Box, box
from tests.harness.waiting import wait_until

CUT_SHORT = aiohttp.ClientTimeout(total=0.2)


async def fates(api: Box) -> list[str]:
    return [row["fate"] for row in await api.ledger()]


async def test_an_answer_that_arrives() -> None:
    async with box() as api:
        await api.made()
        assert await fates(api) == ["answered"]


@pytest.mark.parametrize(("kind", "expected"), [("reset_before", []), ("reset_after", ["lost"])])
async def test_a_reset(kind: str, expected: list[str]) -> None:
    async with box() as api:
        await api.fault("make", kind)
        with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
            await api.make()
        assert await fates(api) == expected
        assert (await api.get("/__sim/requests")).json["requests"][0]["status"] is None
        assert (await api.make()).status == 200


@pytest.mark.parametrize(("kind", "expected"), [("hang_before", []), ("hang_after", ["lost"])])
async def test_an_answer_that_never_comes(kind: str, expected: list[str]) -> None:
    async with box() as api:
        await api.fault("make", kind)
        with pytest.raises(TimeoutError):
            await api.ask("POST", RING_OUT, json=WISH, timeout=CUT_SHORT)
        assert await fates(api) == expected


WISH = {"from": {"phoneNumber": "+16505550100"}, "to": {"phoneNumber": HAPPY}}


async def test_a_simulator_with_a_hanging_request_stops_all_the_same() -> None:
    async with box() as api:
        await api.fault("make", "hang_after")
        hanging = asyncio.create_task(api.make())
        await wait_until(lambda: api.world.calls)
    with pytest.raises(aiohttp.ClientError):
        await hanging


async def test_a_client_that_gives_up_stops_nothing() -> None:
    async with box() as api:
        await api.fault("make", "delay", ms=60_000)
        with pytest.raises(TimeoutError):
            await api.ask("POST", RING_OUT, json=WISH, timeout=CUT_SHORT)
        await wait_until(lambda: api.world.journal.by_status["none"] == 1)
        assert await fates(api) == ["lost"]


async def test_half_an_answer() -> None:
    async with box() as api:
        await api.fault("make", "truncated")
        answer = await api.make()
        assert answer.status == 200
        with pytest.raises(json.JSONDecodeError):
            json.loads(answer.text)
        assert await fates(api) == ["truncated"]


async def test_an_answer_that_breaks_off() -> None:
    async with box() as api:
        await api.fault("make", "broken_off")
        with pytest.raises(aiohttp.ClientPayloadError):
            await api.make()
        assert await fates(api) == ["truncated"]


async def test_a_delay_and_then_the_usual() -> None:
    async with box() as api:
        await api.fault("make", "delay", ms=30)
        began = asyncio.get_running_loop().time()
        assert (await api.make()).status == 200
        assert asyncio.get_running_loop().time() - began >= 0.03
        assert await fates(api) == ["answered"]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_an_error_after_dialling(status: int) -> None:
    async with box() as api:
        await api.fault("make", "dialled_status", status=status)
        assert (await api.make()).status == status
        assert await fates(api) == ["error"]


@pytest.mark.parametrize(
    ("fault", "status", "code", "word"),
    [
        ({"status": 503}, 503, "CMN-201", "CMN-201"),
        ({"status": 503, "errorCode": "CMN-211"}, 503, "CMN-211", "CMN-211"),
        ({"status": 401}, 401, "OAU-213", "TokenInvalid"),
        ({"status": 401, "errorCode": "OAU-128"}, 401, "OAU-128", "TokenExpired"),
        ({"status": 429}, 429, "CMN-301", "CMN-301"),
        ({"status": 429, "errorCode": "CMN-304"}, 429, "CMN-304", "CMN-304"),
        ({"status": 500}, 500, "CMN-203", "CMN-203"),
    ],
)
async def test_an_error_in_json(fault: dict[str, Any], status: int, code: str, word: str) -> None:
    async with box(limits="heavy=5/60") as api:
        await api.fault("make", "status", headers={"Retry-After": "7"}, **fault)
        answer = await api.make()
        assert (answer.status, answer.code, answer.json["errorCode"]) == (status, code, word)
        assert answer.headers["Retry-After"] == "7"
        assert answer.headers["X-Rate-Limit-Remaining"] == "4"
        assert await api.ledger() == []


async def test_a_global_429_has_no_rate_headers() -> None:
    async with box(limits="heavy=5/60") as api:
        await api.fault("make", "status", status=429, errorCode="CMN-310", rate_headers=False)
        answer = await api.make()
        assert (answer.status, answer.code) == (429, "CMN-310")
        assert not any(name.startswith("X-Rate") for name in answer.headers)
        assert "RCRequestId" in answer.headers


@pytest.mark.parametrize(
    ("body", "kind", "start"),
    [("html", "text/html", "<html>"), ("empty", "application/json", "")],
)
async def test_an_error_that_is_no_json(body: str, kind: str, start: str) -> None:
    async with box() as api:
        await api.fault("make", "status", status=502, body=body)
        answer = await api.make()
        assert answer.status == 502
        assert answer.headers["Content-Type"].startswith(kind)
        assert answer.text[: len(start) or 1] == start


async def test_a_success_that_says_nothing() -> None:
    async with box() as api:
        await api.fault("make", "status", status=200, body="empty")
        answer = await api.make()
        assert (answer.status, answer.text) == (200, "")
        assert await api.ledger() == []


async def test_an_error_cut_short() -> None:
    async with box() as api:
        await api.fault("make", "status", status=500, body="truncated")
        answer = await api.make()
        assert answer.text.startswith('{"errorCode"')
        with pytest.raises(json.JSONDecodeError):
            json.loads(answer.text)


async def test_faults_of_the_other_operations() -> None:
    async with box() as api:
        ringout_id = await api.made()
        for operation in ("status", "cancel", "active-calls", "call-log", "token"):
            await api.fault(operation, "status", status=503)
        assert (await api.read(ringout_id)).status == 503
        assert (await api.cancel(ringout_id)).status == 503
        for path in ("active-calls", "call-log"):
            assert (await api.get(f"{EXTENSION}/{path}")).status == 503
        login = await api.log_in()
        assert (login.status, login.json["errors"][0]["errorCode"]) == (503, "CMN-201")
        assert "error" in login.json
        assert (await api.get("/__sim/faults")).json["faults"] == []
        assert (await api.read(ringout_id)).status == 200


async def test_a_cancel_whose_answer_is_lost_has_cancelled() -> None:
    async with box() as api:
        ringout_id = await api.made()
        # aiohttp's client repeats a DELETE whose kept-alive connection was reset.
        await api.fault("cancel", "reset_after", times=2)
        with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
            await api.cancel(ringout_id)
        assert (await api.ledger())[0]["cancelled"]
        assert await fates(api) == ["answered"]


async def test_a_refusal_is_lost_like_any_answer() -> None:
    async with box() as api:
        await api.fault("make", "reset_after")
        with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
            await api.make("+16505550117")
        assert await api.ledger() == []


async def test_times_and_order() -> None:
    async with box() as api:
        await api.fault("make", "status", status=500, times=2)
        await api.fault("any", "status", status=502, times=None)
        assert [(await api.make()).status for _ in range(4)] == [500, 500, 502, 502]
        (left,) = (await api.get("/__sim/faults")).json["faults"]
        assert (left["struck"], left["left"], left["kind"]) == (2, None, "status")
        assert (await api.ask("DELETE", "/__sim/faults")).json == {"faults": []}
        assert (await api.make()).status == 200


async def test_a_fault_for_one_number() -> None:
    async with box() as api:
        await api.fault("make", "status", match={"to": "1 (650) 555-0110"}, times=None)
        await api.fault("status", "status", match={"to": HAPPY})
        await api.fault("make", "status", match={"from": "+16505550199"}, times=None)
        ringout_id = await api.made()
        assert (await api.make("+16505550110")).status == 503
        assert (await api.read("s-unknown")).status == 404
        assert (await api.read(ringout_id)).status == 503
        answer = await api.make("+16505550111", **{"from": {"phoneNumber": "+16505550199"}})
        assert answer.status == 503


async def test_a_fault_does_not_spare_the_token_or_the_budget() -> None:
    async with box(limits="heavy=1/60") as api:
        await api.fault("make", "status", status=500, times=None)
        assert (await api.ask("POST", RING_OUT, headers={})).status == 401
        assert [(await api.make()).status for _ in range(2)] == [500, 429]


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ({"operation": "dial", "kind": "status"}, "operation"),
        ({"operation": "make", "kind": "explode"}, "kind"),
        ({"operation": "make"}, "kind"),
        ({"operation": "make", "kind": "status", "colour": "red"}, "colour"),
        ({"operation": "make", "kind": "status", "times": 0}, "times"),
        ({"operation": "make", "kind": "status", "status": 600}, "status"),
        ({"operation": "make", "kind": "status", "match": {"to": "x"}}, "match.to"),
    ],
)
async def test_a_fault_that_is_not_understood(fault: dict[str, Any], named: str) -> None:
    async with box() as api:
        answer = await api.ask("POST", "/__sim/faults", json=fault)
        assert answer.status == 400
        assert answer.json["error"].startswith(named)
        assert (await api.get("/__sim/faults")).json["faults"] == []
