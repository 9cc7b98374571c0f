"""The pause switch: while it is on, RingCentral is not asked for any call, and none is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
import redis

from orchestrator.domain.access import HOUSE, Principal, Scope
from orchestrator.domain.calls import Call, Change
from orchestrator.domain.hours import AllowedHours
from orchestrator.runtime import FrontEnd, now
from orchestrator.service.models import parsed
from orchestrator.service.pausing import PauseRequest, Pausing
from orchestrator.service.wishes import Wish
from orchestrator.storage.api_keys import ApiKeys
from orchestrator.storage.audit import Actor, Audit
from orchestrator.storage.pauses import Pauses
from tests.e2e.credentials_kit import ringout
from tests.harness.clients import CALLER, accept, reaches, shown, told
from tests.harness.processes import Fleet
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

CALLEE, TALKATIVE = "+16505550123", "+16505550126"
SOMEBODY = "oidc_0123456789abcdef01234567"


async def switch(fleet: Fleet, *arguments: str) -> Any:
    """One `ringout` command, beside the loop."""
    return await asyncio.to_thread(ringout, fleet, *arguments, "--json")


async def waits(front: FrontEnd, call_id: str, code: str) -> dict[str, Any]:
    """The queued call once it says that it waits, and why."""

    async def says_why() -> dict[str, Any] | None:
        call = await shown(front, call_id)
        return call if call["reason"] and call["reason"]["code"] == code else None

    call: dict[str, Any] = await wait_until(says_why)
    return call


async def placings(simulated: Simulated) -> int:
    """How many requests to place a call RingCentral has had."""
    return sum(row["operation"] == "make" for row in await simulated.requests())


async def test_accepted_calls_wait_and_are_placed_after_it(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    fleet.worker()
    paused = await switch(fleet, "pause", "--reason", "fire drill, ask +16505550199")
    assert paused.document["house"]["reason"] == "fire drill, ask +16*****0199"
    ids = [await accept(front, CALLEE) for _ in range(5)]
    call = await waits(front, ids[0], "paused")
    assert call["reason"]["message"] == "Placing has been paused: fire drill, ask +16*****0199"
    assert (call["state"], call["sequence"]) == ("queued", 2)
    for call_id in ids:
        await waits(front, call_id, "paused")
    assert await placings(simulated) == 0
    assert (await switch(fleet, "resume")).document["ended"] is True
    for call_id in ids:
        call = await reaches(front, call_id, "ringing", "connected", "ended")
        assert call["reason"] is None
    dialled = [row["operation"] for row in await simulated.requests()].count("make")
    assert dialled == len(ids)
    events = await told(front, ids[0])
    assert [event["type"] for event in events][:3] == ["call.queued", "call.queued", "call.placing"]
    assert [event["reasonCode"] for event in events][:3] == ["", "paused", ""]
    assert [int(event["sequence"]) for event in events] == list(range(1, len(events) + 1))


async def test_a_call_that_expires_meanwhile_says_why(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    fleet.worker()
    await switch(fleet, "pause", "--reason", "fire drill")
    call_id = await accept(front, CALLEE, expiresIn=1)
    call = await reaches(front, call_id, "ended")
    assert (call["outcome"], call["reason"]["code"]) == ("expired", "paused")
    message = "Not placed in time. Placing has been paused: fire drill"
    assert call["reason"]["message"] == message
    await switch(fleet, "resume")
    later = await accept(front, CALLEE)
    await reaches(front, later, "ended")
    assert await placings(simulated) == 1


async def test_a_waiting_call_is_cancelled_there_and_then(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    fleet.worker()
    await switch(fleet, "pause")
    call_id = await accept(front, CALLEE)
    await waits(front, call_id, "paused")
    await front.service.cancel(HOUSE, "~", "~", call_id)
    call = await shown(front, call_id)
    assert (call["outcome"], call["reason"]) == ("cancelled", None)
    assert await placings(simulated) == 0


async def test_another_key_does_not_keep_the_house_waiting(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    fleet.worker()
    assert (await switch(fleet, "pause", "--key", SOMEBODY)).document["keys"][0]["key"] == SOMEBODY
    call_id = await accept(front, CALLEE)
    await reaches(front, call_id, "ringing", "connected", "ended")
    assert await placings(simulated) == 1


async def somebody_s(front: FrontEnd, to: str, **body: Any) -> str:
    """Accepts a call of SOMEBODY's; its id."""
    request = parsed({"from": {"phoneNumber": CALLER}, "to": {"phoneNumber": to}, **body})
    who = Principal(SOMEBODY, "somebody", frozenset({Scope.CREATE}))
    return (await front.service.accept(who, Wish(request))).snapshot.id


ONE_AT_A_TIME = {
    "cap": {"RINGOUT_ACCOUNT_CALLS": "1"},
    "callee": {"RINGOUT_ONE_CALL_PER_CALLEE": "true"},
    "caller": {"RINGOUT_ONE_CALL_PER_CALLER": "true"},
}


