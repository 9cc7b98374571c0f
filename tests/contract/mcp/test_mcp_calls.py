"""Calls made, read and cancelled by an agent, and what it is told when that cannot be done."""

import asyncio
import json
import time
from typing import Any

import aiohttp
import pytest
import redis
from mcp import Client, MCPError
from mcp.types import TextResourceContents

from orchestrator.domain.calls import Call
from orchestrator.domain.documents import document
from orchestrator.storage import keys as named
from tests.contract.mcp.conftest import (
    BODY,
    ENVIRONMENT,
    Connect,
    address,
    call_of,
    refusal_of,
)
from tests.harness.processes import Fleet
from tests.harness.proxy import proxied
from tests.harness.redis import RedisServer
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

MAKE, STATUS, CANCEL = "make-ringout-call", "get-ringout-call-status", "cancel-ringout-call"
SHAPE = list(document(Call("call_1", "http://x/1", "~", "~", accepted_at=1, expires_at=2)))


async def test_a_call_is_accepted_at_once(client: Client, shared_url: str) -> None:
    call = call_of(await client.call_tool(MAKE, {"body": {**BODY, "clientReference": "order 7"}}))
    assert list(call) == SHAPE
    assert call["state"] == "queued"
    assert call["to"] == {"phoneNumber": "+16*****0123"}
    assert call["clientReference"] == "order 7"
    with redis.Redis.from_url(shared_url, decode_responses=True) as database:
        kept = database.hget(named.call(call["id"]), "document")
        assert json.loads(str(kept)) == call
        assert database.zcard(named.QUEUE) == 1


async def test_the_same_key_is_the_same_call(client: Client) -> None:
    wish = {"body": BODY, "idempotencyKey": "wish 1"}
    first = call_of(await client.call_tool(MAKE, wish))
    assert call_of(await client.call_tool(MAKE, wish)) == first
    other = call_of(await client.call_tool(MAKE, {**wish, "idempotencyKey": "wish 2"}))
    assert other["id"] != first["id"]


async def test_a_key_used_for_another_request_is_refused(client: Client) -> None:
    wish = {"body": BODY, "idempotencyKey": "wish 1"}
    call_of(await client.call_tool(MAKE, wish))
    changed = {**wish, "body": {**BODY, "playPrompt": True}}
    said = refusal_of(await client.call_tool(MAKE, changed))
    assert said.startswith("idempotency_key_reused: ")
    assert "use a new idempotencyKey" in said


async def test_a_body_sent_as_text_is_understood(client: Client) -> None:
    call = call_of(await client.call_tool(MAKE, {"body": json.dumps(BODY)}))
    assert call["from"] == {"phoneNumber": "+16*****0100"}


async def test_a_call_is_read_and_cancelled(client: Client) -> None:
    made = call_of(await client.call_tool(MAKE, {"body": BODY}))
    wanted = {"ringoutId": made["id"]}
    assert call_of(await client.call_tool(STATUS, wanted)) == made
    ended = call_of(await client.call_tool(CANCEL, wanted))
    assert (ended["state"], ended["outcome"]) == ("ended", "cancelled")
    assert ended["cancel"]["outcome"] == "cancelled"
    assert call_of(await client.call_tool(CANCEL, wanted)) == ended
    assert call_of(await client.call_tool(STATUS, wanted)) == ended


async def test_a_call_is_a_resource_too(client: Client) -> None:
    made = call_of(await client.call_tool(MAKE, {"body": BODY}))
    (contents,) = (await client.read_resource(f"ringout://calls/{made['id']}")).contents
    assert isinstance(contents, TextResourceContents)
    assert contents.mime_type == "application/json"
    assert json.loads(contents.text) == made


@pytest.mark.parametrize("call_id", ["call_0", "not an id"])
async def test_a_resource_that_is_not_there(client: Client, call_id: str) -> None:
    with pytest.raises(MCPError, match="There is no such call") as caught:
        await client.read_resource(f"ringout://calls/{call_id.replace(' ', '%20')}")
    assert caught.value.code == -32602


@pytest.mark.parametrize("tool", [STATUS, CANCEL])
async def test_an_unknown_call(client: Client, tool: str) -> None:
    said = refusal_of(await client.call_tool(tool, {"ringoutId": "call_unknown"}))
    assert said.startswith("call_not_found: ")
    assert "Check ringoutId" in said


async def test_a_call_of_another_account_is_not_shown(client: Client) -> None:
    made = call_of(await client.call_tool(MAKE, {"body": BODY, "accountId": "1"}))
    wanted = {"ringoutId": made["id"], "accountId": "2"}
    assert "call_not_found" in refusal_of(await client.call_tool(STATUS, wanted))
    assert call_of(await client.call_tool(STATUS, {**wanted, "accountId": "1"})) == made


@pytest.mark.parametrize("tool", [STATUS, CANCEL])
async def test_ringcentral_away(client: Client, tool: str) -> None:
    said = refusal_of(await client.call_tool(tool, {"ringoutId": "s-known-to-ringcentral"}))
    assert said.startswith("ringcentral_unavailable: ")
    assert f"Wait 1 s, then call {tool} again with the same ringoutId" in said


