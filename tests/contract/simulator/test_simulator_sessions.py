"""Telephony sessions by REST: what they show, who may see them, and how they end."""

from typing import Any

import pytest

from tests.contract.simulator.simulator_kit import ACCOUNT, AGENT, EXTENSION, HAPPY, Box, box

SCOPE = "CallControl ReadAccounts ReadCallLog ReadPresence RingOut"
SESSIONS = f"{ACCOUNT}/telephony/sessions"


async def session(api: Box, ringout_id: str) -> dict[str, Any]:
    """The session of a ring-out, by the id the ledger has for it."""
    row = next(one for one in await api.ledger() if one["id"] == ringout_id)
    body: dict[str, Any] = (await api.get(f"{SESSIONS}/{row['telephonySessionId']}")).json
    return body


def statuses(body: dict[str, Any]) -> list[tuple[str, str | None]]:
    found = [one["status"] for one in body["parties"]]
    return [(one["code"], one.get("reason")) for one in found]


async def test_a_session_looks_as_seen_in_the_field() -> None:
    async with box(scope=SCOPE) as api:
        ringout_id = await api.made(callerId={"phoneNumber": "+16505550104"})
        await api.advance(2.5)
        body = await session(api, ringout_id)
        assert (body["id"], body["origin"]) == (ringout_id, {"type": "RingOut"})
        first, second = body["parties"]
        assert (first["ringOutRole"], second["ringOutRole"]) == ("Initiator", "Target")
        assert (first["direction"], second["direction"]) == ("Inbound", "Inbound")
        assert first["owner"] == {"accountId": "400131425008", "extensionId": "400131426001"}
        assert "owner" not in second
        assert (first["from"]["phoneNumber"], first["to"]["phoneNumber"]) == (HAPPY, AGENT)
        assert (second["from"]["phoneNumber"], second["to"]["phoneNumber"]) == (
            "+16505550104",
            HAPPY,
        )
        await api.sim("settings", initiator_numbers="straight")
        first = (await session(api, ringout_id))["parties"][0]
        assert (first["from"]["phoneNumber"], first["to"]["phoneNumber"]) == (AGENT, HAPPY)


async def test_the_parties_of_a_conversation_in_time() -> None:
    async with box(scope=SCOPE) as api:
        ringout_id = await api.made(playPrompt=True)
        seen = []
        for step in (0, 2.5, 1, 3, 10):
            await api.advance(step)
            seen.append(statuses(await session(api, ringout_id)))
        assert seen == [
            [("Proceeding", None)],
            [("Proceeding", None)],
            [("Answered", None), ("Proceeding", None)],
            [("Answered", None), ("Answered", None)],
            [("Disconnected", "CallFinished"), ("Disconnected", "CallFinished")],
        ]


@pytest.mark.parametrize(
    ("digits", "reasons"),
    [
        ("0110", ["CallFinished", "TargetBusy"]),
        ("0111", ["CallFinished", "NoAnswer"]),
        ("0112", ["CallFinished", "Rejected"]),
        ("0113", ["NoAnswer"]),
        ("0114", ["TargetBusy"]),
        ("0116", ["InternalError"]),
        ("0118", ["CallFinished", "InternationalDisabled"]),
        ("0119", ["CallFinished", "DestinationBlocked"]),
        ("0120", ["CallFinished", "NotEnoughFunds"]),
        ("0121", ["InternalError"]),
        ("0122", ["CallFinished", "Rejected"]),
        ("0128", ["CallFinished", "NoSuchUser"]),
    ],
)
async def test_why_parties_were_disconnected(digits: str, reasons: list[str]) -> None:
    async with box(scope=SCOPE) as api:
        ringout_id = await api.made(f"+1650555{digits}")
        await api.advance(20)
        ended = statuses(await session(api, ringout_id))
        assert ended == [("Disconnected", reason) for reason in reasons]


async def test_a_session_can_be_read_for_a_while_after_its_end() -> None:
    async with box(scope=SCOPE, session_retention=30, retention=0) as api:
        ringout_id = await api.made()
        await api.advance(15 + 29)
        assert (await api.read(ringout_id)).status == 404
        assert (await api.get(f"{SESSIONS}/{ringout_id}")).status == 200
        await api.advance(2)
        answer = await api.get(f"{SESSIONS}/{ringout_id}")
        assert (answer.status, answer.code) == (404, "CMN-102")


