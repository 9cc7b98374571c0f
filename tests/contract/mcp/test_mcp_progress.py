"""Progress while a call is made, and the push of what a worker does, in both protocol eras."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from mcp import Client, MCPError
from mcp.client.subscriptions import ResourceUpdated

from orchestrator.domain import calls
from orchestrator.domain.access import HOUSE
from orchestrator.domain.words import Outcome
from orchestrator.mcp.progress import Progress
from orchestrator.runtime import FrontEnd, front_end, now
from orchestrator.service.models import parsed
from orchestrator.service.wishes import Wish
from orchestrator.settings import load
from orchestrator.storage.events import START, EventLog
from orchestrator.storage.following import Follower
from tests.contract.mcp.conftest import BODY, ENVIRONMENT, Connect, address, call_of
from tests.harness.processes import Fleet, Process
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

MAKE, STATUS = "make-ringout-call", "get-ringout-call-status"


class Told:
    """What a client was told."""

    def __init__(self) -> None:
        self.steps: list[float] = []
        self.sentences: list[str] = []

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        """As the SDK calls it."""
        assert total is None
        self.steps.append(progress)
        self.sentences.append(message or "")


@pytest.fixture
async def front(shared_url: str) -> AsyncIterator[FrontEnd]:
    """The service, for changes such as a worker makes."""
    async with front_end(load({**ENVIRONMENT, "REDIS_URL": shared_url})) as parts:
        yield parts


async def _only_call(front: FrontEnd) -> str:
    async def found() -> str | None:
        ids = await front.backend.commands.redis.zrange("ringout:v1:{ringout}:calls", 0, -1)
        return ids[0].decode() if ids else None

    call_id: str = await wait_until(found)
    return call_id


async def _end(front: FrontEnd, call_id: str) -> None:
    await front.backend.store.change(call_id, lambda call: calls.ended(call, now(), Outcome.FAILED))


async def test_every_change_is_told_until_the_call_has_ended(
    simulated: Simulated, fleet: Fleet, connect: Connect
) -> None:
    await simulated.tune(leg1_ring=6.0, leg2_ring=6.0, talk=6.0)
    url = address(fleet.command("mcp", RINGOUT_MCP_PORT="0"))
    client = await connect(url)
    fleet.worker()
    told = Told()
    made = call_of(await client.call_tool(MAKE, {"body": BODY}, progress_callback=told))
    assert (made["state"], made["outcome"]) == ("ended", "completed")
    assert told.steps == sorted(set(told.steps))
    assert told.steps[-1] == made["sequence"]
    assert told.sentences[-1] == "ended, completed: caller Finished, callee Finished"
    assert any(one.startswith("ringing: caller InProgress") for one in told.sentences)
    assert any(one.startswith("connected: caller Success") for one in told.sentences)


async def test_without_a_token_nothing_is_waited_for(client: Client) -> None:
    began = time.monotonic()
    assert call_of(await client.call_tool(MAKE, {"body": BODY}))["state"] == "queued"
    assert time.monotonic() - began < 20


async def test_a_call_that_was_made_before_is_followed_as_well(
    client: Client, front: FrontEnd
) -> None:
    wish = {"body": BODY, "idempotencyKey": "wish 1"}
    made = call_of(await client.call_tool(MAKE, wish))
    told = Told()
    repeated = asyncio.create_task(client.call_tool(MAKE, wish, progress_callback=told))
    await wait_until(lambda: told.steps)
    await _end(front, made["id"])
    ended = call_of(await repeated)
    assert (ended["id"], ended["state"]) == (made["id"], "ended")
    assert told.steps == [1.0, 2.0]


async def test_giving_up_does_not_cancel_the_call(url: str, era: str, front: FrontEnd) -> None:
    told = Told()
    async with Client(url, mode=era) as client:
        asking = asyncio.create_task(client.call_tool(MAKE, {"body": BODY}, progress_callback=told))
        await wait_until(lambda: told.steps)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    async with Client(url, mode=era) as client:
        call_id = await _only_call(front)
        seen = call_of(await client.call_tool(STATUS, {"ringoutId": call_id}))
        assert (seen["state"], seen["cancel"]) == ("queued", None)


async def test_progress_rises_although_the_stream_is_lost(front: FrontEnd) -> None:
    feed = front.service.feed
    progress = Progress(front.service, Follower(feed, EventLog(front.backend.commands), 60))
    steps: list[float] = []

    async def report(step: float, _: str) -> None:
        steps.append(step)

    made = await front.service.accept(HOUSE, Wish(parsed(BODY)))
    following = asyncio.create_task(progress.ended(made.snapshot, report))
    await wait_until(lambda: steps)
    await front.backend.commands.redis.delete("ringout:v1:{ringout}:events")
    await wait_until(lambda: feed.place == START)
    await _end(front, made.snapshot.id)
    assert (await following).state == "ended"
    assert steps == [1.0, 2.0]


async def test_an_error_is_told_at_once(client: Client) -> None:
    told = Told()
    answer = await client.call_tool(MAKE, {"body": {}}, progress_callback=told)
    assert answer.is_error
    assert told.steps == []


async def test_a_process_that_ends_answers_with_the_call_as_it_is(
    fleet: Fleet, shared_url: str, connect: Connect, front: FrontEnd
) -> None:
    process = fleet.command("mcp", **{**ENVIRONMENT, "REDIS_URL": shared_url})
    client = await connect(address(process))
    told = Told()
    asking = asyncio.create_task(client.call_tool(MAKE, {"body": BODY}, progress_callback=told))
    await wait_until(lambda: told.steps)
    process.send(signal.SIGTERM)
    made = call_of(await asking)
    assert (made["id"], made["state"]) == (await _only_call(front), "queued")

    def is_over() -> bool:
        return process.code is not None

    await wait_until(is_over, 10)
    assert process.code == 0
    assert "Traceback" not in "\n".join(process.errors)


def _another(fleet: Fleet) -> Process:
    return fleet.command("mcp", RINGOUT_MCP_PORT="0")


async def test_what_a_worker_does_is_pushed_by_every_replica(
    simulated: Simulated, fleet: Fleet
) -> None:
    await simulated.tune(leg1_ring=1.0, leg2_ring=1.0, talk=1.0)
    addresses = [address(_another(fleet)) for _ in range(2)]
    async with Client(addresses[0]) as first, Client(addresses[1]) as second:
        made = call_of(await first.call_tool(MAKE, {"body": BODY}))
        uri = f"ringout://calls/{made['id']}"
        async with (
            asyncio.timeout(30),
            first.listen(resource_subscriptions=[uri]) as near,
            second.listen(resource_subscriptions=[uri]) as far,
        ):
            fleet.worker()
            states = await asyncio.gather(_until_ended(first, near), _until_ended(second, far))
    assert [one[-1] for one in states] == ["ended", "ended"]
    assert all({"ringing", "connected"} & set(one) for one in states)


async def _until_ended(client: Client, stream: Any) -> list[str]:
    """The states that a client finds which reads the call whenever it is told of a change."""
    states: list[str] = []
    async for event in stream:
        assert isinstance(event, ResourceUpdated)
        (content,) = (await client.read_resource(event.uri)).contents
        states.append(json.loads(content.text)["state"])  # type: ignore[union-attr]
        if states[-1] == "ended":
            break
    return states


async def test_an_older_client_has_no_such_stream(url: str) -> None:
    async with Client(url, mode="legacy") as client:
        with pytest.raises((MCPError, RuntimeError)):
            async with client.listen(resource_subscriptions=["ringout://calls/call_1"]):
                pass
