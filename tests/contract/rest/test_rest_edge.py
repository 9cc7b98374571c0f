"""What REST takes: how large, how slow, how many; and that others are answered meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from orchestrator.edge.door import Door, Limits
from orchestrator.rest.edge import Edge
from orchestrator.settings import Settings
from tests.contract.rest.conftest import PATHS, Rest, started
from tests.harness import odd_requests
from tests.harness.processes import Fleet, Process
from tests.harness.raw import answered, connected, ended, resident, sent
from tests.harness.redis import RedisServer
from tests.harness.waiting import wait_until

POST = PATHS[0].encode()
GET = b"GET /v1/calls HTTP/1.1\r\nHost: localhost\r\n"
SHORT = Limits(head=0.4, taken=0.5, every=0.05)


@pytest.fixture
async def hurried(alone: Settings) -> AsyncIterator[Rest]:
    """A front end with little patience."""
    async with started(alone, web.get("/large", _large), door=Door(SHORT)) as running:
        yield running


class Held:
    """Requests that are answered when it is over."""

    def __init__(self) -> None:
        self.count = 0
        self.over = asyncio.Event()


async def _large(_: web.Request) -> web.Response:
    return web.Response(body=b"x" * 30_000_000)


@asynccontextmanager
async def _holding(settings: Settings, **options: Any) -> AsyncIterator[tuple[Rest, Held]]:
    held = Held()

    async def hold(_: web.Request) -> web.Response:
        held.count += 1
        await held.over.wait()
        return web.Response()

    async with started(settings, web.get("/held", hold), **options) as rest:
        yield rest, held


async def _is_alive(rest: Rest) -> bool:
    reply = await sent(rest.url, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", 0)
    return reply.status == 200


@pytest.mark.parametrize("name", odd_requests.smuggling(POST))
async def test_what_can_be_read_in_two_ways_is_refused(rest: Rest, name: str) -> None:
    reply = await sent(rest.url, odd_requests.smuggling(POST)[name])

    assert (reply.status, reply.json["code"]) == (400, "malformed_request")
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.is_closed
    assert await _is_alive(rest)


CHUNKED = (
    b"POST " + POST + b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n"
)


@pytest.mark.parametrize("more", [b"zz\r\n", b"0\r\n: \r\n\r\n", b"0\r\n" + b"T: a\r\n" * 200])
async def test_a_body_that_goes_wrong_is_refused_at_once(rest: Rest, more: bytes) -> None:
    async with connected(rest.url) as (reader, writer), asyncio.timeout(8):
        writer.write(CHUNKED + b"Expect: 100-continue\r\n\r\n2\r\n{}\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        writer.write(more)
        writer.write(GET + b"\r\n")

        reply = await answered(reader)

        assert (reply.status, reply.json["code"]) == (400, "malformed_request")
        assert reply.json["detail"] == "The body could not be read to its end."
        assert reply.headers["Connection"] == "close"
        assert await reader.read() == b""


async def test_a_body_that_nobody_reads_may_go_wrong(rest: Rest) -> None:
    async with connected(rest.url) as (reader, writer), asyncio.timeout(8):
        writer.write(CHUNKED.replace(POST, b"/nowhere") + b"\r\n2\r\n{}\r\n")
        assert (await answered(reader)).status == 404
        writer.write(b"zz\r\n" + GET + b"\r\n")
        assert await reader.read() == b""
    assert await _is_alive(rest)


@pytest.mark.parametrize("name", odd_requests.large(POST))
async def test_what_is_too_large_is_refused(rest: Rest, name: str) -> None:
    status, request = odd_requests.large(POST)[name]

    reply = await sent(rest.url, request)

    codes = {413: "body_too_large", 414: "target_too_long", 431: "headers_too_large"}
    assert (reply.status, reply.json["code"]) == (status, codes[status])
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert await _is_alive(rest)


async def test_heads_within_the_limits_are_taken(rest: Rest) -> None:
    fields = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 300) for number in range(90))
    large = b"X: " + b"a" * 8_000 + b"\r\n"

    assert (await sent(rest.url, GET + fields + b"\r\n", 0)).status == 200
    assert (await sent(rest.url, GET + large + b"\r\n", 0)).status == 200


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/static/%2e%2e/app.py", 404),
        (b"/static/..%2fapp.py", 404),
        (b"/%00", 404),
        (b"//evil.example/", 404),
        (b"/%ff", 404),
        (b"http://localhost/v1/calls", 200),
        (b"http://LOCALHOST/v1/calls", 200),
        (b"http://localhost/livez", 200),
        (b"http://localhost:80/v1/calls", 400),
        (b"ftp://localhost/v1/calls", 400),
    ],
)
async def test_targets(rest: Rest, target: bytes, status: int) -> None:
    request = b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"

    assert (await sent(rest.url, request, 0)).status == status


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c"])
async def test_no_other_protocol_is_offered(rest: Rest, protocol: bytes) -> None:
    more = b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n\r\n"

    assert (await sent(rest.url, GET + more, 0)).status == 200


async def test_an_http_1_0_client_is_answered(rest: Rest) -> None:
    reply = await sent(rest.url, GET.replace(b"1.1", b"1.0") + b"\r\n")

    assert (reply.status, reply.is_closed) == (200, True)


@pytest.mark.parametrize("first", [b"", b"GET /v1/cal", GET + b"X: "])
async def test_a_head_that_does_not_come_is_not_waited_for(hurried: Rest, first: bytes) -> None:
    began = time.monotonic()
    async with connected(hurried.url) as (reader, writer):
        over = asyncio.create_task(ended(reader, 5))
        writer.write(first)
        while not over.done():
            if first:
                writer.write(b"a")
            assert await _is_alive(hurried)
            await asyncio.wait((over,), timeout=0.05)

        assert over.result()
    assert 0.4 <= time.monotonic() - began < 2


async def test_the_next_head_must_come_as_soon(hurried: Rest) -> None:
    async with connected(hurried.url) as (reader, writer):
        writer.write(GET + b"\r\n")
        assert (await answered(reader)).status == 200
        assert not await ended(reader, 0.7)
        writer.write(b"GET ")

        assert await ended(reader, 2)


async def test_an_idle_connection_can_be_used_again(hurried: Rest) -> None:
    async with connected(hurried.url) as (reader, writer):
        for _ in range(3):
            writer.write(GET + b"\r\n")
            assert (await answered(reader)).status == 200
            assert not await ended(reader, 0.5)


async def test_an_answer_that_is_not_taken_is_given_up(hurried: Rest) -> None:
    async with connected(hurried.url) as (_, writer):
        writer.write(GET.replace(b"/v1/calls", b"/large") + b"\r\n")
        await wait_until(lambda: hurried.door.count == 1)
        assert await _is_alive(hurried)

        await wait_until(lambda: hurried.door.count == 0, 3)


async def test_an_answer_that_is_taken_slowly_at_first_is_given(alone: Settings) -> None:
    async with (
        started(alone, web.get("/large", _large), door=Door(SHORT)) as rest,
        connected(rest.url) as (reader, writer),
    ):
        writer.write(GET.replace(b"/v1/calls", b"/large") + b"\r\n")

        reply = await answered(reader)

    assert (reply.status, len(reply.body)) == (200, 30_000_000)


async def test_a_crowd_makes_room_for_who_comes_next(alone: Settings) -> None:
    async with (
        started(alone, door=Door(Limits(connections=20))) as rest,
        AsyncExitStack() as crowd,
    ):
        silent = [await crowd.enter_async_context(connected(rest.url)) for _ in range(60)]

        assert await _is_alive(rest)
        assert rest.door.count <= 20
        assert await ended(silent[0][0], 2)
        assert not await ended(silent[-1][0], 0.1)


async def test_nobody_makes_room_who_is_waited_for(alone: Settings) -> None:
    async with (
        _holding(alone, door=Door(Limits(connections=3))) as (rest, held),
        AsyncExitStack() as crowd,
    ):
        waiting = [await crowd.enter_async_context(connected(rest.url)) for _ in range(3)]
        for _, writer in waiting:
            writer.write(GET.replace(b"/v1/calls", b"/held") + b"\r\n")
        await wait_until(lambda: held.count == 3)

        async with connected(rest.url) as (reader, _):
            assert await ended(reader, 2)

        held.over.set()
        assert [(await answered(reader)).status for reader, _ in waiting] == [200, 200, 200]


async def test_too_many_requests_at_a_time_are_told_to_come_again(alone: Settings) -> None:
    async with (
        _holding(alone, edge=Edge(most=2)) as (rest, held),
        aiohttp.ClientSession() as session,
    ):
        tasks = [asyncio.create_task(_get(session, f"{rest.url}/held")) for _ in range(2)]
        await wait_until(lambda: held.count == 2)

        refused = await rest.ask("GET", "/v1/calls")

        assert (refused.status, refused.json["code"]) == (503, "too_busy")
        assert refused.headers["Retry-After"] == "1"
        assert await _is_alive(rest)
        async with session.get(f"{rest.url}/v1/events") as stream:
            assert stream.status == 200
        held.over.set()
        assert await asyncio.gather(*tasks) == [200, 200]
        assert (await rest.ask("GET", "/v1/calls")).status == 200


async def test_open_streams_are_not_requests_under_way(alone: Settings) -> None:
    async with (
        started(alone, edge=Edge(most=1)) as rest,
        aiohttp.ClientSession() as session,
        session.get(f"{rest.url}/v1/events"),
        session.get(f"{rest.url}/v1/events"),
    ):
        assert (await rest.ask("GET", "/v1/calls")).status == 200


async def _get(session: aiohttp.ClientSession, url: str) -> int:
    async with session.get(url) as answer:
        return answer.status


@pytest.fixture(scope="module")
def process(shared_redis: RedisServer) -> Iterator[tuple[Process, str]]:
    """`ringout rest` in a process of its own, and its address."""
    fleet = Fleet(
        {
            "REDIS_URL": shared_redis.url,
            "RINGCENTRAL_API_KEY": "a-key",
            "RINGOUT_REST_PORT": "0",
        }
    )
    started = fleet.command("rest")
    yield started, started.line_with("rest listening on").rsplit(" ", 1)[1]
    fleet.close()


@pytest.mark.parametrize("name", odd_requests.unending(POST))
async def test_what_does_not_end_costs_little(process: tuple[Process, str], name: str) -> None:
    running, url = process
    before = resident(running.pid)

    reply = await sent(url, odd_requests.unending(POST)[name])

    assert reply.status in (400, 413, 414, 431)
    assert resident(running.pid) - before < 32
    assert (await sent(url, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", 0)).status == 200


async def test_a_flood_of_pipelined_requests_costs_little(process: tuple[Process, str]) -> None:
    running, url = process
    flood = (GET + b"\r\n") * 20_000
    before = resident(running.pid)
    async with connected(url) as (_, writer):
        writer.write(flood)
        for _ in range(20):
            reply = await sent(url, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", 0)
            assert reply.status == 200
            assert resident(running.pid) - before < 32


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_a_page_runs_and_shows_nothing_that_is_not_its_own(rest: Rest, path: str) -> None:
    headers = (await rest.ask("GET", path)).headers

    rules = dict(rule.split(maxsplit=1) for rule in headers["Content-Security-Policy"].split("; "))
    assert rules.pop("default-src") == "'none'"
    assert {rules[name] for name in ("base-uri", "frame-ancestors", "form-action")} == {"'none'"}
    assert set(rules.values()) == {"'none'", "'self'"}
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]


@pytest.mark.parametrize("path", ["/", "/v1/calls", "/nowhere", "/livez", "/static/console.js"])
async def test_every_answer_says_how_it_is_to_be_taken(rest: Rest, path: str) -> None:
    headers = (await rest.ask("GET", path)).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] in ("no-store", "no-cache")
    assert "Strict-Transport-Security" not in headers
