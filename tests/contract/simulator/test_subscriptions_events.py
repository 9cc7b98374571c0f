"""What subscriptions are told of calls, through a webhook."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from tests.contract.simulator.push_kit import (
    ALL_SESSIONS,
    BUSY,
    FOREVER,
    PRESENCE,
    SCOPE,
    SESSIONS,
    SUBSCRIPTION,
    counts,
    echo,
    hang_but_for_handshakes,
    hook,
    seen,
    settled,
    subscribed,
    told_of_all,
)
from tests.contract.simulator.simulator_kit import ACCOUNT, AGENT, HAPPY, box
from tests.harness.waiting import wait_until

OWN = "/restapi/v1.0/account/400131425008/extension/400131426001"
HAPPY_TO_ITS_END = (0, 2, 3, 10)
"""Seconds between the changes of a happy call."""


async def test_a_call_from_its_beginning_to_its_end() -> None:
    async with hook() as told, box(scope=SCOPE, target_leg="report") as api:
        name = await subscribed(api, told, token="secret")
        await api.made()
        events = await told_of_all(api, told, HAPPY_TO_ITS_END)
        assert [seen(one) for one in events] == [
            (1, ["Proceeding"]),
            (2, ["Answered", "Proceeding"]),
            (3, ["Answered"]),
            (4, ["Disconnected", "Disconnected"]),
        ]
        assert len({one["uuid"] for one in events}) == 4
        assert {one["subscriptionId"] for one in events} == {name}
        assert all(one["Verification-Token"] == "secret" for one in told.headers)
        assert told.headers[0]["User-Agent"] == "RingCentral-Webhook/8.3"
        assert (await settled(api, 4))["failed"] == 0


async def test_the_shape_of_an_event() -> None:
    async with hook() as told, box(scope=SCOPE) as api:
        await subscribed(api, told)
        name = await api.made()
        event = await told.next()
        row = (await api.ledger())[0]
        assert event.keys() == {
            "uuid", "event", "timestamp", "subscriptionId", "ownerId", "body",
        }  # fmt: skip
        assert (event["event"], event["ownerId"]) == (f"{OWN}/telephony/sessions", "400131426001")
        body = event["body"]
        assert event["uuid"].isdecimal()
        assert body.pop("eventTime").endswith("Z")
        assert body == {
            "sequence": 1,
            "sessionId": row["sessionId"],
            "telephonySessionId": name,
            "serverId": "10.13.22.28.TAM",
            "origin": {"type": "RingOut"},
            "parties": [
                {
                    "accountId": "400131425008",
                    "extensionId": "400131426001",
                    "id": f"p-{name.removeprefix('s-')}-1",
                    "direction": "Inbound",
                    "from": {"phoneNumber": HAPPY},
                    "to": {"phoneNumber": AGENT, "extensionId": "400131426001"},
                    "status": {"code": "Proceeding", "rcc": False},
                    "park": {},
                    "missedCall": False,
                    "standAlone": False,
                    "muted": False,
                }
            ],
        }


async def test_the_callee_is_not_told_of() -> None:
    async with hook() as told, box(scope=SCOPE) as api:
        await subscribed(api, told)
        await api.made()
        events = await told_of_all(api, told, (0, 2, 13))
        assert [seen(one) for one in events] == [
            (1, ["Proceeding"]),
            (2, ["Answered"]),
            (4, ["Disconnected"]),
        ]


async def test_numbers_and_role_as_tuned() -> None:
    tuning: dict[str, Any] = {"initiator_numbers": "straight", "ringout_role_in_events": True}
    async with hook() as told, box(scope=SCOPE, target_leg="report", **tuning) as api:
        await subscribed(api, told)
        await api.made()
        await api.advance(2)
        first, second = await told.several(2)
        party = first["body"]["parties"][0]
        numbers = (party["from"]["phoneNumber"], party["to"]["phoneNumber"])
        assert numbers == (AGENT, HAPPY)
        roles = [one["ringOutRole"] for one in second["body"]["parties"]]
        assert roles == ["Initiator", "Target"]
        assert "extensionId" not in second["body"]["parties"][1]


async def test_a_cancel_is_told_at_once_and_nothing_after_it() -> None:
    async with hook() as told, box(scope=SCOPE) as api:
        await subscribed(api, told)
        name = await api.made()
        await told.next()
        assert (await api.cancel(name)).status == 204
        event = await told.next()
        status = {"code": "Disconnected", "reason": "Cancelled", "rcc": False}
        assert event["body"]["parties"][0]["status"] == status
        await api.advance(100)
        await api.made(BUSY)
        assert (await told.next())["body"]["telephonySessionId"] != name


async def test_a_hang_up_is_told_at_once() -> None:
    async with hook() as told, box(scope=SCOPE) as api:
        await subscribed(api, told)
        name = await api.made(FOREVER)
        await told_of_all(api, told, (0, 2))
        await api.advance(3)
        await api.sim("hangup", id=name)
        assert seen(await told.next()) == (4, ["Disconnected"])


async def test_the_end_of_a_session_is_told_at_once() -> None:
    async with hook() as told, box(scope=SCOPE) as api:
        await subscribed(api, told)
        name = await api.made(FOREVER)
        await told_of_all(api, told, (0, 2))
        ended = await api.ask("DELETE", f"{ACCOUNT}/telephony/sessions/{name}")
        assert ended.status == 204
        assert seen(await told.next())[1] == ["Disconnected"]


async def test_one_who_comes_later_is_told_of_later_changes() -> None:
    async with hook() as told, box(scope=SCOPE) as api:
        await api.made(FOREVER)
        name = await api.made()
        await api.advance(4)
        await subscribed(api, told)
        assert len(api.world.notices) == 2
        await api.advance(11)
        event = await told.next()
        assert event["body"]["telephonySessionId"] == name
        assert seen(event) == (4, ["Disconnected"])


async def test_one_more_who_comes_later_changes_nothing_for_the_first() -> None:
    async with hook() as first, hook() as second, box(scope=SCOPE) as api:
        await subscribed(api, first)
        await api.made()
        await first.next()
        await subscribed(api, second)
        await api.advance(2)
        assert seen(await first.next()) == seen(await second.next()) == (2, ["Answered"])
        assert (await counts(api))["sent"] == 2


async def test_an_extension_hears_of_its_own_calls_and_the_account_of_all() -> None:
    async with hook() as one, hook() as all_, box(scope=SCOPE) as api:
        await subscribed(api, one)
        await subscribed(api, all_, ALL_SESSIONS, SESSIONS)
        api.token = "simulator-key.2"
        other = await api.made()
        event = await all_.next()
        assert event["body"]["telephonySessionId"] == other
        assert event["ownerId"] == "400131426001"
        assert event["event"] == f"{OWN[:-1]}2/telephony/sessions"
        api.token = "simulator-key"
        own = await api.made()
        assert (await one.next())["body"]["telephonySessionId"] == own
        assert (await all_.next())["body"]["telephonySessionId"] == own
        rows = (await api.get("/__sim/subscriptions")).json["subscriptions"]
        assert [one["sent"] for one in rows] == [1, 2]


async def test_other_filters_let_other_calls_through() -> None:
    async with hook() as told, box(scope=SCOPE) as api:
        name = await subscribed(api, told)
        await api.ask("PUT", f"{SUBSCRIPTION}/{name}", json={"eventFilters": [ALL_SESSIONS]})
        api.token = "simulator-key.2"
        other = await api.made()
        assert (await told.next())["body"]["telephonySessionId"] == other


async def test_what_waits_for_its_turn_ends_with_the_subscription() -> None:
    async with hook() as told, box(scope=SCOPE) as api:
        name = await subscribed(api, told)
        go = asyncio.Event()

        async def wait(request: web.Request) -> web.StreamResponse:
            await go.wait()
            return await echo(request)

        told.reply = wait
        await api.made()
        await api.advance(15)
        await told.next()
        await api.ask("DELETE", f"{SUBSCRIPTION}/{name}")
        go.set()
        again = await subscribed(api, told)
        await api.made()
        assert (await told.next())["subscriptionId"] == again


async def test_the_end_of_the_simulator_breaks_deliveries_off() -> None:
    async with hook() as told:
        told.reply = hang_but_for_handshakes
        before = len(asyncio.all_tasks())
        async with box(scope=SCOPE) as api:
            await subscribed(api, told)
            await api.made()
            await told.next()
        await wait_until(lambda: len(asyncio.all_tasks()) <= before)
        assert api.world.courier.closed


@pytest.mark.parametrize(
    ("query", "told_of"),
    [
        ("statusCode=Answered", [2]),
        ("statusCode=Answered&statusCode=Disconnected", [2, 4]),
        ("direction=Inbound", [1, 2, 4]),
        ("phoneNumber=%2B16505550123", [1, 2, 4]),
    ],
)
async def test_a_query_narrows(query: str, told_of: list[int]) -> None:
    async with hook() as told, box(scope=SCOPE) as api:
        await subscribed(api, told, f"{SESSIONS}?{query}")
        await subscribed(api, told, f"{SESSIONS}?direction=Outbound")
        await subscribed(api, told, f"{SESSIONS}?phoneNumber=%2B16505550199")
        await api.made()
        await api.advance(15)
        events = await told.several(len(told_of))
        assert [one["body"]["sequence"] for one in events] == told_of
        await settled(api, len(told_of))
        assert told.events.empty()


async def test_nothing_is_planned_while_nobody_subscribes() -> None:
    async with hook() as told, box(scope=SCOPE) as api:
        for _ in range(3):
            await api.made()
        assert len(api.world.notices) == 0
        name = await subscribed(api, told)
        assert len(api.world.notices) == 3
        api.token = "simulator-key.2"
        await api.made()
        assert len(api.world.notices) == 3
        api.token = "simulator-key"
        await api.ask("DELETE", f"{SUBSCRIPTION}/{name}")
        assert len(api.world.notices) == 0


async def test_time_passes_by_itself() -> None:
    async with hook() as told, box(scope=SCOPE, speed=100.0) as api:
        await subscribed(api, told)
        await api.made()
        events = await told.several(3)
        assert [one["body"]["sequence"] for one in events] == [1, 2, 4]
        await settled(api, 3)
        assert len(api.world.notices) == 0


async def test_the_clock_may_change_its_speed() -> None:
    async with hook() as told, box(scope=SCOPE) as api:
        await subscribed(api, told)
        await api.made()
        await told.next()
        await api.sim("clock", speed=1000)
        assert seen(await told.next()) == (2, ["Answered"])


async def test_a_phantom_beside_each_call() -> None:
    async with hook() as told, box(scope=SCOPE, phantom_inbound=True) as api:
        await subscribed(api, told)
        await api.made()
        call, phantom = (one["body"] for one in await told.several(2))
        gap = int(phantom["sessionId"]) - int(call["sessionId"])
        assert gap in {1000, 2000, 3000, 4000}
        assert phantom["telephonySessionId"] != call["telephonySessionId"]
        assert phantom["origin"] == {"type": "Call"}
        assert phantom["parties"][0]["direction"] == "Inbound"
        await api.cancel(str(call["telephonySessionId"]))
        await told.several(2)
        await api.advance(60)
        assert (await counts(api))["sent"] == 4


async def test_presence() -> None:
    async with hook() as told, box(scope=SCOPE) as api:
        await subscribed(api, told, PRESENCE)
        name = await api.made()
        ringing, connected, idle = await told_of_all(api, told, (0, 2, 13))
        assert ringing["event"] == f"{OWN}/presence?detailedTelephonyState=true"
        words = [one["body"]["telephonyStatus"] for one in (ringing, connected, idle)]
        assert words == ["Ringing", "CallConnected", "NoCall"]
        active = connected["body"]["activeCalls"][0]
        assert active["telephonySessionId"] == name
        assert (active["from"], active["to"]) == (AGENT, HAPPY)
        assert idle["body"]["activeCalls"][0]["terminationType"] == "final"
        assert [one["body"]["sequence"] for one in (ringing, connected, idle)] == [1, 2, 3]
        later = await api.made()
        active = (await told.next())["body"]["activeCalls"]
        assert [one["telephonySessionId"] for one in active] == [later]