@pytest.mark.parametrize("held_by", ["pause", "hours"])
@pytest.mark.parametrize("rule", ONE_AT_A_TIME.values(), ids=ONE_AT_A_TIME)
async def test_who_is_held_back_at_the_head_of_a_line_lets_the_others_pass(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, rule: dict[str, str], held_by: str
) -> None:
    fleet.worker(**rule)
    talks = await accept(front, TALKATIVE)
    await reaches(front, talks, "connected")
    minute = now() // 60_000
    theirs = await somebody_s(front, TALKATIVE, allowedHours=hours(minute - 1, minute + 9))
    await waits_for_a_line(front)
    if held_by == "pause":
        await switch(fleet, "pause", "--key", SOMEBODY)
        await waits(front, theirs, "paused")
    else:
        await close_hours(front, theirs)
        await waits(front, theirs, "outside_allowed_hours")
    ours = await accept(front, TALKATIVE)
    await simulated.hang_up((await shown(front, talks))["ringoutId"])
    await reaches(front, ours, "ringing", "connected")
    assert (await shown(front, theirs))["state"] == "queued"


async def test_who_is_held_back_keeps_no_line_after_a_429(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    fleet.worker(RINGOUT_ACCOUNT_CALLS="1")
    await simulated.fault(
        operation="make",
        kind="status",
        status=429,
        errorCode="CMN-301",
        headers={"Retry-After": "2"},
        times=1,
    )
    theirs = await somebody_s(front, TALKATIVE)

    async def is_refused() -> bool:
        return await placings(simulated) == 1

    await wait_until(is_refused)
    await switch(fleet, "pause", "--key", SOMEBODY)
    await waits(front, theirs, "paused")
    ours = await accept(front, CALLEE)
    await reaches(front, ours, "ended")
    await switch(fleet, "resume", "--key", SOMEBODY)
    await reaches(front, theirs, "connected")


BY_JWT = {
    "RC_APP_CLIENT_ID": "simulator-client",
    "RC_APP_CLIENT_SECRET": "simulator-secret",
    "RC_USER_JWT": "simulator-jwt",
}


async def refused_by_401(fleet: Fleet, simulated: Simulated, front: FrontEnd) -> str:
    """A call whose request was answered with a 401, while the worker logs in anew; its id."""
    del fleet.environment["RINGCENTRAL_API_KEY"]
    fleet.worker(**BY_JWT)
    await reaches(front, await accept(front, CALLEE), "ended")
    await simulated.fault(operation="make", kind="status", status=401, times=1)
    await simulated.fault(operation="token", kind="delay", ms=3000, times=1)
    call_id = await accept(front, CALLEE)

    async def is_asked() -> bool:
        return await placings(simulated) == 2

    await wait_until(is_asked)
    return call_id


async def test_after_a_401_a_pause_is_obeyed(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    call_id = await refused_by_401(fleet, simulated, front)
    async with paused(front):
        await waits(front, call_id, "paused")
        assert await placings(simulated) == 2
    assert (await reaches(front, call_id, "ended"))["outcome"] == "completed"
    assert await placings(simulated) == 3


async def test_after_a_401_a_cancel_ends_the_call_there_and_then(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    call_id = await refused_by_401(fleet, simulated, front)

    async def may_be_placed() -> bool:
        record = await front.backend.store.record(call_id)
        return record is not None and record.call.may_be_placed

    await wait_until(may_be_placed)
    await front.service.cancel(HOUSE, "~", "~", call_id)
    assert (await shown(front, call_id))["outcome"] == "cancelled"
    await reaches(front, await accept(front, CALLEE), "ended")
    assert await placings(simulated) == 3


async def waits_for_a_line(front: FrontEnd) -> None:
    """Returns once a call waits for a line."""

    async def is_one() -> bool:
        return bool(await front.backend.commands.redis.keys("*:line-queue:*"))

    await wait_until(is_one)


async def test_a_worker_that_is_killed_while_paused_loses_nothing(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    first = fleet.worker()
    await switch(fleet, "pause")
    ids = [await accept(front, CALLEE) for _ in range(10)]
    await waits(front, ids[-1], "paused")
    first.kill()
    fleet.worker()
    await switch(fleet, "resume")
    for call_id in ids:
        await reaches(front, call_id, "ringing", "connected", "ended")
    assert await placings(simulated) == len(ids)


async def test_no_request_places_a_call_between_the_pause_and_its_end(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    fleet.worker()
    fleet.worker()
    ids: list[str] = []

    async def click() -> None:
        for _ in range(200):
            ids.append(await accept(front, CALLEE))
            await asyncio.sleep(0.01)

    clicking = asyncio.create_task(click())
    stood_still = []
    while not clicking.done():
        async with paused(front):
            before = await placings(simulated)
            await asyncio.sleep(0.1)
            stood_still.append(before == await placings(simulated))
        await asyncio.sleep(0.1)
    await clicking
    for call_id in ids:
        await reaches(front, call_id, "ringing", "connected", "ended")
    assert len(stood_still) >= 3
    assert all(stood_still)
    assert await placings(simulated) == len(ids) == 200


@asynccontextmanager
async def paused(front: FrontEnd) -> AsyncIterator[None]:
    """The house is paused in the block."""
    commands = front.backend.commands
    pausing = Pausing(Pauses(commands), ApiKeys(commands, now), Audit(commands, now), now)
    me = Actor("", "test", "cli")
    assert await pausing.pause(me, PauseRequest()) == 0
    yield
    await pausing.resume(me, None)


async def test_hours_are_waited_for(fleet: Fleet, simulated: Simulated, front: FrontEnd) -> None:
    fleet.worker()
    minute = now() // 60_000
    later, present = hours(minute + 3, minute + 9), hours(minute - 1, minute + 9)
    waiting = await accept(front, CALLEE, allowedHours=later, expiresIn=600)
    call = await waits(front, waiting, "outside_allowed_hours")
    assert (call["state"], call["sequence"]) == ("queued", 2)
    placed = await accept(front, CALLEE, allowedHours=present)
    await reaches(front, placed, "ended")
    assert (await shown(front, waiting))["state"] == "queued"
    (made,) = [row for row in await simulated.requests() if row["operation"] == "make"]
    assert "allowedHours" not in str(made)


async def test_hours_that_end_before_the_turn_comes_end_the_call(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    minute = now() // 60_000
    call_id = await accept(front, CALLEE, allowedHours=hours(minute - 1, minute + 2), expiresIn=6)
    await close_hours(front, call_id)
    fleet.worker()
    call = await reaches(front, call_id, "ended")
    assert (call["outcome"], call["reason"]["code"]) == ("expired", "outside_allowed_hours")
    assert await placings(simulated) == 0


async def close_hours(front: FrontEnd, call_id: str) -> None:
    """Makes the call's hours those in which it may not be placed."""

    def closed(call: Call) -> Change:
        open_ = AllowedHours.read(call.hours)
        swapped = replace(open_, opens=open_.closes, closes=open_.opens)
        return Change(replace(call, hours=swapped.text()), None)

    await front.backend.store.change(call_id, closed)


def hours(begin: int, end: int) -> dict[str, str]:
    return {"from": clock(begin % 1440), "to": clock(end % 1440), "timeZone": "Etc/UTC"}


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


async def test_a_number_suppressed_after_acceptance_is_not_rung(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    call_id = await accept(front, CALLEE)
    await asyncio.to_thread(ringout, fleet, "suppress", "add", CALLEE)
    fleet.worker()
    call = await reaches(front, call_id, "ended")
    assert (call["outcome"], call["reason"]["code"]) == ("blocked", "suppressed")
    assert await placings(simulated) == 0


def test_the_audit_stream_tells(fleet: Fleet, redis_url: str) -> None:
    key = ringout(fleet, "keys", "create", "--json").document["id"]
    ringout(fleet, "pause", "--key", key, "--reason", "why")
    ringout(fleet, "resume", "--key", key)
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        rows = [row for _, row in client.xrange("ringout:v1:{ringout}:audit")][1:]
    shown_ = [(row["action"], row["about"], row["detail"], row["via"]) for row in rows]
    assert shown_ == [
        ("house.paused", key, "why", "cli"),
        ("house.resumed", key, "", "cli"),
    ]
    assert all(row["actor"] for row in rows)


@pytest.mark.parametrize(
    ("option", "value"),
    [("--reason", "x" * 201), ("--reason", "a\nb"), ("--key", "a b"), ("--key", "mistyped")],
)
def test_wrong_usage(fleet: Fleet, option: str, value: str) -> None:
    ended = ringout(fleet, "pause", option, value)
    assert ended.code == 2
    assert f"ringout: {option}: " in ended.errors[0]


async def test_the_stats_and_the_route_show_it(
    fleet: Fleet, simulated: Simulated, session: aiohttp.ClientSession
) -> None:
    rest = fleet.command("rest", RINGOUT_REST_PORT="0")
    url = rest.line_with("listening on").rsplit(" ", 1)[1]
    fleet.worker()
    async with session.put(f"{url}/v1/pause", json={"reason": "drill"}) as answer:
        assert answer.status == 200
        assert (await answer.json())["house"]["reason"] == "drill"
    async with session.get(f"{url}/readyz") as answer:
        assert answer.status == 200

    async def counted() -> bool:
        async with session.get(f"{url}/v1/stats") as answer:
            stats = (await answer.json())["stats"]
        return bool(stats and stats["paused"] and stats["pausedReason"] == "drill")

    await wait_until(counted, 15)
    async with session.delete(f"{url}/v1/pause") as answer:
        assert (await answer.json())["paused"] is False
    for body in ({"reason": 5}, {"key": "a b"}, {"why": "x"}):
        async with session.put(f"{url}/v1/pause", json=body) as answer:
            assert answer.status == 422
    async with session.delete(f"{url}/v1/pause?key=a&key=b") as answer:
        assert answer.status == 422