@pytest.mark.parametrize("mode", ["session", "base64", "integer"])
async def test_the_ids_may_differ_and_every_source_names_the_same_session(mode: str) -> None:
    async with box(
        scope=SCOPE, ids_equal=False, id_mode=mode, presence_lag=(0, 0), active_calls_lag=(0, 0)
    ) as api:
        ringout_id = await api.made()
        assert (await api.get(f"{SESSIONS}/{ringout_id}")).status == 404
        named = (await session(api, ringout_id))["id"]
        presence = await api.get(f"{EXTENSION}/presence", detailedTelephonyState="true")
        assert [one["telephonySessionId"] for one in presence.json["activeCalls"]] == [named]
        active = (await api.get(f"{EXTENSION}/active-calls")).json["records"]
        await api.advance(60)
        logged = (await api.get(f"{EXTENSION}/call-log", telephonySessionId=named)).json["records"]
        assert [one["telephonySessionId"] for one in (*active, *logged)] == [named, named]


@pytest.mark.parametrize(
    ("age", "words", "result"),
    [
        (1, ("CannotReach", "Rejected", "InProgress"), "Stopped"),
        (3, ("CannotReach", "Finished", "Rejected"), "Stopped"),
        (6, ("Success", "Finished", "Finished"), "Call connected"),
    ],
)
async def test_deleting_a_session_ends_the_call_at_any_phase(
    age: float, words: tuple[str, str, str], result: str
) -> None:
    async with box(scope=SCOPE, call_log_lag=(0, 0)) as api:
        ringout_id = await api.made("+16505550126")
        await api.advance(age)
        assert (await api.ask("DELETE", f"{SESSIONS}/{ringout_id}")).status == 204
        assert (await api.read(ringout_id)).words == words
        assert {code for code, _ in statuses(await session(api, ringout_id))} == {"Disconnected"}
        assert (await api.ask("DELETE", f"{SESSIONS}/{ringout_id}")).status == 404
        record = (await api.get(f"{EXTENSION}/call-log")).json["records"][0]
        assert record["result"] == result


async def test_a_party_is_read_and_ended() -> None:
    async with box(scope=SCOPE) as api:
        ringout_id = await api.made()
        first = (await session(api, ringout_id))["parties"][0]
        path = f"{SESSIONS}/{ringout_id}/parties"
        assert (await api.get(f"{path}/{first['id']}")).json == first
        assert (await api.get(f"{path}/p-nobody-1")).status == 404
        assert (await api.ask("DELETE", f"{path}/p-nobody-1")).status == 404
        assert (await api.ask("DELETE", f"{path}/{first['id']}")).status == 204
        assert statuses(await session(api, ringout_id)) == [("Disconnected", "Cancelled")]


async def test_sessions_need_call_control_which_an_app_has_not_by_default() -> None:
    async with box() as api:
        ringout_id = await api.made()
        for method in ("GET", "DELETE"):
            answer = await api.ask(method, f"{SESSIONS}/{ringout_id}")
            assert (answer.status, answer.code) == (403, "CMN-401")
        assert (await api.ledger())[0]["state"] == "ringing_caller"


async def test_another_extensions_session_is_none() -> None:
    async with box(scope=SCOPE) as api:
        ringout_id = await api.made()
        api.token = "simulator-key.2"
        assert (await api.ask("DELETE", f"{SESSIONS}/{ringout_id}")).status == 404


async def test_sessions_cost_light_requests_and_can_fail() -> None:
    async with box(scope=SCOPE, limits="light=3/60") as api:
        ringout_id = await api.made()
        path = f"{SESSIONS}/{ringout_id}"
        await api.fault("session", "status", match={"to": HAPPY})
        answer = await api.get(path)
        assert (answer.status, answer.headers["X-Rate-Limit-Group"]) == (503, "light")
        await api.fault("end-session", "status", match={"to": "+12125550123"})
        assert (await api.ask("DELETE", path)).status == 204
        assert [(await api.get(path)).status for _ in range(2)] == [200, 429]
