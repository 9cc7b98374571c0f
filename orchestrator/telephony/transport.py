"""One request over aiohttp, and the answer to "may it have been acted on?".

UpstreamUnavailable: no connection was made, nothing was sent. UpstreamFailed: something may have
been sent. aiohttp repeats an idempotent request by itself when a connection breaks; for GET that
is welcome (the server closed an idle connection), for DELETE and POST it is prevented here.
"""

import socket
from time import monotonic
from types import TracebackType
from typing import Self
from weakref import WeakSet

import aiohttp
from yarl import URL

from orchestrator.domain.errors import UpstreamFailed, UpstreamUnavailable
from orchestrator.telephony.link import Link
from orchestrator.telephony.wire import Answer, Request

KEEPALIVE = 30.0
CONNECTIONS = 200
LARGEST_BODY = 1024 * 1024
TRY_AGAIN_AFTER = 1.0
_CHUNK = 65_536


class _ConnectionBroke(Exception):
    """A connection broke while a request that must not be repeated was on it."""


async def _never_twice(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as broke:
        if request.method == "GET":
            raise
        raise _ConnectionBroke(str(broke)) from broke


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """At most `LARGEST_BODY` bytes: what is longer is cut, and so is not readable."""
    read = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        read += chunk
        if len(read) > LARGEST_BODY:
            response.close()
            break
    return bytes(read[:LARGEST_BODY])


def _server(server_url: str) -> str:
    url = URL(server_url)
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"{server_url!r} is not the address of a server: http(s)://host[:port]")
    return server_url.rstrip("/")


class Transport:
    """Keeps connections to one server open and sends requests over them."""

    def __init__(self, server_url: str, link: Link) -> None:
        self._server = _server(server_url)
        self._observer = link.observer
        # Shorter than the whole, so that "never connected" is told from "never answered".
        connecting = min(link.connect_timeout, link.timeout * 0.8)
        self._timeout = aiohttp.ClientTimeout(
            total=link.timeout, connect=connecting, sock_connect=connecting
        )
        self._headers = {"User-Agent": link.user_agent, "Accept": "application/json"}
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._in_flight = 0
        self._last_use = -KEEPALIVE
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            limit=CONNECTIONS, keepalive_timeout=KEEPALIVE, socket_factory=self._new_socket
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            middlewares=(_never_twice,),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    def _new_socket(self, address: tuple[object, ...]) -> socket.socket:
        family, kind, protocol = address[:3]
        made = socket.socket(family, kind, protocol)  # type: ignore[arg-type]
        self._sockets.add(made)
        return made

    @property
    def has_idle_connection(self) -> bool:
        """Whether the next request finds an open connection that no other request is using."""
        if monotonic() - self._last_use >= KEEPALIVE:
            return False
        return sum(one.fileno() != -1 for one in self._sockets) > self._in_flight

    async def send(self, request: Request, token: str | None = None) -> Answer:
        """The answer, whatever its status; raises UpstreamUnavailable or UpstreamFailed."""
        self._in_flight += 1
        began, code = monotonic(), "abandoned"
        try:
            answer = await self._exchange(request, token)
            code = str(answer.status)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as unreached:
            code = "unreached"
            raise UpstreamUnavailable(
                f"RingCentral could not be reached ({type(unreached).__name__}).", TRY_AGAIN_AFTER
            ) from unreached
        except TimeoutError as late:
            code = "timeout"
            raise UpstreamFailed("RingCentral did not answer in time.", timed_out=True) from late
        except (aiohttp.ClientError, _ConnectionBroke) as broke:
            code = "broken"
            raise UpstreamFailed(
                f"The connection broke before RingCentral's answer was read "
                f"({type(broke.__cause__ or broke).__name__})."
            ) from broke
        else:
            return answer
        finally:
            self._in_flight -= 1
            self._observer.answered(request.operation, code, monotonic() - began)

    async def _exchange(self, request: Request, token: str | None) -> Answer:
        if self._session is None:
            raise RuntimeError("the transport is used outside its `async with`")
        headers = dict(request.headers)
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        url = URL(self._server + request.path, encoded=True)
        async with self._session.request(
            request.method, url, headers=headers, data=request.body, allow_redirects=False
        ) as response:
            body = await _body(response)
            self._last_use = monotonic()
            named = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, named, body)
