"""Active calls and the call log: who is shown, when, and what of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.simulator.simulator_kit import ACCOUNT, AGENT, EXTENSION, HAPPY, Box, box

ACTIVE = f"{EXTENSION}/active-calls"
LOG = f"{EXTENSION}/call-log"
EVERYTHING_AT_ONCE: dict[str, Any] = {"active_calls_lag": (0, 0), "call_log_lag": (0, 0)}


async def records(api: Box, path: str, **query: Any) -> list[dict[str, Any]]:
    answer = await api.get(path, **query)
    assert answer.status == 200, answer
    found: list[dict[str, Any]] = answer.json["records"]
    return found


async def results(api: Box, path: str, **query: Any) -> list[str]:
    return [record["result"] for record in await records(api, path, **query)]


def at(**ago: float) -> str:
    return (datetime.now(UTC) - timedelta(**ago)).isoformat().replace("+00:00", "Z")


async def seconds_until_shown(api: Box, path: str) -> int:
    """Advances by the second until a record is there."""
    for waited in range(100):
        if await records(api, path):
            return waited
        await api.advance(1)
    raise AssertionError(f"nothing at {path}")


async def test_active_calls_lag_behind_and_keep_the_ended_for_a_while() -> None:
    async with box() as api:
        await api.made()
        assert 3 <= await seconds_until_shown(api, ACTIVE) <= 10
        assert await results(api, ACTIVE) == ["In Progress"]
        await api.advance(20)
        assert await results(api, ACTIVE) == ["Call connected"]
        await api.advance(90)
        assert await results(api, ACTIVE) == ["Call connected"]
        await api.advance(31)
        assert await results(api, ACTIVE) == []


async def test_the_call_log_comes_after_the_end() -> None:
    async with box() as api:
        await api.made()
        await api.advance(15)
        assert 15 <= await seconds_until_shown(api, LOG) <= 31
        assert await results(api, LOG) == ["Call connected"]


async def test_a_seed_gives_the_same_lags_again_and_calls_differ() -> None:
    waits = []
    for seed in (1, 1, 2, 3, 4):
        async with box(seed=seed, active_calls_lag=(0, 90)) as api:
            await api.made("+16505550126")
            waits.append(await seconds_until_shown(api, ACTIVE))
    assert waits[0] == waits[1]
    assert len(set(waits)) > 2


async def test_active_calls_may_wait_for_leg_1() -> None:
    async with box(active_calls_after_leg1=True, active_calls_lag=(0, 0), leg1_ring=30) as api:
        await api.made()
        await api.made("+16505550113")
        await api.advance(29)
        assert await results(api, ACTIVE) == []
        await api.advance(2)
        assert await results(api, ACTIVE) == ["In Progress"]


async def test_a_record_and_its_two_legs() -> None:
    async with box(**EVERYTHING_AT_ONCE) as api:
        ringout_id = await api.made(callerId={"phoneNumber": "+16505550104"})
        await api.advance(15)
        simple = (await records(api, LOG))[0]
        assert "legs" not in simple
        detailed = (await records(api, LOG, view="Detailed"))[0]
        assert simple["telephonySessionId"] == ringout_id
        assert simple["sessionId"].isdecimal()
        assert (simple["from"], simple["to"]) == (
            {"phoneNumber": "+16505550104"},
            {"phoneNumber": HAPPY},
        )
        assert (simple["action"], simple["internalType"]) == ("RingOut Web", "RingOut")
        assert (simple["duration"], simple["durationMs"]) == (15, 15000)
        caller, callee = detailed["legs"]
        assert (caller["legType"], caller["to"]) == ("RingOutWebToCaller", {"phoneNumber": AGENT})
        assert caller["master"]
        assert (callee["legType"], callee["to"]) == (
            "RingOutWebToSubscriber",
            {"phoneNumber": HAPPY},
        )
        assert callee["duration"] == 13


async def test_one_record_by_its_id() -> None:
    async with box(**EVERYTHING_AT_ONCE) as api:
        await api.made()
        await api.advance(15)
        record = (await records(api, LOG))[0]
        one = await api.get(f"{LOG}/{record['id']}", view="Detailed")
        assert len(one.json["legs"]) == 2
        assert (await api.get(f"{LOG}/nothing")).code == "CMN-102"


@pytest.mark.parametrize(
    ("digits", "result", "legs"),
    [
        ("0110", "Busy", ["Call connected", "Busy"]),
        ("0111", "No Answer", ["Call connected", "No Answer"]),
        ("0112", "Rejected", ["Call connected", "Rejected"]),
        ("0113", "No Answer", ["No Answer"]),
        ("0116", "IP Phone Offline", ["IP Phone Offline"]),
        ("0118", "International Disabled", ["Call connected", "International Disabled"]),
        ("0119", "Blocked", ["Call connected", "Blocked"]),
        ("0120", "No Calling Credit", ["Call connected", "No Calling Credit"]),
        ("0121", "Internal Error", ["Internal Error"]),
        ("0122", "Hang Up", ["Call connected", "Hang Up"]),
        ("0127", "Busy", ["Call connected", "Busy"]),
    ],
)
async def test_what_the_log_says_of_each_scenario(
    digits: str, result: str, legs: list[str]
) -> None:
    async with box(**EVERYTHING_AT_ONCE) as api:
        await api.made(f"+1650555{digits}")
        await api.advance(20)
        record = (await records(api, LOG, view="Detailed"))[0]
        assert record["result"] == result
        assert [leg["result"] for leg in record["legs"]] == legs


async def test_a_voicemail_that_pressed_nothing_and_a_cancelled_call() -> None:
    async with box(**EVERYTHING_AT_ONCE) as api:
        await api.made("+16505550115", playPrompt=True)
        await api.cancel(await api.made())
        await api.advance(20)
        found = {(one["result"], one["reason"]) for one in await records(api, LOG)}
        assert found == {("Answered Not Accepted", "Connected"), ("Stopped", "Stopped")}


async def test_a_record_may_hold_one_leg_only() -> None:
    async with box(**EVERYTHING_AT_ONCE, call_log_legs="one") as api:
        await api.made("+16505550110")
        await api.advance(20)
        legs = (await records(api, LOG, view="Detailed"))[0]["legs"]
        assert [leg["result"] for leg in legs] == ["Busy"]


async def test_filters_by_number_and_session() -> None:
    async with box(**EVERYTHING_AT_ONCE, ids_equal=False) as api:
        await api.made("+16505550110")
        await api.made()
        await api.advance(20)
        connected = (await records(api, LOG, phoneNumber="16505550123"))[0]
        assert connected["result"] == "Call connected"
        assert await results(api, LOG, phoneNumber=AGENT[1:]) == ["Call connected", "Busy"]
        assert await results(api, LOG, phoneNumber=HAPPY) == []
        for name in ("sessionId", "telephonySessionId"):
            assert await results(api, LOG, **{name: connected[name]}) == ["Call connected"]
            assert await results(api, LOG, **{name: "1"}) == []


async def test_filters_by_time() -> None:
    async with box(**EVERYTHING_AT_ONCE) as api:
        before = at(seconds=1)
        await api.made()
        await api.advance(20)
        assert len(await records(api, LOG, dateFrom=before)) == 1
        assert await records(api, LOG, dateFrom=at(seconds=-5)) == []
        assert await records(api, LOG, dateTo=before) == []
        assert await records(api, LOG, dateFrom=at(hours=2), dateTo=at(hours=1)) == []


async def test_filters_by_kind() -> None:
    async with box(**EVERYTHING_AT_ONCE) as api:
        await api.made()
        await api.advance(20)
        assert len(await records(api, LOG, direction="Outbound", type="Voice")) == 1
        assert await records(api, LOG, direction="Inbound") == []
        assert await records(api, LOG, type="Fax") == []


async def test_active_calls_drop_filters() -> None:
    async with box(**EVERYTHING_AT_ONCE) as api:
        await api.made()
        assert len(await records(api, ACTIVE, direction="Inbound", phoneNumber="1")) == 1


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"dateFrom": "yesterday"}, "CMN-101"),
        ({"dateTo": "2026-01-01T00:00:00"}, "CMN-101"),
        ({"perPage": "0"}, "CMN-101"),
        ({"perPage": "1001"}, "CMN-101"),
        ({"perPage": "251", "view": "Detailed"}, "CMN-101"),
        ({"page": "-1"}, "CMN-101"),
        ({"page": "9" * 5000}, "CMN-101"),
        ({"view": "Everything"}, "CMN-101"),
        ({"direction": "Sideways"}, "CMN-101"),
        ({"sessionId": "1", "phoneNumber": "2"}, "CLG-110"),
    ],
)
async def test_a_query_that_is_not_understood(query: dict[str, str], code: str) -> None:
    async with box() as api:
        answer = await api.get(LOG, **query)
        assert (answer.status, answer.code) == (400, code)
        assert answer.json["errors"][0]["parameterName"] in query


async def test_pages() -> None:
    async with box(**EVERYTHING_AT_ONCE) as api:
        made = [await api.made() for _ in range(5)]
        await api.advance(20)
        answer = (await api.get(LOG, perPage=2)).json
        seen = []
        while True:
            seen += [record["telephonySessionId"] for record in answer["records"]]
            if "nextPage" not in answer["navigation"]:
                break
            following = answer["navigation"]["nextPage"]["uri"].removeprefix(api.url)
            answer = (await api.ask("GET", following)).json
        assert seen == made[::-1]
        assert answer["paging"] == {
            "page": 3,
            "perPage": 2,
            "pageStart": 4,
            "pageEnd": 4,
            "totalPages": 3,
            "totalElements": 5,
        }
        assert "previousPage" in answer["navigation"]


@pytest.mark.parametrize("name", ["active-calls", "call-log"])
async def test_an_extension_sees_its_own_and_the_account_sees_all(name: str) -> None:
    async with box(**EVERYTHING_AT_ONCE) as api:
        await api.made()
        api.token = "simulator-key.2"
        await api.made("+16505550110")
        await api.advance(20)
        assert await results(api, f"{EXTENSION}/{name}") == ["Busy"]
        assert await results(api, f"{ACCOUNT}/{name}") == ["Busy", "Call connected"]


async def test_the_permission_is_another_than_ring_outs() -> None:
    async with box(scope="RingOut") as api:
        assert (await api.make()).status == 200
        for path in (ACTIVE, LOG):
            assert (await api.get(path)).code == "CMN-401"
