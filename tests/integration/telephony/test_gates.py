"""What the client tells the shared budget, and when it may ask RingCentral at all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from structlog.testing import capture_logs

from orchestrator.domain.budget import Heard, Limit, Penalty, Scope
from orchestrator.domain.errors import (
    UpstreamFailed,
    UpstreamGated,
    UpstreamRefused,
    UpstreamUnavailable,
)
from orchestrator.telephony.auth import StaticToken
from orchestrator.telephony.client import MOST_PAGES, RingCentral
from tests.integration.telephony.world import (
    BODY,
    PAID,
    PLACED,
    RINGING,
    ManualClock,
    MemoryBudget,
    OddServer,
    Reply,
    Script,
    always,
    in_turn,
    nobody,
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
async def talking(script: Script) -> AsyncIterator[Talk]:
    clock = ManualClock()
    budget = MemoryBudget(clock)
    async with (
        odd_server(script) as server,
        RingCentral(
            server_url=server.url,
            tokens=StaticToken("hidden-key"),
            budget=budget,
            credential="agent",
            clock=clock,
        ) as ringcentral,
    ):
        yield Talk(server, ringcentral, budget, clock)


async def _gated(talk: Talk) -> float:
    with pytest.raises(UpstreamGated) as gated:
        await talk.ringcentral.make("~", "~", BODY, PAID)
    return gated.value.retry_after


# 429


@pytest.mark.parametrize(
    ("headers", "closed"),
    [
        ({**SPOKEN, "Retry_After": "17"}, Penalty(17, Scope.BUCKET)),
        ({"Retry_After": "17"}, Penalty(17, Scope.ACCOUNT)),
        (SPOKEN, Penalty(60, Scope.BUCKET)),
        ({}, Penalty(60, Scope.ACCOUNT)),
    ],
    ids=["told", "told without rate headers", "not told", "headless"],
)
async def test_429_closes_the_gate_for_everyone(headers: dict[str, str], closed: Penalty) -> None:
    async with talking(always(reply(429, TOO_MANY, **headers))) as talk:
        assert await _gated(talk) == closed.seconds
        assert talk.budget.closed == {"heavy": closed}
        assert len(talk.server.received) == 1


async def test_a_429_for_everything_that_comes_from_here_closes_the_house() -> None:
    everything = reply(429, {"errorCode": "CMN-310"}, Retry_After="17")
    async with talking(always(everything)) as talk:
        assert await _gated(talk) == 17
        assert talk.budget.closed == {"heavy": Penalty(17, Scope.HOUSE)}


@pytest.mark.parametrize(
    ("body", "headers", "scope"),
    [
        (b"", {}, Scope.ACCOUNT),
        (TOO_MANY, SPOKEN, Scope.ACCOUNT),
        ({"errorCode": "CMN-310"}, {}, Scope.HOUSE),
    ],
    ids=["headless", "with a group's headers", "everything"],
)
async def test_a_429_to_the_probe_that_no_group_counts_closes_more_than_a_bucket(
    body: Any, headers: dict[str, str], scope: Scope
) -> None:
    async with talking(always(reply(429, body, Retry_After="9", **headers))) as talk:
        with pytest.raises(UpstreamGated):
            await talk.ringcentral.ready()
        assert list(talk.budget.closed.values()) == [Penalty(9, scope)]


async def test_a_duplicate_closes_no_gate() -> None:
    duplicate = reply(429, {"errorCode": "CMN-304"}, Retry_After="9")
    async with talking(always(duplicate)) as talk:
        with pytest.raises(UpstreamFailed):
            await talk.ringcentral.make("~", "~", BODY, PAID)
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
        talk.budget.close(group, 30)
        with pytest.raises(UpstreamGated) as gated:
            await ask(*arguments[operation])
        assert gated.value.retry_after == 30
        assert len(talk.server.received) == 1
        assert [paid for paid, _ in talk.budget.paid] == [group]


class SlowToken(StaticToken):
    """While it is waited for, another process is told to keep away."""

    def __init__(self, budget: MemoryBudget) -> None:
        super().__init__("hidden-key")
        self._budget = budget

    async def token(self) -> str:
        self._budget.close("light", 30)
        return await super().token()


async def test_a_gate_that_closes_while_a_token_is_waited_for_is_obeyed() -> None:
    budget = MemoryBudget()
    async with odd_server(always(reply(200, READING))) as server:
        client = RingCentral(server_url=server.url, tokens=SlowToken(budget), budget=budget)
        async with client as ringcentral:
            with pytest.raises(UpstreamGated):
                await ringcentral.status("~", "~", "s-1")
        assert server.received == []


async def test_only_what_the_reserve_is_kept_for_asks_for_it() -> None:
    async with talking(always(reply(200, {"status": RINGING, "records": []}))) as talk:
        await talk.ringcentral.status("~", "~", "s-1")
        await talk.ringcentral.status("~", "~", "s-1", care=True)
        await talk.ringcentral.cancel("~", "~", "s-1")
        await talk.ringcentral.active_calls("~", "~")
        await talk.ringcentral.call_log("~", "~", 0, 1000)
        asked = [("light", False), ("light", True), *3 * [("heavy", True)]]
        assert talk.budget.paid == asked


async def test_make_leaves_paying_to_whoever_writes_the_fence() -> None:
    async with talking(always(reply(200, PLACED))) as talk:
        await talk.ringcentral.make("~", "~", BODY, PAID)
        assert talk.budget.paid == []
        assert talk.budget.heard == [("heavy", Heard())]


# What an answer says of a payment


@pytest.mark.parametrize("remaining", [0, 1])
async def test_what_is_left_is_told_and_closes_nothing(remaining: int) -> None:
    answer = reply(200, PLACED, **SPOKEN, X_Rate_Limit_Remaining=str(remaining))
    async with talking(always(answer)) as talk:
        await talk.ringcentral.make("~", "~", BODY, PAID)
        assert talk.budget.closed == {}
        assert talk.budget.heard == [("heavy", Heard(limit=Limit(10, remaining, 60)))]


async def test_a_request_that_was_not_answered_counts() -> None:
    async with talking(always(Reply(then="close"))) as talk:
        with pytest.raises(UpstreamFailed):
            await talk.ringcentral.make("~", "~", BODY, PAID)
        assert talk.budget.heard == [("heavy", Heard(answered=False))]
        assert talk.budget.refunded == []


async def test_a_request_that_was_not_sent_is_refunded() -> None:
    async with talking(always(reply(200, READING))) as talk:
        url = nobody()
        client = RingCentral(server_url=url, tokens=StaticToken("hidden-key"), budget=talk.budget)
        async with client as away:
            for asking in (away.make("~", "~", BODY, PAID), away.status("~", "~", "s-1")):
                with pytest.raises(UpstreamUnavailable):
                    await asking
        assert talk.budget.refunded == ["heavy", "light"]
        assert talk.budget.heard == []


async def test_a_placed_call_is_not_lost_to_an_outage_of_the_store() -> None:
    answer = reply(200, PLACED, **SPOKEN, X_Rate_Limit_Remaining="0")
    async with talking(always(answer)) as talk:
        talk.budget.is_away = True
        assert (await talk.ringcentral.make("~", "~", BODY, PAID)).ringout_id == "s-1"


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
        await talk.ringcentral.make("~", "~", BODY, PAID)
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
            await talk.ringcentral.make("~", "~", BODY, PAID)
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
        assert talk.budget.paid == [("heavy", True), ("heavy", True)]
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
            await talk.ringcentral.make("~", "~", BODY, PAID)
            with pytest.raises(UpstreamRefused) as refusal:
                await talk.ringcentral.make("~", "~", BODY, PAID)
            with pytest.raises(UpstreamFailed) as failure:
                await talk.ringcentral.make("~", "~", BODY, PAID)
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
