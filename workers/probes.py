"""A worker's own port, where one is configured: /metrics, /livez and /readyz."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from orchestrator.domain.access import Scope
from orchestrator.domain.errors import (
    InsufficientScope,
    RingOutError,
    TooManyFailures,
    Unauthenticated,
)
from orchestrator.edge.listening import listen
from orchestrator.service.gate import Gatekeeper
from orchestrator.service.shown import from_headers
from orchestrator.settings import Settings
from workers import metrics

_SHUTDOWN_S = 1.0
_ALIVE_WITHIN_S = 1.5
_PROBE = {"Cache-Control": "no-store"}

Question = Callable[[], Awaitable[bool]]
Guard = Callable[[web.Request], Awaitable[web.Response | None]]
"""Answers whom is not let in; None for who is."""


def guarded(gate: Gatekeeper) -> Guard:
    """Lets in who shows a key with the scope `ops`."""

    async def refusal(request: web.Request) -> web.Response | None:
        shown = from_headers(request.headers.getall("Authorization", ()))
        try:
            (await gate.admitted(shown, request.remote or "")).require(Scope.OPS)
        except RingOutError as error:
            status = _STATUS.get(type(error), 503)
            headers = {**_PROBE, "WWW-Authenticate": 'Bearer realm="ringout"'}
            return web.Response(text=f"{error.detail}\n", status=status, headers=headers)
        return None

    return refusal


_STATUS = {Unauthenticated: 401, InsufficientScope: 403, TooManyFailures: 429}


async def unguarded(_: web.Request) -> web.Response | None:
    """Lets in everybody: only this machine reaches the port."""
    return None


@asynccontextmanager
async def serving(
    settings: Settings, is_alive: Question, is_draining: Callable[[], bool], guard: Guard
) -> AsyncIterator[None]:
    """Serves during the block, unless the port is 0.

    `is_alive` asks whether Redis answers; `guard` says who may see the metrics.
    ConfigurationError where the address cannot be listened on.
    """
    if settings.worker_metrics_port == 0:
        yield
        return
    listener = listen(
        "RINGOUT_WORKER_METRICS",
        settings.worker_metrics_host,
        settings.worker_metrics_port,
        "choose another, or 0 for none",
    )
    runner = web.AppRunner(
        _application(is_alive, is_draining, guard), access_log=None, shutdown_timeout=_SHUTDOWN_S
    )
    await runner.setup()
    await web.SockSite(runner, listener).start()
    try:
        yield
    finally:
        await runner.cleanup()


def _application(
    is_alive: Question, is_draining: Callable[[], bool], guard: Guard
) -> web.Application:
    async def live(_: web.Request) -> web.Response:
        return web.Response(text="ok\n", headers=_PROBE)

    async def ready(_: web.Request) -> web.Response:
        if is_draining():
            return web.Response(text="draining\n", status=503, headers=_PROBE)
        if not await _in_time(is_alive):
            return web.Response(text="Redis does not answer\n", status=503, headers=_PROBE)
        return web.Response(text="ok\n", headers=_PROBE)

    async def scrape(request: web.Request) -> web.Response:
        if (refusal := await guard(request)) is not None:
            return refusal
        body, kind = metrics.PROCESS.exposition(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={**_PROBE, "Content-Type": kind})

    app = web.Application()
    app.router.add_get("/livez", live)
    app.router.add_get("/readyz", ready)
    app.router.add_get("/metrics", scrape)
    return app


async def _in_time(is_alive: Question) -> bool:
    """A worker waits for Redis longer than whoever probes waits for an answer."""
    try:
        async with asyncio.timeout(_ALIVE_WITHIN_S):
            return await is_alive()
    except TimeoutError:
        return False
