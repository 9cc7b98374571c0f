"""The MCP process: serves until SIGTERM or SIGINT, drains, and returns."""

import asyncio
import gc
import logging
import signal
import socket
import ssl
import sys
from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager

import structlog
import uvicorn

from orchestrator.edge.door import HANDSHAKE_S, Door, limits
from orchestrator.edge.listening import listen
from orchestrator.edge.rules import MOST_HEAD, Rules, rules
from orchestrator.edge.tls import serving_tls
from orchestrator.mcp.app import PATH, Build, Endpoint, build, endpoint
from orchestrator.mcp.connections import connections
from orchestrator.mcp.subscriptions import MOST_STREAMS
from orchestrator.runtime import front_end, require_keys
from orchestrator.settings import Settings
from orchestrator.settings.addresses import authority, reachable
from orchestrator.storage.feed import Feed

_BACKLOG = 2048
_KEEP_ALIVE_S = 75
_DRAIN_S = 5

log = structlog.get_logger(__name__)


class Server(uvicorn.Server):
    """uvicorn that leaves signals to us and says when it accepts connections."""

    def __init__(
        self, config: uvicorn.Config, ready_line: str, tls: ssl.SSLContext | None, door: Door
    ) -> None:
        super().__init__(config)
        self._ready_line = ready_line
        self._tls = tls
        self._door = door

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def _served(self, listener: socket.socket) -> asyncio.base_events.Server:
        make = connections(self._door)
        return await asyncio.get_running_loop().create_server(
            lambda: make(self.config, self.server_state, self.lifespan.state),
            sock=listener,
            ssl=self._tls,
            backlog=_BACKLOG,
            ssl_handshake_timeout=HANDSHAKE_S if self._tls else None,
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])
        self.servers = [await self._served(each) for each in sockets or ()]
        gc.collect()
        gc.freeze()
        sys.stdout.write(f"{self._ready_line}\n")
        sys.stdout.flush()


async def run(settings: Settings, build: Build = build, *, stateless: bool = True) -> None:
    """Serves MCP until SIGTERM or SIGINT.

    Then /readyz says 503, streams get their closing frame, requests under way have five seconds
    to finish, and it returns. Logging must be configured before, since the SDK does it where
    nobody has. ConfigurationError where the address cannot be listened on, where TLS cannot be
    served, or where others reach the address and nobody could be let in.
    """
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        tls = await stack.enter_async_context(serving_tls(settings))
        listener = stack.enter_context(listen("RINGOUT_MCP", settings.mcp_host, settings.mcp_port))
        port = listener.getsockname()[1]
        scheme = "http" if tls is None else "https"
        origin = f"{scheme}://{_authority(settings.mcp_host, port)}"
        own = f"{scheme}://{authority(reachable(settings.mcp_host), port)}"
        parts = await stack.enter_async_context(front_end(settings, settings.mcp_host))
        await require_keys(settings, settings.mcp_host, "RINGOUT_MCP_HOST", parts.backend)
        served = endpoint(parts, settings, whom(settings), build, origin=own, stateless=stateless)
        door = Door(limits(settings, MOST_STREAMS))
        server = Server(config(served), f"mcp listening on {origin}{PATH}", tls, door)
        await stack.enter_async_context(door.watched())
        await _serve(served, server, listener, stopped, parts.service.feed)


def whom(settings: Settings) -> Rules:
    """Whom MCP answers, as the settings say."""
    return rules(settings, settings.mcp_host, settings.mcp_allowed_hosts, settings.mcp_public_url)


def config(served: Endpoint) -> uvicorn.Config:
    """How uvicorn serves it."""
    # Its warnings say that a client has sent what is not HTTP, as often as a client does.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    return uvicorn.Config(
        served.app,
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=MOST_HEAD,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_DRAIN_S,
    )


async def _serve(
    served: Endpoint, server: Server, listener: socket.socket, stopped: asyncio.Event, feed: Feed
) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stopped.wait())
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    log.info("mcp_draining")
    served.subscriptions.close()
    await feed.close()
    server.should_exit = True
    await serving


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
