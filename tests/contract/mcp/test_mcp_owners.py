"""Nobody's calls but one's own."""

import asyncio
import json
import sys
import time
from typing import Any

import aiohttp
import pytest
from mcp import MCPError
from mcp.client.subscriptions import ResourceUpdated

from orchestrator.domain.access import EVERYTHING, Scope
from orchestrator.storage.api_keys import ApiKeys
from tests.contract.mcp.access_kit import (
    CANCEL,
    HEADERS,
    MAKE,
    STATUS,
    Enter,
    House,
    new_key,
)
from tests.contract.mcp.conftest import BODY, ENVIRONMENT, address, call_of, refusal_of
from tests.harness.processes import Fleet
from tests.harness.provider import JWKS, IdentityProvider

SOON_WITHOUT_KEYS = """
from orchestrator.cli import main
from orchestrator.identity import issuer, keyring
issuer._REMEMBERED_MS, keyring._GRACE_MS = 0, 8_000 - 300_000
main()
"""
"""A command that goes without a provider's keys 8 s after it had them for 300 s."""


async def test_both_eras_work_with_a_key(house: House, enter: Enter) -> None:
    client = await enter(house.url, house.one)
    made = call_of(await client.call_tool(MAKE, {"body": BODY}))
    assert call_of(await client.call_tool(STATUS, {"ringoutId": made["id"]}))["id"] == made["id"]
    call_of(await client.call_tool(CANCEL, {"ringoutId": made["id"]}))


async def test_a_scope_that_is_missing_is_named(house: House, enter: Enter) -> None:
    one, reader = await enter(house.url, house.one), await enter(house.url, house.reader)
    made = call_of(await one.call_tool(MAKE, {"body": BODY}))
    for tool, arguments, scope in (
        (MAKE, {"body": BODY}, "calls:create"),
        (CANCEL, {"ringoutId": made["id"]}, "calls:cancel"),
    ):
        said = refusal_of(await reader.call_tool(tool, arguments))
        assert said.startswith("insufficient_scope: ")
        assert scope in said
        assert "Nothing was done" in said


async def test_another_ones_calls_are_not_there(house: House, enter: Enter) -> None:
    one, two = await enter(house.url, house.one), await enter(house.url, house.two)
    made = call_of(await one.call_tool(MAKE, {"body": BODY}))
    for tool in (STATUS, CANCEL):
        others = refusal_of(await two.call_tool(tool, {"ringoutId": made["id"]}))
        nobodys = refusal_of(await two.call_tool(tool, {"ringoutId": f"{made['id'][:-1]}_"}))
        assert others.startswith("call_not_found")
        assert others == nobodys
    uri = f"ringout://calls/{made['id']}"
    assert await one.read_resource(uri)
    for each in (uri, f"{uri[:-1]}_"):
        with pytest.raises(MCPError, match="There is no such call"):
            await two.read_resource(each)
    assert call_of(await one.call_tool(STATUS, {"ringoutId": made["id"]}))["cancel"] is None


@pytest.mark.parametrize("era", ["auto"])
async def test_another_ones_calls_cannot_be_watched(house: House, enter: Enter) -> None:
    one, two = await enter(house.url, house.one), await enter(house.url, house.two)
    made = call_of(await one.call_tool(MAKE, {"body": BODY}))
    own = call_of(await two.call_tool(MAKE, {"body": BODY}))
    uri = f"ringout://calls/{made['id']}"
    said = set()
    for others in (uri, f"{uri[:-1]}_", "ringout://calls/", "ringout://calls/%2e%2e"):
        for uris in ([others], [f"ringout://calls/{own['id']}", others]):
            with pytest.raises(MCPError) as refused:
                async with two.listen(resource_subscriptions=uris):
                    pass
            said.add((refused.value.error.code, refused.value.error.message))
    assert said == {(-32602, "There is no such call.")}
    async with asyncio.timeout(15), one.listen(resource_subscriptions=[uri]) as stream:
        await one.call_tool(CANCEL, {"ringoutId": made["id"]})
        assert await anext(aiter(stream)) == ResourceUpdated(uri)
    blind = await enter(house.url, await new_key(house.keys, Scope.CREATE))
    with pytest.raises(MCPError, match="insufficient_scope"):
        async with blind.listen(resource_subscriptions=[uri]):
            pass


