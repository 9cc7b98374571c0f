"""Streams that tell of changes, and how a process ends while they are open."""

import asyncio
import signal
import time

import pytest
from mcp import Client, MCPError
from mcp.client.subscriptions import ResourceUpdated

from tests.contract.mcp.conftest import BODY, ENVIRONMENT, address, call_of, refusal_of
from tests.harness.processes import Fleet, Process
from tests.harness.proxy import proxied
from tests.harness.redis import RedisServer, free_port
from tests.harness.waiting import wait_until

MAKE, CANCEL = "make-ringout-call", "cancel-ringout-call"


@pytest.fixture
def replica(fleet: Fleet, shared_url: str) -> Process:
    """A process of the test's own beside the shared one, to be ended by it."""
    fleet.environment |= {**ENVIRONMENT, "REDIS_URL": shared_url}
    return fleet.command("mcp")


async def test_a_change_made_elsewhere_is_told(replica: Process, url: str) -> None:
    async with Client(address(replica)) as watcher, Client(url) as other:
        made = call_of(await other.call_tool(MAKE, {"body": BODY}))
        uri = f"ringout://calls/{made['id']}"
        async with asyncio.timeout(15), watcher.listen(resource_subscriptions=[uri]) as stream:
            await other.call_tool(CANCEL, {"ringoutId": made["id"]})
            assert await anext(aiter(stream)) == ResourceUpdated(uri)


async def test_another_call_is_not_told_of(replica: Process, url: str) -> None:
    async with Client(address(replica)) as watcher, Client(url) as other:
        calls = [call_of(await other.call_tool(MAKE, {"body": BODY})) for _ in range(2)]
        uris = [f"ringout://calls/{call['id']}" for call in calls]
        async with asyncio.timeout(15), watcher.listen(resource_subscriptions=[uris[1]]) as stream:
            for call in calls:
                await other.call_tool(CANCEL, {"ringoutId": call["id"]})
            assert await anext(aiter(stream)) == ResourceUpdated(uris[1])


async def test_too_many_calls_in_one_stream(url: str) -> None:
    uris = [f"ringout://calls/call_{index}" for index in range(101)]
    async with Client(url) as client:
        with pytest.raises(MCPError, match="At most 100"):
            async with client.listen(resource_subscriptions=uris):
                pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_open_streams_and_the_process(
    replica: Process, number: signal.Signals
) -> None:
    async with Client(address(replica)) as client:
        made = call_of(await client.call_tool(MAKE, {"body": BODY}))
        uri = f"ringout://calls/{made['id']}"
        async with asyncio.timeout(15), client.listen(resource_subscriptions=[uri]) as stream:
            began = time.monotonic()
            replica.send(number)
            assert [event async for event in stream] == []
    assert await _ended(replica) == 0
    assert time.monotonic() - began < 4
    assert "Traceback" not in "\n".join(replica.errors)


async def test_a_request_under_way_is_answered_before_the_process_ends(
    redis_url: str, fleet: Fleet
) -> None:
    async with proxied(redis_url) as proxy:
        process = fleet.command("mcp", **{**ENVIRONMENT, "REDIS_URL": proxy.url})
        async with Client(address(process)) as client:
            call_of(await client.call_tool(MAKE, {"body": BODY}))
            proxy.hold_requests_with("EVALSHA")
            asking = asyncio.create_task(client.call_tool(MAKE, {"body": BODY}))
            await proxy.held.wait()
            process.send(signal.SIGTERM)
            assert refusal_of(await asking).startswith("storage_unavailable")
        assert await _ended(process) == 0


async def _ended(process: Process) -> int | None:
    await wait_until(lambda: process.code is not None, 15)
    return process.code


def test_one_line_says_where_it_listens(fleet: Fleet) -> None:
    port = free_port()
    process = fleet.command("mcp", **{**ENVIRONMENT, "RINGOUT_MCP_PORT": str(port)})
    address(process)
    assert process.terminate(5) == 0
    assert process.lines == [f"mcp listening on http://127.0.0.1:{port}/mcp"]


async def test_a_port_that_is_taken_is_named(shared_mcp: Process, fleet: Fleet) -> None:
    taken = address(shared_mcp).rsplit(":", 1)[1].removesuffix("/mcp")
    process = fleet.command("mcp", **{**ENVIRONMENT, "RINGOUT_MCP_PORT": taken})
    assert await _ended(process) == 2
    assert "RINGOUT_MCP_PORT" in "\n".join(process.errors)


async def test_a_stream_that_nothing_would_come_through_is_not_opened(
    redis_url: str, fleet: Fleet
) -> None:
    async with proxied(redis_url) as proxy:
        process = fleet.command("mcp", **{**ENVIRONMENT, "REDIS_URL": proxy.url})
        async with Client(address(process)) as client:
            proxy.hold_requests_with("XINFO")
            with pytest.raises(MCPError, match="try again later"):
                async with client.listen(resource_subscriptions=["ringout://calls/call_1"]):
                    pass


async def test_redis_going_away_is_no_change_of_a_call(
    own_redis: RedisServer, fleet: Fleet
) -> None:
    fleet.environment |= {**ENVIRONMENT, "REDIS_URL": own_redis.url}
    process = fleet.command("mcp")
    told = asyncio.Event()
    async with Client(address(process)) as client:
        made = call_of(await client.call_tool(MAKE, {"body": BODY}))
        uri = f"ringout://calls/{made['id']}"
        async with client.listen(resource_subscriptions=[uri]) as stream:

            async def listen() -> None:
                async for _ in stream:
                    told.set()

            listening = asyncio.create_task(listen())
            own_redis.kill()
            away = "event_stream_away"
            await wait_until(lambda: sum(away in line for line in process.errors) >= 5, 30)
            assert not told.is_set()
            own_redis.start()

            async def is_cancelled() -> bool:
                answer = await client.call_tool(CANCEL, {"ringoutId": made["id"]})
                return not answer.is_error

            await wait_until(is_cancelled, 30)
            await asyncio.wait_for(told.wait(), 30)
            listening.cancel()
