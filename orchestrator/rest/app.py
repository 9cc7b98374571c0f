"""The REST process: one application on one socket, drained when it is told to end."""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack

import structlog
from aiohttp import web

from orchestrator.edge.door import Door, limits
from orchestrator.edge.listening import listen
from orchestrator.edge.rules import rules
from orchestrator.edge.tls import serving_tls
from orchestrator.rest.access import Access
from orchestrator.rest.edge import Edge
from orchestrator.rest.metrics import Metrics
from orchestrator.rest.middleware import around
from orchestrator.rest.problem_kinds import MOST_BODY
from orchestrator.rest.routes import table
from orchestrator.rest.server import Runner, Site
from orchestrator.rest.streams import HEARTBEAT_S, Most, Streams
from orchestrator.rest.waits import Waits
from orchestrator.runtime import FrontEnd, front_end, require_keys
from orchestrator.settings import Settings

WAITS = web.AppKey("waits", Waits)
"""The requests that the application holds; `drain` lets them go."""

METRICS = web.AppKey("metrics", Metrics)
STREAMS = web.AppKey("streams", Streams)

log = structlog.get_logger(__name__)


def build(
    parts: FrontEnd,
    most_streams: Most | None = None,
    heartbeat: float = HEARTBEAT_S,
    edge: Edge | None = None,
) -> web.Application:
    """The application, without a server around it; at most so many event streams, and seconds
    between two signs of life on each. `edge` says who is let in."""
    edge = edge or Edge()
    waits, metrics, access = Waits(), Metrics(parts.metrics), Access(parts.gate)
    streams = Streams(waits, metrics, most_streams or Most(), heartbeat)
    app = web.Application(
        middlewares=[around(metrics, waits, edge, access)], client_max_size=MOST_BODY
    )
    app[WAITS], app[METRICS], app[STREAMS] = waits, metrics, streams
    app.on_response_prepare.append(edge.dress)
    app.router.add_routes(table(parts, waits, metrics, streams))
    return app


async def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then lets what is in flight finish.

    ConfigurationError where the address cannot be listened on, or TLS not be served. Redis need
    not be there.
    """
    stop = asyncio.Event()
    _on_signals(stop.set)
    async with AsyncExitStack() as stack:
        tls = await stack.enter_async_context(serving_tls(settings))
        socket = listen("RINGOUT_REST", settings.rest_host, settings.rest_port)
        bound = settings.model_copy(update={"rest_port": socket.getsockname()[1]})
        parts = await stack.enter_async_context(front_end(bound, bound.rest_host))
        await require_keys(bound, bound.rest_host, "RINGOUT_REST_HOST", parts.backend)
        edge = Edge(
            rules(bound, bound.rest_host, public_url=bound.public_url or ""), bound.most_requests
        )
        most = Most(bound.sse_clients, bound.sse_clients_per_key)
        app = build(parts, most, edge=edge)
        runner = Runner(app, Door(limits(bound, bound.sse_clients)))
        await runner.setup()
        await Site(runner, socket, tls).start()
        gc.freeze()
        sys.stdout.write(f"rest listening on {_url(bound)}\n")
        sys.stdout.flush()
        await stop.wait()
        log.info("rest_drains", held=app[WAITS].count)
        app[WAITS].drain()
        await runner.cleanup()


def _url(settings: Settings) -> str:
    host = f"[{settings.rest_host}]" if ":" in settings.rest_host else settings.rest_host
    scheme = "https" if settings.tls_certificate else "http"
    return f"{scheme}://{host}:{settings.rest_port}"


def _on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
