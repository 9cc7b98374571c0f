"""What the protocol refuses: it is said what is wrong, and no number that was sent comes back."""

import json
from typing import Any

import aiohttp
import pytest
from mcp import Client, MCPError

from tests.contract.mcp.conftest import refusal_of

NUMBERS = ("+16505559876", "16505559876", "+1 (650) 555-9876", "%2B1%20650%20555%209876")
DIGITS = "5559876"
HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
}
NEWER = {"MCP-Protocol-Version": "2026-07-28"}
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


async def _refused(
    session: aiohttp.ClientSession, url: str, body: bytes, **headers: str
) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with session.post(url, data=body, headers={**HEADERS, **named}) as answer:
        text = await answer.text()
        assert answer.status == 400, text
        assert answer.content_type == "application/json"
    assert DIGITS not in text
    error: dict[str, Any] = json.loads(text)["error"]
    return error


NO_MESSAGES: list[Any] = [
    {"to": NUMBERS[0]},
    [{"jsonrpc": "2.0", "id": 1, "method": NUMBERS[0]}],
    {"jsonrpc": NUMBERS[0], "id": 1, "method": "tools/list"},
    NUMBERS[0],
    16505559876,
]


@pytest.mark.parametrize("body", NO_MESSAGES, ids=str)
async def test_a_body_that_is_no_message_is_not_repeated(
    session: aiohttp.ClientSession, url: str, body: Any
) -> None:
    older = await _refused(session, url, json.dumps(body).encode())
    assert older["code"] == -32602
    assert older["message"] == (
        'Validation error: the body must be one JSON-RPC message: an object with "jsonrpc": "2.0", '
        "a method, and an id where an answer is wanted; batches are not taken"
    )
    assert "data" not in older

    newer = await _refused(session, url, json.dumps(body).encode(), **NEWER)
    assert newer["code"] == -32600


async def test_a_body_that_is_no_json_is_not_repeated(
    session: aiohttp.ClientSession, url: str
) -> None:
    body = f'{{"to": "{NUMBERS[0]}", "x": {NUMBERS[0]}}}'.encode()
    older = await _refused(session, url, body)
    assert (older["code"], older["message"]) == (
        -32700,
        "Parse error: the body must be one JSON value in UTF-8",
    )
    assert (await _refused(session, url, body, **NEWER))["code"] == -32700


async def test_a_revision_that_is_not_spoken_is_refused_with_those_that_are(
    session: aiohttp.ClientSession, url: str
) -> None:
    meta = {**META, "io.modelcontextprotocol/protocolVersion": NUMBERS[0]}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
    headers = {"MCP_Protocol_Version": NUMBERS[0], "Mcp_Method": "tools/list"}

    error = await _refused(session, url, json.dumps(body).encode(), **headers)

    assert "2025-11-25" in json.dumps(error) or "2026-07-28" in json.dumps(error)


@pytest.mark.parametrize("number", NUMBERS)
async def test_an_unknown_tool_is_not_named(client: Client, number: str) -> None:
    said = refusal_of(await client.call_tool(number, {"to": number}))

    assert said == (
        "Unknown tool. Use one of make-ringout-call, get-ringout-call-status, cancel-ringout-call."
    )


@pytest.mark.parametrize("number", NUMBERS)
async def test_an_unknown_prompt_is_not_named(client: Client, number: str) -> None:
    with pytest.raises(MCPError) as refused:
        await client.get_prompt(number)
    assert (refused.value.code, refused.value.message) == (-32602, "There is no such prompt")
    assert refused.value.data is None


@pytest.mark.parametrize("start", ["", "tel:", "ringout://calls/"])
@pytest.mark.parametrize("number", NUMBERS)
async def test_the_number_in_the_name_of_an_unknown_resource_is_masked(
    client: Client, start: str, number: str
) -> None:
    with pytest.raises(MCPError) as refused:
        await client.read_resource(f"{start}{number}")
    assert refused.value.code in (-32602, -32603)
    said = f"{refused.value.message} {refused.value.data}"
    assert DIGITS not in said
    assert number not in said


async def test_an_id_of_ours_is_repeated(client: Client) -> None:
    uri = "ringout://calls/call_0161234567890123456789abcdef0123"
    with pytest.raises(MCPError) as refused:
        await client.read_resource(uri)
    assert refused.value.data == {"uri": uri}


async def test_an_unknown_method_is_not_repeated(session: aiohttp.ClientSession, url: str) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": NUMBERS[0], "params": {"_meta": META}}
    headers = {**HEADERS, **NEWER, "Mcp-Method": NUMBERS[0]}
    async with session.post(url, json=message, headers=headers) as answer:
        text = await answer.text()
    assert json.loads(text)["error"]["code"] == -32601
    assert DIGITS not in text
    async with session.post(url, json=message, headers=HEADERS) as answer:
        text = await answer.text()
    assert "-32601" in text
    assert DIGITS not in text
