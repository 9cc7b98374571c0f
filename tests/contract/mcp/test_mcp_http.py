"""What stands before the protocol: methods, hosts, origins, sizes, probes."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import httpx2
import pytest

from orchestrator.edge.rules import Rules
from orchestrator.mcp.app import endpoint
from orchestrator.runtime import front_end
from orchestrator.settings import load
from tests.contract.mcp.conftest import BODY

HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
}
CALL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "make-ringout-call", "arguments": {"body": BODY}},
}


async def _status(session: aiohttp.ClientSession, url: str, **headers: str) -> int:
    async with session.post(url, json=CALL, headers={**HEADERS, **headers}) as answer:
        await answer.read()
        return answer.status


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_only_post_is_served(session: aiohttp.ClientSession, url: str, method: str) -> None:
    async with session.request(method, url, headers=HEADERS) as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == "POST"


async def test_only_own_hosts_are_answered(session: aiohttp.ClientSession, url: str) -> None:
    port = url.rsplit(":", 1)[1].removesuffix("/mcp")
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}", "10.0.0.7"):
        assert await _status(session, url, Host=host) == 200
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil", "localhost.evil"):
        assert await _status(session, url, Host=host) == 421
    assert await _status(session, url, Host=f"127.0.0.1:{port}.evil") == 400


async def test_only_own_origins_are_answered(session: aiohttp.ClientSession, url: str) -> None:
    own = url.removesuffix("/mcp")
    assert await _status(session, url, Origin=own) == 200
    for origin in ("https://evil.example", "null", f"{own}.evil.example", "http://127.0.0.1:1"):
        assert await _status(session, url, Origin=origin) == 403


async def test_a_large_body_is_refused(session: aiohttp.ClientSession, url: str) -> None:
    text = json.dumps({**CALL, "padding": "x" * 65_536}).encode()

    async def in_pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(text), 8_192):
            yield text[start : start + 8_192]

    bodies: list[Any] = [text, in_pieces()]
    for body in bodies:
        async with session.post(url, data=body, headers=HEADERS) as answer:
            assert answer.status == 413


@pytest.mark.parametrize("body", ["", "{", "[]", "[" * 60_000, '{"id": NaN', "null", "\x00"])
async def test_a_body_that_is_not_json_rpc(
    session: aiohttp.ClientSession, url: str, body: str
) -> None:
    async with session.post(url, data=body.encode(), headers=HEADERS) as answer:
        assert answer.status == 400


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_probes(session: aiohttp.ClientSession, url: str, path: str) -> None:
    async with session.get(url.removesuffix("/mcp") + path) as answer:
        assert (answer.status, await answer.text()) == (200, "ok\n")


async def test_nothing_else_is_there(session: aiohttp.ClientSession, url: str) -> None:
    for path in ("/", "/mcp/", "/mcp/x", "/docs"):
        async with session.get(url.removesuffix("/mcp") + path, allow_redirects=False) as answer:
            assert answer.status == 404


async def test_the_server_does_not_say_what_it_is_made_of(
    session: aiohttp.ClientSession, url: str
) -> None:
    async with session.post(url, json=CALL, headers=HEADERS) as answer:
        assert "Server" not in answer.headers


async def test_a_process_that_drains_is_not_ready(redis_url: str) -> None:
    environment = {"REDIS_URL": redis_url, "RINGCENTRAL_API_KEY": "a-test-key"}
    settings = load(environment)
    async with front_end(settings) as parts:
        served = endpoint(parts, settings, Rules())
        transport = httpx2.ASGITransport(served.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            assert (await client.get("/readyz")).status_code == 200
            served.subscriptions.close()
            answer = await client.get("/readyz")
            assert (answer.status_code, answer.text) == (503, "draining\n")
            assert (await client.get("/livez")).status_code == 200
