"""What the client tells the shared budget, and when it may ask RingCentral at all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from structlog.testing import capture_logs

from orchestrator.domain.errors import UpstreamFailed, UpstreamGated, UpstreamRefused
from orchestrator.telephony.auth import StaticToken
from orchestrator.telephony.client import MOST_PAGES, RingCentral
from tests.integration.telephony.world import (
    BODY,
    PLACED,
    RINGING,
    ManualClock,
    MemoryBudget,
    OddServer,
    Reply,
    Script,
    always,
    in_turn,
    odd_server,
    reply,
)

READING = {"id": "s-1", "status": RINGING}
SPOKEN = {"X_Rate_Limit_Group": "whatever", "X_Rate_Limit_Limit": "10", "X_Rate_Limit_Window": "60"}
TOO_MANY = {"errorCode": "CMN-301", "errors": [{"errorCode": "CMN-301"}]}


@dataclass
class Talk:
    server: OddServer
    ringcentral: RingCentral
    budget: MemoryBudget
    clock: ManualClock


@asynccontextmanager
async def talking(script: Script, *, gate_on_spent: bool = True) -> AsyncIterator[Talk]:
    clock = ManualClock()
    budget = MemoryBudget(clock)
    async with (
        odd_server(script) as server,
        RingCentral(
            server_url=server.url,
            tokens=StaticToken("hidden-key"),
            budget=budget,
            credential="agent",
            gate_on_spent=gate_on_spent,
            clock=clock,
        ) as ringcentral,
    ):
        yield Talk(server, ringcentral, budget, clock)


async def _gated(talk: Talk) -> float:
    with pytest.raises(UpstreamGated) as gated:
        await talk.ringcentral.make("~", "~", BODY)
    return gated.value.retry_after


# 429


@pytest.mark.parametrize(
    ("headers", "closed"),
    [
        ({**SPOKEN, "Retry_After": "17"}, {"heavy": 17}),
        ({"Retry_After": "17"}, {"heavy": 17}),
        (SPOKEN, {"heavy": 60}),
        ({}, {"heavy": 60, "medium": 60, "light": 60, "auth": 60}),
    ],
    ids=["told", "told without rate headers", "not told", "headless"],
)
async def test_429_closes_the_gate_for_everyone(
    headers: dict[str, str], closed: dict[str, float]
) -> None:
    async with talking(always(reply(429, TOO_MANY, **headers))) as talk:
        assert await _gated(talk) == closed["heavy"]
        assert talk.budget.closed == closed
        assert len(talk.server.received) == 1


async def test_a_headless_429_to_the_probe_closes_all_gates() -> None:
    async with talking(always(reply(429, b"", Retry_After="9"))) as talk:
        with pytest.raises(UpstreamGated):
            await talk.ringcentral.ready()
        assert talk.budget.closed == {"heavy": 9, "medium": 9, "light": 9, "auth": 9}


async def test_a_duplicate_closes_no_gate() -> None:
    duplicate = reply(429, {"errorCode": "CMN-304"}, Retry_After="9")
    async with talking(always(duplicate)) as talk:
        with pytest.raises(UpstreamFailed):
            await talk.ringcentral.make("~", "~", BODY)
        assert talk.budget.closed == {}


@pytest.mark.parametrize(
    ("operation", "group"),
    [("status", "light"), ("cancel", "heavy"), ("active_calls", "heavy"), ("call_log", "heavy")],
)
async def test_nothing_is_sent_while_the_gate_is_closed(operation: str, group: str) -> None:
    async with talking(always(reply(200, {"status": RINGING, "records": []}))) as talk:
        arguments: dict[str, tuple[Any, ...]] = {
            "status": ("~", "~", "s-1"),
            "cancel": ("~", "~", "s-1"),
            "active_calls": ("~", "~"),
            "call_log": ("~", "~", 0, 1000),
        }
        ask = getattr(talk.ringcentral, operation)
        await ask(*arguments[operation])
        await talk.budget.close_gate("agent", group, 30)
        with pytest.raises(UpstreamGated) as gated:
            await ask(*arguments[operation])
        assert gated.value.retry_after == 30
        assert len(talk.server.received) == 1
        assert talk.budget.admitted == [group]


async def test_make_leaves_the_gate_to_whoever_writes_the_fence() -> None:
    async with talking(always(reply(200, PLACED))) as talk:
        await talk.ringcentral.make("~", "~", BODY)
        assert talk.budget.admitted == []


# A spent window


async def test_a_spent_window_is_waited_out() -> None:
    answer = reply(200, PLACED, **SPOKEN, X_Rate_Limit_Remaining="0")
    async with talking(always(answer)) as talk:
        await talk.ringcentral.make("~", "~", BODY)
        assert talk.budget.closed == {"heavy": 60}
        assert talk.budget.known == {("agent", "heavy"): (10, 0, 60)}


async def test_a_window_that_is_not_spent_closes_nothing() -> None:
    answer = reply(200, PLACED, **SPOKEN, X_Rate_Limit_Remaining="1")
    async with talking(always(answer)) as talk:
        await talk.ringcentral.make("~", "~", BODY)
        assert talk.budget.closed == {}
        assert talk.budget.known == {("agent", "heavy"): (10, 1, 60)}


async def test_waiting_out_a_spent_window_can_be_switched_off() -> None:
    answer = reply(200, PLACED, **SPOKEN, X_Rate_Limit_Remaining="0")
    async with talking(always(answer), gate_on_spent=False) as talk:
        await talk.ringcentral.make("~", "~", BODY)
        assert talk.budget.closed == {}


async def test_an_answer_without_rate_headers_teaches_nothing() -> None:
    async with talking(always(reply(200, PLACED))) as talk:
        await talk.ringcentral.make("~", "~", BODY)
        assert talk.budget.known == {}


async def test_a_placed_call_is_not_lost_to_an_outage_of_the_store() -> None:
    answer = reply(200, PLACED, **SPOKEN, X_Rate_Limit_Remaining="0")
    async with talking(always(answer)) as talk:
        talk.budget.is_away = True
        assert (await talk.ringcentral.make("~", "~", BODY)).ringout_id == "s-1"


# The share that is left


async def test_the_share_that_is_left_of_the_light_group() -> None:
    light = {**SPOKEN, "X_Rate_Limit_Limit": "50"}
    script = in_turn(
        reply(200, READING, **light, X_Rate_Limit_Remaining="20"),
        reply(200, PLACED, **SPOKEN, X_Rate_Limit_Remaining="1"),
    )
    async with talking(script) as talk:
        assert talk.ringcentral.share_left() == 1.0
        await talk.ringcentral.status("~", "~", "s-1")
        await talk.ringcentral.make("~", "~", BODY)
        assert talk.ringcentral.share_left() == 0.4
        talk.clock.forward(60)
        assert talk.ringcentral.share_left() == 0.4
        talk.clock.forward(0.001)
        assert talk.ringcentral.share_left() == 1.0


# 401 with a token that is fixed


async def test_a_fixed_token_that_is_refused_is_not_sent_again() -> None:
    refused = reply(401, {"errorCode": "TokenInvalid", "errors": [{"errorCode": "OAU-149"}]})
    async with talking(always(refused)) as talk:
        with pytest.raises(UpstreamRefused) as refusal:
            await talk.ringcentral.make("~", "~", BODY)
        assert (refusal.value.http_status, refusal.value.error_code) == (401, "OAU-149")
        assert len(talk.server.received) == 1


# Pages


def _page(name: str, *, has_next: bool) -> Reply:
    row = {
        "sessionId": name,
        "startTime": "2026-03-10T18:07:52Z",
        "action": "RingOut Web",
        "result": "In Progress",
        "to": {"phoneNumber": "16505550123"},
    }
    navigation = {"nextPage": {"uri": "http://elsewhere/steal-the-token"}} if has_next else {}
    return reply(200, {"records": [row, {"bad": "row"}], "navigation": navigation})


async def test_pages_are_followed_to_the_last() -> None:
    script = in_turn(_page("1", has_next=True), _page("2", has_next=False))
    async with talking(script) as talk:
        found = await talk.ringcentral.call_log("~", "~", 0, 1000)
        assert [record.session_id for record in found] == ["1", "2"]
        assert found[0].numbers == {"+16505550123"}
        assert found[0].is_live
        assert talk.budget.admitted == ["heavy", "heavy"]
        asked = [request.path.rsplit("&", 1)[1] for request in talk.server.received]
        assert asked == ["page=1", "page=2"]


async def test_but_only_so_many() -> None:
    async with talking(always(_page("1", has_next=True))) as talk:
        assert len(await talk.ringcentral.active_calls("~", "~")) == MOST_PAGES
        assert len(talk.server.received) == MOST_PAGES


# The log


async def test_the_log_names_the_request_and_tells_no_secret() -> None:
    script = in_turn(
        reply(200, PLACED, RCRequestId="rc-1"),
        reply(
            400,
            {"errorCode": "TEL-109", "message": "To number [+16505550123] is bad"},
            RCRequestId="rc-2",
        ),
        Reply(then="close"),
    )
    async with talking(script) as talk:
        with capture_logs() as logs:
            await talk.ringcentral.make("~", "~", BODY)
            with pytest.raises(UpstreamRefused) as refusal:
                await talk.ringcentral.make("~", "~", BODY)
            with pytest.raises(UpstreamFailed) as failure:
                await talk.ringcentral.make("~", "~", BODY)
    told = [(entry["log_level"], entry["event"], entry.get("rc_request_id")) for entry in logs]
    assert told == [
        ("info", "ringcentral_answered", "rc-1"),
        ("warning", "ringcentral_declined", "rc-2"),
        ("warning", "ringcentral_not_answered", None),
    ]
    everything = (
        f"{logs}{refusal.value!r}{refusal.value}{failure.value!r}{failure.value.__cause__!r}"
    )
    assert "5550123" not in everything
    assert "hidden-key" not in everything
