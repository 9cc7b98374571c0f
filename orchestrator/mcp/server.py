"""The MCP process: serves until SIGTERM or SIGINT, drains, and returns."""

import asyncio
import gc
import ipaddress
import signal
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager

import structlog
import uvicorn
from mcp.server.transport_security import TransportSecuritySettings

from orchestrator.mcp.app import PATH, Build, Endpoint, build, endpoint
from orchestrator.runtime import front_end
from orchestrator.settings import Settings
from orchestrator.storage.feed import Feed

_MOST_CONNECTIONS = 1024
_BACKLOG = 2048
_KEEP_ALIVE_S = 75
_DRAIN_S = 5
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")

log = structlog.get_logger(__name__)


class _Server(uvicorn.Server):
    """uvicorn that leaves signals to us and says when it accepts connections."""

    def __init__(self, config: uvicorn.Config, ready_line: str) -> None:
        super().__init__(config)
        self._ready_line = ready_line

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        gc.collect()
        gc.freeze()
        sys.stdout.write(f"{self._ready_line}\n")
        sys.stdout.flush()


async def run(settings: Settings, build: Build = build, *, stateless: bool = True) -> None:
    """Serves MCP until SIGTERM or SIGINT.

    Then /readyz says 503, streams get their closing frame, requests under way have five seconds
    to finish, and it returns. Logging must be configured before, since the SDK does it where
    nobody has. OSError where the address cannot be listened on.
    """
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    with _listening(settings.mcp_host, settings.mcp_port) as listener:
        port = listener.getsockname()[1]
        async with front_end(settings) as parts:
            whom = guard(settings.mcp_host, port, settings.mcp_allowed_hosts)
            served = endpoint(parts, settings, whom, build, stateless=stateless)
            origin = f"http://{_authority(settings.mcp_host, port)}"
            await _serve(served, listener, origin, stopped, parts.service.feed)


async def _serve(
    served: Endpoint, listener: socket.socket, origin: str, stopped: asyncio.Event, feed: Feed
) -> None:
    config = uvicorn.Config(
        served.app,
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_DRAIN_S,
    )
    server = _Server(config, f"mcp listening on {origin}{PATH}")
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stopped.wait())
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    log.info("mcp_draining")
    served.subscriptions.close()
    await feed.close()
    server.should_exit = True
    await serving


def guard(host: str, port: int, more: str) -> TransportSecuritySettings:
    """Whom the endpoint answers: the Host header names our own address or is listed in `more`,
    and the Origin header, if there is one, is our own address.

    A page elsewhere that has rebound its name to our address sends its own name, which is none
    of these. No wildcards: the SDK takes them for plain prefixes.
    """
    own = _own_hosts(host, port)
    return TransportSecuritySettings(
        allowed_hosts=[*own, *(each for each in more.split(",") if each)],
        allowed_origins=[f"http://{each}" for each in own],
    )


def _own_hosts(host: str, port: int) -> list[str]:
    is_local = host == "localhost" or (_is_address(host) and _is_loopback_or_any(host))
    names = _LOOPBACK_NAMES if is_local else (_authority(host, port).removesuffix(f":{port}"),)
    return [f"{name}:{port}" for name in names] + (list(names) if port == 80 else [])


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback_or_any(host: str) -> bool:
    address = ipaddress.ip_address(host)
    return address.is_loopback or address.is_unspecified


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@contextmanager
def _listening(host: str, port: int) -> Generator[socket.socket, None, None]:
    family, *_, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.create_server(address[:2], family=family, backlog=_BACKLOG) as listener:
        yield listener
