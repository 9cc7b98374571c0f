"""Presence: an extension's live calls in one light request."""

from typing import Any

from tests.contract.simulator.simulator_kit import AGENT, EXTENSION, HAPPY, Box, box

NOW = (0, 0)


async def presence(api: Box) -> dict[str, Any]:
    answer = await api.get(f"{EXTENSION}/presence", detailedTelephonyState="true")
    body: dict[str, Any] = answer.json
    return body


async def test_each_live_call_of_the_extension_is_listed() -> None:
    async with box(presence_lag=NOW) as api:
        first = await api.made()
        second = await api.made("+16505550110")
        api.token = "simulator-key.2"
        await api.made()
        api.token = "simulator-key"
        body = await presence(api)
        assert [one["telephonySessionId"] for one in body["activeCalls"]] == [first, second]
        entry = body["activeCalls"][0]
        assert (entry["direction"], entry["from"], entry["to"]) == ("Outbound", AGENT, HAPPY)
        row = (await api.ledger())[0]
        assert (entry["sessionId"], entry["startTime"]) == (row["sessionId"], row["at"])
        assert entry["partyId"].startswith("p-")


async def test_the_words_in_time() -> None:
    async with box(presence_lag=NOW) as api:
        await api.made()
        seen = []
        for step in (1, 1.5, 3, 10):
            await api.advance(step)
            body = await presence(api)
            calls = [one["telephonyStatus"] for one in body["activeCalls"]]
            seen.append((body["telephonyStatus"], body["presenceStatus"], calls))
        assert seen == [
            ("Ringing", "Busy", ["Ringing"]),
            ("CallConnected", "Busy", ["CallConnected"]),
            ("CallConnected", "Busy", ["CallConnected"]),
            ("NoCall", "Available", []),
        ]


async def test_without_detail_there_is_only_the_summary() -> None:
    async with box(presence_lag=NOW) as api:
        await api.made()
        body = (await api.get(f"{EXTENSION}/presence")).json
        assert body["telephonyStatus"] == "Ringing"
        assert "activeCalls" not in body


async def test_what_presence_shows_is_a_lag_old() -> None:
    async with box(presence_lag=(5, 5)) as api:
        await api.made()
        seen = []
        for step in (4, 2, 2, 10, 3):
            await api.advance(step)
            seen.append([one["telephonyStatus"] for one in (await presence(api))["activeCalls"]])
        assert seen == [[], ["Ringing"], ["CallConnected"], ["CallConnected"], []]


async def test_only_the_latest_where_so_many_are_listed() -> None:
    async with box(presence_lag=NOW, presence_calls=2) as api:
        made = [await api.made() for _ in range(3)]
        listed = [one["telephonySessionId"] for one in (await presence(api))["activeCalls"]]
        assert listed == made[1:]


async def test_a_phantom_stands_beside_the_call_where_so_tuned() -> None:
    async with box(presence_lag=NOW, phantom_inbound=True) as api:
        await api.made()
        real, phantom = (await presence(api))["activeCalls"]
        offset = int(phantom["sessionId"]) - int(real["sessionId"])
        assert offset in {1000, 2000, 3000, 4000}
        assert (phantom["direction"], phantom["from"], phantom["to"]) == ("Inbound", HAPPY, AGENT)
        assert phantom["telephonySessionId"] != real["telephonySessionId"]
        assert phantom["telephonyStatus"] == real["telephonyStatus"]


async def test_presence_can_fail() -> None:
    async with box() as api:
        await api.fault("presence", "status")
        assert (await api.get(f"{EXTENSION}/presence")).status == 503
