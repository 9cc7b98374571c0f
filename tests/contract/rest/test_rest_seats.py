"""Who has a seat among the requests under way: nobody who has not sent what is to be done."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from orchestrator.domain.access import Scope
from orchestrator.edge.door import Door, Limits
from orchestrator.rest import bodies, oauth, sessions
from orchestrator.rest.app import METRICS
from orchestrator.rest.edge import Edge
from orchestrator.settings import Settings
from orchestrator.settings.derived import notification_secret
from tests.contract.rest.conftest import BODY, PATHS, Rest, started
from tests.harness.api_keys import bearer, made
from tests.harness.raw import answered, connected, ended, sent
from tests.harness.waiting import wait_until

FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
JSON = "Content-Type: application/json\r\n"
NOTIFIED = "/v1/ringcentral/notifications/default"
CALL = json.dumps(BODY).encode()
SLOW = {
    oauth.TOKEN: (FORM, b"client_id=a&grant_type=client_credentials", 401),
    oauth.REVOKE: (FORM, b"client_id=a&token=b", 401),
    sessions.PATH: (JSON, b'{"key": "a"}', 401),
    NOTIFIED: ("Verification-Token: {secret}\r\n", b"[1, 2, 3]", 200),
    PATHS[0]: (JSON, CALL, 202),
}
"""Bodies that come in two parts: the headers before them, and the status that answers them."""


class Held:
    """Requests for /held, which are answered when it is over."""

    def __init__(self) -> None:
        self.count = 0
        self.over = asyncio.Event()

    async def hold(self, _: web.Request) -> web.Response:
        """Answers when it is over."""
        self.count += 1
        await self.over.wait()
        return web.Response()


@pytest.fixture
async def held() -> AsyncIterator[Held]:
    """Ends what is held at the end of the test."""
    held = Held()
    yield held
    held.over.set()


@asynccontextmanager
async def few(settings: Settings, held: Held, most: int, **more: Any) -> AsyncIterator[Rest]:
    """A front end with a few seats, which hears notifications too."""
    public = {"notifications": "webhook", "public_url": "https://ringout.example.com"}
    edge = Edge(most=most)
    async with started(
        settings.model_copy(update=public), web.get("/held", held.hold), edge=edge, **more
    ) as rest:
        yield rest


def _head(path: str, body: bytes, more: str) -> bytes:
    length = f"Content-Length: {len(body)}\r\n"
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{more}{length}\r\n".encode()


def _under_way(rest: Rest) -> float:
    (metric,) = rest.app[METRICS].in_flight.collect()
    return sum(sample.value for sample in metric.samples)


def _held_one(rest: Rest) -> asyncio.Task[Any]:
    rest.documented.outside = {"/held"}
    return asyncio.create_task(rest.ask("GET", "/held"))


@pytest.mark.parametrize("path", SLOW)
async def test_who_sends_a_body_slowly_keeps_nobody_out(
    alone: Settings, held: Held, path: str
) -> None:
    more, body, status = SLOW[path]
    more = more.format(secret=notification_secret(alone, "default"))
    async with few(alone, held, 3) as rest, AsyncExitStack() as crowd:
        slow = [await crowd.enter_async_context(connected(rest.url)) for _ in range(6)]
        for _, writer in slow:
            writer.write(_head(path, body, more) + body[:3])
        await wait_until(lambda: _under_way(rest) == 6)

        assert (await rest.ask("GET", "/v1/calls")).status == 200

        for reader, writer in slow:
            writer.write(body[3:])
            assert (await answered(reader)).status == status


async def test_a_body_that_has_come_needs_a_seat_again(alone: Settings, held: Held) -> None:
    async with few(alone, held, 1) as rest, connected(rest.url) as (reader, writer):
        writer.write(_head(PATHS[0], CALL, JSON) + CALL[:3])
        await wait_until(lambda: _under_way(rest) == 1)
        first = _held_one(rest)
        await wait_until(lambda: held.count == 1)
        writer.write(CALL[3:])

        refused = await answered(reader)

        assert (refused.status, refused.json["code"]) == (503, "too_busy")
        assert refused.headers["Retry-After"] == "1"
        assert await rest.front.backend.commands.redis.dbsize() == 0
        held.over.set()
        assert (await first).status == 200
        writer.write(_head(PATHS[0], CALL, JSON) + CALL)
        assert (await answered(reader)).status == 202


@pytest.mark.parametrize("how", ["late", "broken off"])
async def test_a_seat_that_was_left_is_given_back_once(
    alone: Settings, held: Held, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(bodies, "LONGEST_READ_S", 0.1 if how == "late" else 10)
    async with few(alone, held, 1) as rest:
        for _ in range(2):
            async with connected(rest.url) as (reader, writer):
                writer.write(_head(PATHS[0], CALL, JSON) + CALL[:3])
                await wait_until(lambda: _under_way(rest) == 1)
                if how == "late":
                    assert (await answered(reader)).status == 408
            await wait_until(lambda: _under_way(rest) == 0)

        first = _held_one(rest)
        await wait_until(lambda: held.count == 1)
        assert (await rest.ask("GET", "/v1/calls")).status == 503
        held.over.set()
        assert (await first).status == 200
        assert (await rest.ask("GET", "/v1/calls")).status == 200


async def test_who_asks_is_proved_before_the_body_is_waited_for(rest: Rest) -> None:
    await made(rest.front.backend.commands)

    async def is_closed() -> bool:
        return (await rest.ask("GET", "/v1/calls")).status == 401

    await wait_until(is_closed)
    async with connected(rest.url) as (reader, writer):
        writer.write(_head(PATHS[0], CALL, JSON) + CALL[:3])
        async with asyncio.timeout(3):
            assert (await answered(reader)).status == 401


@pytest.mark.parametrize("path", [oauth.TOKEN, "/nowhere"])
async def test_a_crowd_of_slow_bodies_makes_room_for_who_comes_next(
    alone: Settings, held: Held, path: str
) -> None:
    """Whether a body is awaited still, or what is left of one that nobody wanted."""
    async with (
        few(alone, held, 100, door=Door(Limits(connections=20))) as rest,
        AsyncExitStack() as crowd,
    ):
        silent = [await crowd.enter_async_context(connected(rest.url)) for _ in range(20)]
        for reader, writer in silent:
            writer.write(_head(path, b"x" * 100, FORM) + b"x")
            if path == "/nowhere":
                assert (await answered(reader)).status == 404
        if path == oauth.TOKEN:
            await wait_until(lambda: _under_way(rest) == 20)

        alive = await sent(rest.url, b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", 0)

        assert alive.status == 200
        assert rest.door.count <= 20
        assert await ended(silent[0][0], 2)
        assert not await ended(silent[-1][0], 0.1)


async def test_only_streams_are_counted_elsewhere(alone: Settings, held: Held) -> None:
    async with few(alone, held, 1) as rest:
        headers = bearer((await made(rest.front.backend.commands, {Scope.READ, Scope.OPS})).text)
        first = asyncio.create_task(rest.ask("GET", "/held", headers=headers))
        rest.documented.outside = {"/held"}
        await wait_until(lambda: held.count == 1)

        for path in PATHS:
            named_so = await rest.ask("GET", f"{path}/events", headers=headers)
            stream = await rest.ask("GET", f"{path}/events/events", headers=headers)

            assert (named_so.status, named_so.json["code"]) == (503, "too_busy")
            assert (stream.status, stream.json["code"]) == (404, "call_not_found")
        held.over.set()
        assert (await first).status == 200


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
async def test_a_client_that_has_left_is_not_held(alone: Settings, held: Held, method: str) -> None:
    async with few(alone, held, 1) as rest:
        known = (await rest.place()).json["id"]
        await rest.ring(known)
        path = PATHS[0] if method == "POST" else f"{PATHS[0]}/{known}"
        body = CALL.replace(b"0123", b"0124") if method == "POST" else b""
        more = f"{JSON}Prefer: wait=60\r\nIf-None-Match: *\r\n"
        head = _head(path, body, more).replace(b"POST", method.encode(), 1)
        async with connected(rest.url) as (_, writer):
            writer.write(head + body)
            await wait_until(lambda: rest.waits.count == 1)
            assert (await rest.ask("GET", "/v1/calls")).status == 503

        await wait_until(lambda: rest.waits.count == 0)

        listed = await rest.ask("GET", "/v1/calls")
        assert listed.status == 200
        assert len(listed.json["calls"]) == (2 if method == "POST" else 1)
