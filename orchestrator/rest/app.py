"""The REST process: one application on one socket, drained when it is told to end."""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable

import structlog
from aiohttp import web

from orchestrator.rest.metrics import Metrics
from orchestrator.rest.middleware import around
from orchestrator.rest.problems import MOST_BODY
from orchestrator.rest.routes import table
from orchestrator.rest.server import Runner, listening
from orchestrator.rest.streams import HEARTBEAT_S, Streams
from orchestrator.rest.waits import Waits
from orchestrator.runtime import FrontEnd, front_end
from orchestrator.settings import Settings

WAITS = web.AppKey("waits", Waits)
"""The requests that the application holds; `drain` lets them go."""

METRICS = web.AppKey("metrics", Metrics)
STREAMS = web.AppKey("streams", Streams)

log = structlog.get_logger(__name__)


def build(
    parts: FrontEnd, most_streams: int = 1_000, heartbeat: float = HEARTBEAT_S
) -> web.Application:
    """The application, without a server around it; at most so many event streams, and seconds
    between two signs of life on each."""
    waits, metrics = Waits(), Metrics(parts.metrics)
    streams = Streams(waits, metrics, most_streams, heartbeat)
    app = web.Application(middlewares=[around(metrics, waits)], client_max_size=MOST_BODY)
    app[WAITS], app[METRICS], app[STREAMS] = waits, metrics, streams
    app.router.add_routes(table(parts, waits, metrics, streams))
    return app


async def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then lets what is in flight finish.

    ConfigurationError where the address cannot be listened on. Redis need not be there.
    """
    stop = asyncio.Event()
    _on_signals(stop.set)
    socket = listening(settings)
    bound = settings.model_copy(update={"rest_port": socket.getsockname()[1]})
    async with front_end(bound) as parts:
        app = build(parts, bound.sse_clients)
        runner = Runner(app)
        await runner.setup()
        await web.SockSite(runner, socket).start()
        gc.freeze()
        sys.stdout.write(f"rest listening on {_url(bound)}\n")
        sys.stdout.flush()
        await stop.wait()
        log.info("rest_drains", held=app[WAITS].count)
        app[WAITS].drain()
        await runner.cleanup()


def _url(settings: Settings) -> str:
    host = f"[{settings.rest_host}]" if ":" in settings.rest_host else settings.rest_host
    return f"http://{host}:{settings.rest_port}"


def _on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
