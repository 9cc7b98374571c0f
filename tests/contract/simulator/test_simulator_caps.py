"""Caps on simultaneous calls, which only the call log tells of."""

from typing import Any

import pytest

from tests.contract.simulator.simulator_kit import ACCOUNT, EXTENSION, IN_PROGRESS, Box, box

SCOPE = "CallControl ReadAccounts ReadCallLog ReadPresence RingOut"
VISIBLE: dict[str, Any] = {
    "presence_lag": (0, 0),
    "active_calls_lag": (0, 0),
    "call_log_lag": (0, 0),
}


async def records(api: Box, owner: str = EXTENSION) -> list[tuple[str, str]]:
    found = (await api.get(f"{owner}/call-log")).json["records"]
    return [(one["result"], one["reason"]) for one in found if one["result"] == "Call Failed"]


@pytest.mark.parametrize(
    ("tuning", "reason"),
    [
        ({"max_calls_per_extension": 1}, "Too Many Calls"),
        ({"max_calls_per_account": 1}, "Max Call Limit"),
    ],
)
async def test_a_call_beyond_a_cap_is_answered_and_over(
    tuning: dict[str, Any], reason: str
) -> None:
    async with box(scope=SCOPE, **VISIBLE, **tuning) as api:
        first = await api.made()
        beyond = await api.make()
        assert (beyond.status, beyond.words) == (200, IN_PROGRESS)
        session = f"{ACCOUNT}/telephony/sessions/{beyond.json['id']}"
        for _ in range(2):
            body = (await api.get(f"{EXTENSION}/presence", detailedTelephonyState="true")).json
            assert [one["telephonySessionId"] for one in body["activeCalls"]] == [first]
            assert len((await api.get(f"{EXTENSION}/active-calls")).json["records"]) == 1
            assert (await api.get(session)).status == 404
            assert (await api.get("/__sim/stats")).json["calls_live"] == 1
            await api.advance(0.25)
        assert (await api.read(beyond.json["id"])).status == 404
        assert await records(api) == [("Call Failed", reason)]


async def test_it_may_show_an_error_instead() -> None:
    async with box(max_calls_per_extension=1, capped_shows="error") as api:
        await api.made()
        beyond = await api.made()
        await api.advance(0.25)
        assert (await api.read(beyond)).words == ("CannotReach", "GenericError", "InProgress")


async def test_room_comes_back_when_a_call_ends() -> None:
    async with box(max_calls_per_extension=1, call_log_lag=(0, 0)) as api:
        await api.made()
        await api.advance(16)
        await api.made()
        await api.advance(16)
        assert await records(api) == []


async def test_an_extensions_cap_is_its_own_and_an_accounts_is_everyones() -> None:
    async with box(max_calls_per_extension=1, call_log_lag=(0, 0)) as api:
        await api.made()
        api.token = "simulator-key.2"
        await api.made()
        await api.advance(1)
        assert await records(api, ACCOUNT) == []
        await api.sim("settings", max_calls_per_extension=0, max_calls_per_account=2)
        await api.made()
        await api.advance(1)
        assert await records(api, ACCOUNT) == [("Call Failed", "Max Call Limit")]