async def test_redis_away_and_back(
    own_redis: RedisServer, connect: Connect, session: aiohttp.ClientSession
) -> None:
    processes = Fleet({**ENVIRONMENT, "REDIS_URL": own_redis.url})
    try:
        url = address(processes.command("mcp"))
        client = await connect(url)
        made = call_of(await client.call_tool(MAKE, {"body": BODY}))
        own_redis.kill()
        await _is_refused_in_time(client, made["id"])
        assert await _readiness(session, url) == 503
        own_redis.start()
        assert await _readiness(session, url) == 200
        assert call_of(await client.call_tool(STATUS, {"ringoutId": made["id"]})) == made
    finally:
        processes.close()


async def _is_refused_in_time(client: Client, call_id: str) -> None:
    wish = {"body": BODY, "idempotencyKey": "wish 1"}
    known = {"ringoutId": call_id}
    for tool, arguments, step in (
        (MAKE, wish, "with the same arguments and the same idempotencyKey"),
        (MAKE, {"body": BODY}, "give one from now on"),
        (STATUS, known, "with the same ringoutId"),
        (CANCEL, known, "with the same ringoutId"),
    ):
        asked = time.monotonic()
        said = refusal_of(await client.call_tool(tool, arguments))
        assert time.monotonic() - asked < 2
        assert said.startswith("storage_unavailable: Redis did not answer in time.")
        assert f"Wait 1 s, then call {tool} again" in said
        assert step in said


async def _readiness(session: aiohttp.ClientSession, url: str) -> int:
    async with session.get(url.removesuffix("/mcp") + "/readyz") as answer:
        return answer.status


async def test_a_call_is_followed_to_its_end(
    fleet: Fleet, simulated: Simulated, connect: Connect
) -> None:
    fleet.worker()
    client = await connect(address(fleet.command("mcp", RINGOUT_MCP_PORT="0")))
    made = call_of(await client.call_tool(MAKE, {"body": BODY}))

    async def ended() -> dict[str, Any] | None:
        call = call_of(await client.call_tool(STATUS, {"ringoutId": made["id"]}))
        return call if call["state"] == "ended" else None

    call = await wait_until(ended, 30)
    assert call["outcome"] == "completed"
    by_its_other_id = {"ringoutId": call["ringoutId"]}
    assert call_of(await client.call_tool(STATUS, by_its_other_id)) == call


async def test_what_ringcentral_refuses_is_told_with_its_code(
    fleet: Fleet, simulated: Simulated, connect: Connect
) -> None:
    client = await connect(address(fleet.command("mcp", RINGOUT_MCP_PORT="0")))
    message = "Not allowed for +16505550123"
    await simulated.fault(
        operation="status", kind="status", status=403, errorCode="CMN-408", message=message
    )
    said = refusal_of(await client.call_tool(STATUS, {"ringoutId": "s-not-ours"}))
    assert said.startswith("ringcentral_refused: RingCentral answered 403 CMN-408: ")
    assert "5550123" not in said
    assert "Repeating the same request will not help" in said
    said = refusal_of(await client.call_tool(STATUS, {"ringoutId": "s-unknown"}))
    assert said.startswith("call_not_found: ")


async def test_a_call_made_at_ringcentral_directly_is_shown(
    fleet: Fleet, simulated: Simulated, connect: Connect, session: aiohttp.ClientSession
) -> None:
    client = await connect(address(fleet.command("mcp", RINGOUT_MCP_PORT="0")))
    path = "/restapi/v1.0/account/~/extension/~/ring-out"
    key = {"Authorization": f"Bearer {fleet.environment['RINGCENTRAL_API_KEY']}"}
    async with session.post(simulated.url + path, json=BODY, headers=key) as answer:
        ringout_id = (await answer.json())["id"]
    call = call_of(await client.call_tool(STATUS, {"ringoutId": ringout_id}))
    assert list(call) == SHAPE
    assert (call["id"], call["ringoutId"], call["acceptedAt"]) == (ringout_id, ringout_id, None)


async def _counted(session: aiohttp.ClientSession, url: str, tool: str, result: str) -> float:
    async with session.get(url.removesuffix("/mcp") + "/metrics") as answer:
        lines = (await answer.text()).splitlines()
    name = f'ringout_mcp_tool_calls_total{{result="{result}",tool="{tool}"}} '
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))


async def test_tool_calls_are_counted(
    client: Client, url: str, session: aiohttp.ClientSession
) -> None:
    before = await _counted(session, url, STATUS, "call_not_found")
    await client.call_tool(STATUS, {"ringoutId": "call_unknown"})
    assert await _counted(session, url, STATUS, "call_not_found") == before + 1


async def test_a_client_that_leaves_is_counted_as_such(
    redis_url: str, fleet: Fleet, session: aiohttp.ClientSession
) -> None:
    async with proxied(redis_url) as proxy:
        url = address(fleet.command("mcp", **{**ENVIRONMENT, "REDIS_URL": proxy.url}))

        async def is_counted() -> bool:
            return await _counted(session, url, MAKE, "abandoned") == 1

        async with Client(url) as client:
            proxy.hold_requests_with("EVALSHA")
            asking = asyncio.create_task(client.call_tool(MAKE, {"body": BODY}))
            await proxy.held.wait()
            asking.cancel()
            await wait_until(is_counted, 5)
