"""What MCP takes: how large, how slow, how many; from whom; and that others are answered."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
from starlette.types import Message, Receive, Scope, Send

from orchestrator.edge.door import Door, Limits
from orchestrator.edge.rules import Rules
from orchestrator.mcp import edge
from orchestrator.mcp.edge import Edge
from orchestrator.runtime import front_end
from orchestrator.settings import load
from tests.contract.mcp.conftest import address
from tests.contract.mcp.serving_kit import serving
from tests.harness import odd_requests
from tests.harness.processes import Process
from tests.harness.raw import answered, connected, ended, resident, sent
from tests.harness.waiting import wait_until

PROBE = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
GET = b"GET /mcp HTTP/1.1\r\nHost: localhost\r\n"
SHORT = Limits(head=0.4, taken=0.5, every=0.05)
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
HEADERS = {"Accept": "application/json, text/event-stream"}


@asynccontextmanager
async def served(redis_url: str, door: Door, **more: str) -> AsyncIterator[str]:
    """MCP in this process, on a real port."""
    settings = load({"REDIS_URL": redis_url, "RINGCENTRAL_API_KEY": "a-key", **more})
    async with (
        front_end(settings) as parts,
        door.watched(),
        serving(parts, settings, door) as url,
    ):
        yield url


async def _is_alive(url: str) -> bool:
    return (await sent(url, PROBE, 0)).status == 200


@pytest.mark.parametrize("name", odd_requests.smuggling(b"/mcp"))
async def test_what_can_be_read_in_two_ways_is_refused(url: str, name: str) -> None:
    reply = await sent(url, odd_requests.smuggling(b"/mcp")[name])

    assert (reply.status, reply.json["code"]) == (400, "malformed_request")
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.is_closed
    assert await _is_alive(url)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"http://localhost/mcp", 200),
        (b"HTTP://LOCALHOST/mcp", 200),
        (b"http://localhost/%6dcp", 200),
        (b"http://localhost", 404),
        (b"http://localhost?x", 404),
        (b"http://localhost/x", 404),
        (b"/http://localhost/mcp", 404),
        (b"/m%63%70http://localhost", 404),
        (b"http://localhost/http://localhost/mcp", 404),
        (b"http://localhost:80/mcp", 400),
        (b"ftp://localhost/mcp", 400),
        (b"http://localhost/livez", 405),
    ],
)
async def test_targets(url: str, target: bytes, status: int) -> None:
    body = json.dumps(LIST).encode()
    head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n" % (target, len(body))

    reply = await sent(url, head + odd_requests.JSON + b"\r\n" + body, 0)

    assert reply.status == status


@pytest.mark.parametrize("name", odd_requests.large(b"/mcp"))
async def test_what_is_too_large_is_refused(url: str, name: str) -> None:
    status, request = odd_requests.large(b"/mcp")[name]

    reply = await sent(url, request)

    codes = {413: "body_too_large", 414: "target_too_long", 431: "headers_too_large"}
    assert (reply.status, reply.json["code"]) == (status, codes[status])
    assert await _is_alive(url)


@pytest.mark.parametrize("name", odd_requests.unending(b"/mcp"))
async def test_what_does_not_end_costs_little(url: str, shared_mcp: Process, name: str) -> None:
    before = resident(shared_mcp.pid)

    reply = await sent(url, odd_requests.unending(b"/mcp")[name])

    assert reply.status in (400, 408, 413, 414, 431)
    assert resident(shared_mcp.pid) - before < 32
    assert await _is_alive(url)


async def test_a_flood_of_pipelined_requests_costs_little(url: str, shared_mcp: Process) -> None:
    before = resident(shared_mcp.pid)
    async with connected(url) as (_, writer):
        writer.write(PROBE * 20_000)
        for _ in range(20):
            assert await _is_alive(url)
            assert resident(shared_mcp.pid) - before < 32


@pytest.mark.parametrize("first", [b"", b"GET /mc", GET + b"X: "])
async def test_a_head_that_does_not_come_is_not_waited_for(redis_url: str, first: bytes) -> None:
    async with served(redis_url, Door(SHORT)) as url:
        began = time.monotonic()
        async with connected(url) as (reader, writer):
            over = asyncio.create_task(ended(reader, 5))
            writer.write(first)
            while not over.done():
                if first:
                    writer.write(b"a")
                assert await _is_alive(url)
                await asyncio.wait((over,), timeout=0.05)

            assert over.result()
        assert 0.4 <= time.monotonic() - began < 2


async def test_a_body_that_does_not_come_is_not_waited_for(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "LONGEST_READ_S", 0.2)
    async with served(redis_url, Door(SHORT)) as url, connected(url) as (reader, writer):
        writer.write(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")

        reply = await answered(reader)

        assert (reply.status, reply.json["code"]) == (408, "request_timeout")
        assert await ended(reader, 1)


async def test_the_rest_of_a_refused_body_is_not_waited_for(redis_url: str) -> None:
    async with served(redis_url, Door(SHORT)) as url, connected(url) as (reader, writer):
        writer.write(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999\r\n\r\n{")
        assert (await answered(reader)).status == 413
        over = asyncio.create_task(ended(reader, 5))
        while not over.done():
            writer.write(b"a")
            await asyncio.wait((over,), timeout=0.05)

        assert over.result()


async def test_a_crowd_makes_room_for_who_comes_next(redis_url: str) -> None:
    door = Door(Limits(connections=20))
    async with served(redis_url, door) as url, AsyncExitStack() as crowd:
        silent = [await crowd.enter_async_context(connected(url)) for _ in range(60)]

        assert await _is_alive(url)
        assert door.count <= 20
        assert await ended(silent[0][0], 2)


async def test_an_answer_that_is_not_taken_is_given_up(redis_url: str) -> None:
    door = Door(SHORT)
    async with served(redis_url, door) as url, connected(url) as (_, writer):
        writer.write(GET.replace(b"/mcp", b"/metrics") + b"\r\n")
        flood = (GET.replace(b"/mcp", b"/metrics") + b"\r\n") * 5_000
        writer.write(flood)
        await wait_until(lambda: door.count == 1)
        assert await _is_alive(url)

        await wait_until(lambda: door.count == 0, 10)


async def test_too_many_requests_at_a_time_are_told_to_come_again(redis_url: str) -> None:
    held, over = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        held.set()
        await over.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    streams = 0
    gate = Edge(app, Rules(), 1, lambda: streams, _everyone)
    first = asyncio.create_task(_asked(gate, "/mcp"))
    await held.wait()

    refused = await _asked(gate, "/mcp")
    streams = 1
    further = asyncio.create_task(_asked(gate, "/mcp"))
    probe = asyncio.create_task(_asked(gate, "/livez"))
    over.set()

    assert (refused[0], json.loads(refused[2])["code"]) == (503, "too_busy")
    assert refused[1]["retry-after"] == "1"
    assert [(await each)[0] for each in (first, further, probe)] == [200, 200, 200]


async def _everyone(*_: object) -> bool:
    return True


async def _asked(app: Edge, path: str) -> tuple[int, dict[str, str], bytes]:
    told: list[Message] = []

    async def send(message: Message) -> None:
        told.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
    }
    await app(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in told[0]["headers"]}
    return told[0]["status"], headers, told[1]["body"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("agents.example.com", 200),
        ("tools.internal:9090", 200),
        ("shared.internal", 200),
        ("tools.internal:1", 421),
        ("evil.example", 421),
    ],
)
async def test_names_that_the_settings_give(
    redis_url: str, session: aiohttp.ClientSession, host: str, status: int
) -> None:
    more = {
        "RINGOUT_MCP_PUBLIC_URL": "https://agents.example.com",
        "RINGOUT_MCP_ALLOWED_HOSTS": "tools.internal:9090",
        "RINGOUT_ALLOWED_HOSTS": "shared.internal",
    }
    async with (
        served(redis_url, Door(), **more) as url,
        session.post(url, json=LIST, headers={**HEADERS, "Host": host}) as answer,
    ):
        assert answer.status == status


async def test_an_allowed_page_may_ask(redis_url: str, session: aiohttp.ClientSession) -> None:
    page = "https://crm.example.com"
    async with served(redis_url, Door(), RINGOUT_ALLOWED_ORIGINS=page) as url:
        preflight = {"Origin": page, "Access-Control-Request-Method": "POST"}
        async with session.options(url, headers=preflight) as answer:
            assert answer.status == 204
            assert "Mcp-Protocol-Version" in answer.headers["Access-Control-Allow-Headers"]
        async with session.post(url, json=LIST, headers={**HEADERS, "Origin": page}) as answer:
            assert answer.status == 200
            assert answer.headers["Access-Control-Allow-Origin"] == page
            assert "Access-Control-Allow-Credentials" not in answer.headers
        for other in ("null", "https://evil.example"):
            async with session.post(url, json=LIST, headers={**HEADERS, "Origin": other}) as answer:
                assert answer.status == 403
                assert "Access-Control-Allow-Origin" not in answer.headers


async def test_every_answer_is_kept_by_nobody(session: aiohttp.ClientSession, url: str) -> None:
    for path in ("/mcp", "/livez", "/metrics", "/nowhere"):
        async with session.get(url.removesuffix("/mcp") + path) as answer:
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_the_process_says_where_it_listens(shared_mcp: Process) -> None:
    assert address(shared_mcp).startswith("http://127.0.0.1:")
