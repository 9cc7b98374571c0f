"""Offers of another protocol: not taken up, and the last thing that is read of a connection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from orchestrator.settings import Settings
from tests.contract.rest.conftest import started
from tests.harness.raw import answered, connected, ended
from tests.harness.waiting import wait_until

OFFERS = (
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    b"Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n",
    b"Upgrade: h2c\r\n",
)
HIDDEN = b"GET /seen HTTP/1.1\r\nHost: localhost\r\nX-Name: hidden\r\n\r\n"


@asynccontextmanager
async def _seeing(settings: Settings) -> AsyncIterator[tuple[str, list[str]]]:
    """A front end, and the names of the requests that a handler of it has seen."""
    names: list[str] = []

    async def see(request: web.Request) -> web.Response:
        names.append(request.headers["X-Name"])
        return web.Response(body=await request.read())

    routes = web.get("/seen", see), web.post("/seen", see)
    async with started(settings, *routes) as rest:
        yield rest.url, names


def _request(method: str, name: str, more: bytes = b"", body: bytes = b"") -> bytes:
    head = f"{method} /seen HTTP/1.1\r\nHost: localhost\r\nX-Name: {name}\r\n".encode()
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    return head + more + length + b"\r\n" + body


@pytest.mark.parametrize("offer", OFFERS)
async def test_no_body_behind_an_offer_is_read_as_a_request(alone: Settings, offer: bytes) -> None:
    """As a proxy would send it that puts the requests of several clients on one connection."""
    following = _request("POST", "following", body=HIDDEN)
    async with _seeing(alone) as (url, names), connected(url) as (reader, writer):
        writer.write(_request("GET", "first", offer) + following.removesuffix(HIDDEN))
        reply = await answered(reader)
        writer.write(HIDDEN)

        assert (reply.status, reply.headers["Connection"]) == (200, "close")
        assert await ended(reader, 3)
        assert names == ["first"]


@pytest.mark.parametrize("offer", OFFERS)
async def test_requests_before_an_offer_are_answered_and_none_behind_it(
    alone: Settings, offer: bytes
) -> None:
    requests = [
        _request("POST", "zeroth", body=b"0"),
        _request("POST", "first", offer, b"1"),
        _request("POST", "second", body=b"2"),
    ]
    async with _seeing(alone) as (url, names), connected(url) as (reader, writer):
        writer.write(b"".join(requests))

        assert [(await answered(reader)).body for _ in range(2)] == [b"0", b"1"]
        assert await ended(reader, 3)
        assert names == ["zeroth", "first"]


@pytest.mark.parametrize("offer", OFFERS)
async def test_a_body_of_its_own_is_read_to_its_end(alone: Settings, offer: bytes) -> None:
    body = b"a body in three parts"
    request = _request("POST", "first", offer, body)
    async with _seeing(alone) as (url, names), connected(url) as (reader, writer):
        writer.write(request.removesuffix(body))
        await wait_until(lambda: names == ["first"])
        writer.write(body[:6])
        writer.write(body[6:] + HIDDEN)
        reply = await answered(reader)
        writer.write(HIDDEN)

        assert (reply.status, reply.body) == (200, body)
        assert await ended(reader, 3)
        assert names == ["first"]


async def test_nothing_behind_a_tunnel_is_read(alone: Settings) -> None:
    connect = b"CONNECT /seen HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with _seeing(alone) as (url, names), connected(url) as (reader, writer):
        writer.write(connect + HIDDEN)

        assert (await answered(reader)).status == 404
        assert await ended(reader, 3)
        assert names == []