@pytest.mark.parametrize("era", ["auto"])
async def test_a_stream_ends_with_the_key_that_opened_it(house: House, enter: Enter) -> None:
    client, other = await enter(house.url, house.one), await enter(house.url, house.two)
    uris = [
        f"ringout://calls/{call_of(await each.call_tool(MAKE, {'body': BODY}))['id']}"
        for each in (client, other)
    ]
    async with (
        client.listen(resource_subscriptions=uris[:1]) as stream,
        other.listen(resource_subscriptions=uris[1:]) as kept,
    ):
        await house.keys.revoke(house.one.split("_")[2])
        revoked_at = time.monotonic()
        async with asyncio.timeout(60):
            assert [event async for event in stream] == []
        assert time.monotonic() - revoked_at < 60
        listening = asyncio.ensure_future(anext(aiter(kept)))
        await other.call_tool(CANCEL, {"ringoutId": uris[1].rsplit("/", 1)[1]})
        assert await asyncio.wait_for(listening, 15) == ResourceUpdated(uris[1])
    with pytest.raises(MCPError):
        await client.call_tool(STATUS, {"ringoutId": "call_1"})


@pytest.mark.parametrize("era", ["auto"])
async def test_a_stream_ends_when_the_provider_s_keys_were_out_of_reach_too_long(
    provider: IdentityProvider, fleet: Fleet, enter: Enter
) -> None:
    provider.caching = "max-age=300"
    command = [sys.executable, "-c", SOON_WITHOUT_KEYS, "mcp"]
    url = address(fleet.run(command, **ENVIRONMENT, **provider.environment()))
    client = await enter(url, provider.token())
    made = call_of(await client.call_tool(MAKE, {"body": BODY}))
    async with client.listen(resource_subscriptions=[f"ringout://calls/{made['id']}"]) as stream:
        provider.lies(JWKS, b"", 503)
        async with asyncio.timeout(60):
            assert [event async for event in stream] == []


_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
}


async def _made(
    session: aiohttp.ClientSession, url: str, token: str, more: dict[str, Any]
) -> dict[str, Any]:
    params = {"name": MAKE, "arguments": {"body": BODY}, "_meta": _META, **more}
    headers = {
        **HEADERS,
        "Authorization": f"Bearer {token}",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": MAKE,
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    async with session.post(url, json=body, headers=headers) as answer:
        text = await answer.text()
    lines = [line[6:] for line in text.splitlines() if line.startswith("data: {")]
    said: dict[str, Any] = json.loads(lines[-1] if lines else text)
    return said


async def test_what_one_client_holds_is_of_no_use_to_another(
    session: aiohttp.ClientSession, api_keys: ApiKeys, fleet: Fleet
) -> None:
    one, two = [await new_key(api_keys, *EVERYTHING) for _ in range(2)]
    process = fleet.command("mcp", **ENVIRONMENT, RINGOUT_MCP_CONFIRMATION="required")
    url = address(process)

    async def asked(token: str, **more: Any) -> dict[str, Any]:
        return await _made(session, url, token, more)

    question = (await asked(one))["result"]
    (name,) = question["inputRequests"]
    held = {
        "requestState": question["requestState"],
        "inputResponses": {name: {"action": "accept", "content": {"place": True}}},
    }
    stolen = await asked(two, **held)
    assert "error" in stolen, stolen
    assert "call_" not in json.dumps(stolen)
    own = await asked(one, **held)
    assert own["result"]["structuredContent"]["id"].startswith("call_")
