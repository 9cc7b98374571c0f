"""The routes under `/__sim`: ledger, journal, counts, clock, settings, reset."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulator.journal import Entry, Journal
from tests.contract.simulator.simulator_kit import AGENT, HAPPY, IN_PROGRESS, box


async def test_the_ledger_says_what_was_dialled() -> None:
    async with box() as api:
        before = time.monotonic_ns()
        first = await api.made()
        await api.made("+16505550110")
        rows = await api.ledger()
        assert [row["number"] for row in rows] == [0, 1]
        row = rows[0]
        assert (row["id"], row["from"], row["to"]) == (first, AGENT, HAPPY)
        assert (row["scenario"], row["state"]) == ("happy", "ringing_caller")
        assert tuple(row["status"].values()) == IN_PROGRESS
        assert before < row["received_monotonic_ns"] < time.monotonic_ns()
        age = datetime.now(UTC) - datetime.fromisoformat(row["at"])
        assert timedelta(0) <= age < timedelta(minutes=1)
        only = (await api.get("/__sim/calls", to="+16505550110")).json["calls"]
        assert [one["number"] for one in only] == [1]
        assert (await api.get("/__sim/calls", to="+19995550000")).json["calls"] == []


async def test_the_ledger_forgets_nothing() -> None:
    async with box(retention=0) as api:
        await api.made()
        await api.advance(10**6)
        assert [row["state"] for row in await api.ledger()] == ["ended"]


async def test_the_journal_says_what_arrived() -> None:
    async with box() as api:
        before = time.monotonic_ns()
        ringout_id = await api.made()
        await api.read(ringout_id)
        await api.log_in("Basic x")
        await api.get("/restapi")
        answer = (await api.get("/__sim/requests")).json
        entries = answer["requests"]
        assert [(one["operation"], one["status"], one["group"]) for one in entries] == [
            ("make", 200, "heavy"),
            ("status", 200, "light"),
            ("token", 400, "auth"),
            ("versions", 200, None),
        ]
        assert entries[0]["call"] == entries[1]["call"] == 0
        assert entries[0]["extension"] == "400131426001"
        assert entries[1]["path"].endswith(ringout_id)
        times = [before, *(one["received_monotonic_ns"] for one in entries), time.monotonic_ns()]
        assert times == sorted(times)
        assert (answer["next"], answer["first_kept"]) == (4, 0)


async def test_the_journal_is_read_in_pieces() -> None:
    async with box() as api:
        for _ in range(5):
            await api.read("x")
        await api.make()
        piece = (await api.get("/__sim/requests", since=1, limit=2)).json
        assert [one["index"] for one in piece["requests"]] == [1, 2]
        assert piece["next"] == 3
        rest = (await api.get("/__sim/requests", since=3)).json
        assert [one["index"] for one in rest["requests"]] == [3, 4, 5]
        makes = (await api.get("/__sim/requests", operation="make")).json["requests"]
        assert [one["index"] for one in makes] == [5]
        assert (await api.get("/__sim/requests", since=99)).json["requests"] == []
        assert (await api.get("/__sim/requests", since="x")).status == 400


def test_the_journal_is_bounded() -> None:
    journal = Journal(kept=3)
    for index in range(5):
        journal.open(Entry(index, "make", "POST", "/", 0.0, 0, None))
    assert [entry.index for entry in journal.since(0)] == [2, 3, 4]
    assert [entry.index for entry in journal.since(4)] == [4]
    assert journal.first_kept == 2


async def test_counts() -> None:
    async with box() as api:
        await api.made()
        await api.made("+16505550126")
        await api.read("x")
        await api.advance(50)
        stats = (await api.get("/__sim/stats")).json
        assert (stats["requests"], stats["calls_dialled"], stats["calls_live"]) == (3, 2, 1)
        assert stats["requests_by_operation"] == {"make": 2, "status": 1}
        assert stats["answers_by_status"] == {"200": 2, "404": 1}


async def test_the_clock_runs_at_another_speed_from_now_on() -> None:
    async with box(retention=10**9) as api:
        ringout_id = await api.made()
        assert (await api.sim("clock", advance=1))["simulated_seconds"] == pytest.approx(1, abs=0.1)
        changed = await api.sim("clock", speed=100_000)
        assert changed["speed"] == 100_000
        while (await api.read(ringout_id)).words[0] == "InProgress":
            pass


@pytest.mark.parametrize(
    "body", [{"speed": 0}, {"speed": "fast"}, {"advance": -1}, {"pause": True}]
)
async def test_a_clock_change_that_is_not_understood(body: dict[str, Any]) -> None:
    async with box() as api:
        answer = await api.ask("POST", "/__sim/clock", json=body)
        assert answer.status == 400
        assert answer.json["error"].startswith(next(iter(body)))


async def test_settings_are_read_and_changed() -> None:
    async with box() as api:
        changed = await api.sim("settings", retention=5, delete_mode="lenient", talk=1)
        assert (changed["retention"], changed["delete_mode"]) == (5, "lenient")
        assert (await api.get("/__sim/settings")).json == changed
        assert changed["leg1_ring"] == 2


@pytest.mark.parametrize(
    "body",
    [
        {"retenton": 5},
        {"retention": -1},
        {"retention": "long"},
        {"delete_mode": "sometimes"},
        {"id_mode": "uuid"},
        {"call_log_lag": [30, 15]},
        {"call_log_lag": 15},
        {"limits": "heavy=ten"},
        {"default_scenario": "nothing"},
        {"api_key_valid": "perhaps"},
    ],
)
async def test_a_setting_that_is_not_understood_changes_nothing(body: dict[str, Any]) -> None:
    async with box() as api:
        before = (await api.get("/__sim/settings")).json
        answer = await api.ask("POST", "/__sim/settings", json={"talk": 3, **body})
        assert answer.status == 400
        assert next(iter(body)) in answer.json["error"]
        assert (await api.get("/__sim/settings")).json == before


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff"])
async def test_an_admin_body_that_is_no_object(body: bytes) -> None:
    async with box() as api:
        for path in ("settings", "faults", "clock", "hangup"):
            assert (await api.ask("POST", f"/__sim/{path}", data=body)).status == 400


async def test_a_reset_is_a_fresh_start() -> None:
    async with box(limits="heavy=1/60", retention=7) as api:
        token = (await api.log_in()).json["access_token"]
        ringout_id = await api.made()
        await api.fault("any", "status", times=None)
        await api.sim("settings", retention=1, limits="off")
        await api.sim("clock", speed=3, advance=100)
        stats = await api.sim("reset")
        assert (stats["requests"], stats["calls_dialled"]) == (0, 0)
        assert stats["speed"] < 1
        assert await api.ledger() == []
        assert (await api.get("/__sim/settings")).json["retention"] == 7
        assert (await api.read(ringout_id)).status == 404
        assert [(await api.make()).status for _ in range(2)] == [200, 429]
        api.token = token
        assert (await api.read("x")).status == 401
