"""Connections over TLS that dawdle, at both front ends and on both event loops: what is handed to
the socket's transport is not forgotten, and a farewell is not waited for."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import replace

import pytest
import uvloop
from aiohttp import web
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.edge import door as doors
from orchestrator.edge.door import Door, Limits
from orchestrator.edge.tls import tls_context
from orchestrator.mcp.app import endpoint
from orchestrator.mcp.server import Server, config, whom
from orchestrator.rest.server import Runner, Site
from orchestrator.runtime import front_end
from orchestrator.settings import Settings, load
from tests.harness.certificates import Authority
from tests.harness.waiting import wait_until

LARGE = 30_000_000
"""More than all buffers of the system hold."""
GET = "GET /{} HTTP/1.1\r\nHost: localhost\r\n"
LAST = "Connection: close\r\n"

Serving = Callable[[Settings, Door, socket.socket], AbstractAsyncContextManager[None]]


async def _large(_: web.Request) -> web.Response:
    return web.Response(body=b"x" * LARGE)


async def _small(_: web.Request) -> web.Response:
    return web.Response()


@asynccontextmanager
async def _rest(settings: Settings, door: Door, listener: socket.socket) -> AsyncIterator[None]:
    app = web.Application()
    app.router.add_routes([web.get("/large", _large), web.get("/livez", _small)])
    runner = Runner(app, door)
    await runner.setup()
    await Site(runner, listener, tls_context(settings)).start()
    try:
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _mcp(settings: Settings, door: Door, listener: socket.socket) -> AsyncIterator[None]:
    async with front_end(settings) as parts, door.watched():
        served = endpoint(parts, settings, whom(settings))
        app = config(replace(served, app=_WithLarge(served.app)))
        server = Server(app, "ready", tls_context(settings), door)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        await wait_until(lambda: server.started)
        try:
            yield
        finally:
            served.subscriptions.close()
            server.should_exit = True
            await running


class _WithLarge:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_large = scope.get("path") == "/large"
        await (Response(b"x" * LARGE) if is_large else self._app)(scope, receive, send)


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> Iterator[asyncio.Runner]:
    """What runs a test's work."""
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner


@pytest.fixture(params=[_rest, _mcp], ids=["rest", "mcp"])
def serving(request: pytest.FixtureRequest) -> Serving:
    """How a front end is served."""
    chosen: Serving = request.param
    return chosen


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who has signed what is shown."""
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def settings(authority: Authority, redis_url: str) -> Settings:
    """Settings with TLS."""
    certificate, key = authority.issued("served")
    files = {"RINGOUT_TLS_CERT": str(certificate), "RINGOUT_TLS_KEY": str(key)}
    return load({"REDIS_URL": redis_url, "RINGCENTRAL_API_KEY": "a-key", **files})


@pytest.fixture
def trust(authority: Authority) -> ssl.SSLContext:
    """What a client trusts."""
    return ssl.create_default_context(cafile=str(authority.root))


@contextmanager
def _connected(listener: socket.socket, trust: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    with (
        socket.create_connection(listener.getsockname(), 15) as plain,
        trust.wrap_socket(plain, server_hostname="localhost") as secret,
    ):
        yield secret


@asynccontextmanager
async def _asked(
    listener: socket.socket, trust: ssl.SSLContext, request: str
) -> AsyncIterator[ssl.SSLSocket]:
    """A client that has asked, and reads nothing."""
    connection = _connected(listener, trust)
    secret = await asyncio.to_thread(connection.__enter__)
    try:
        secret.sendall(request.encode() + b"\r\n")
        yield secret
    finally:
        connection.__exit__(None, None, None)


def _read(secret: ssl.SSLSocket) -> int:
    size = 0
    while read := secret.recv(1_000_000):
        size += len(read)
    return size


def test_an_answer_that_is_not_taken_is_given_up(
    loop: asyncio.Runner, serving: Serving, settings: Settings, trust: ssl.SSLContext
) -> None:
    door = Door(Limits(taken=0.5, every=0.05))

    async def work() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            async with (
                serving(settings, door, listener),
                _asked(listener, trust, GET.format("large")),
            ):
                await wait_until(lambda: door.count == 1)
                await wait_until(lambda: door.count == 0, 5)

    loop.run(work())


def test_a_client_that_does_not_part_is_not_waited_for(
    loop: asyncio.Runner, serving: Serving, settings: Settings, trust: ssl.SSLContext
) -> None:
    door = Door(Limits(every=0.05))

    async def work() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            async with (
                serving(settings, door, listener),
                _asked(listener, trust, GET.format("livez") + LAST),
            ):
                await wait_until(lambda: door.count == 1)
                await wait_until(lambda: door.count == 0, 10)

    loop.run(work())


def test_a_last_answer_that_is_taken_slowly_is_given(
    loop: asyncio.Runner,
    serving: Serving,
    settings: Settings,
    trust: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doors, "FAREWELL_S", 0.1)
    door = Door(Limits(every=0.02))

    async def work() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            async with (
                serving(settings, door, listener),
                _asked(listener, trust, GET.format("large") + LAST) as secret,
            ):
                await wait_until(lambda: door.count == 1)
                with pytest.raises(AssertionError):
                    await wait_until(lambda: door.count == 0, 0.7)
                assert await asyncio.to_thread(_read, secret) > LARGE

    loop.run(work())
