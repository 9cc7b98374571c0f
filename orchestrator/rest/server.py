"""aiohttp's server, made to speak of its own errors as problems."""

import asyncio
import socket
import ssl
from contextlib import AsyncExitStack, suppress
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http import HttpVersion10, HttpVersion11, RawRequestMessage
from aiohttp.http_exceptions import BadHttpMessage, LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import RequestHandler, _ErrInfo

from orchestrator.edge.door import FAREWELL_S, HANDSHAKE_S, Door, Watched
from orchestrator.edge.rules import LARGE_HEAD, LONG_TARGET, MOST_FIELD, MOST_FIELDS, MOST_TARGET
from orchestrator.edge.tls import HSTS
from orchestrator.rest.problems import problem, problem_of_http
from orchestrator.rest.seats import SEAT
from orchestrator.rest.waits import LEFT

SHUTDOWN_S = 12.0
"""What aiohttp waits for a handler, twice: to end, and then to end after its request is closed."""
_BACKLOG = 1024

log = structlog.get_logger(__name__)


_LAST = frozenset({400, 414, 431})
"""Where a connection is closed with one of these, more may have come on it."""


class _Protocol(Watched, RequestHandler):
    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.lost = asyncio.Event()
        self._latest_body: StreamReader = EMPTY_PAYLOAD
        self._is_spoilt = False

    def data_received(self, data: bytes) -> None:
        if self._is_spoilt:
            return
        known = len(self._messages)
        super().data_received(data)
        for at in range(known, len(self._messages)):
            message, body = self._messages[at]
            if not isinstance(message, _ErrInfo):
                self._messages[at] = _judged(message, body)
                self._latest_body = body
            elif not self._latest_body.is_eof():
                self._messages.pop()
                self._is_spoilt = True
                _spoil(self._latest_body)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost.set()
        super().connection_lost(exc)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """After the last answer, what still comes is let run out, before aiohttp closes."""
        if self._is_spoilt and request.content is self._latest_body:
            resp.force_close()
        finished = await super().finish_response(request, resp, start_time)
        is_cut_short = self._is_spoilt or resp.status in _LAST or _is_offer(request)
        if is_cut_short and not resp.keep_alive and self.transport is not None:
            self.part()
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_S):
                    await self.lost.wait()
        return finished

    @property
    def is_busy(self) -> bool:
        """Whether a request is under way; not while its body is awaited, nor when all is said."""
        if self._is_over or not self._request_in_progress:
            return False
        request = self._current_request
        seat = None if request is None else request.get(SEAT)
        return seat is None or seat.is_taken

    @property
    def awaits_head(self) -> bool:
        request = self._current_request
        return self._waiter is not None if request is None else request.content.is_eof()

    @property
    def latest(self) -> int:
        return self._request_count

    def refuse_head(self) -> None:
        """431 where no answer is under way; closes."""
        if self.is_busy:
            self.cut("head")
            return
        response = problem(LARGE_HEAD.status, LARGE_HEAD.code, LARGE_HEAD.detail)
        self._link.write(_encoded(self._sealed(response)))
        self.part()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The problem of a request that is not HTTP (4xx), or of an error of ours (500)."""
        if status == 400:
            log.debug("request_not_http", kind=type(exc).__name__)
            response = _unreadable(exc, message or "")
        else:
            log.error("request_failed", exc_info=exc)
            response = problem(500, "internal_error", "An error of this service; it is logged.")
        if request.writer.output_size > 0:
            raise ConnectionError("a part of the answer has left already")
        response.force_close()
        return self._sealed(response)

    def _sealed(self, response: web.Response) -> web.Response:
        """With what every answer over TLS says; the application does not see these."""
        if self._link.get_extra_info("sslcontext") is not None:
            response.headers["Strict-Transport-Security"] = HSTS
        return response


def _spoil(body: StreamReader) -> None:
    """Ends a body in which aiohttp's parser found an error. aiohttp keeps the error for the next
    request, and lets whoever reads this one wait."""
    body.set_exception(web.RequestPayloadError("not well-formed"))
    body.feed_eof()


def _judged(
    message: RawRequestMessage, body: StreamReader
) -> tuple[RawRequestMessage | _ErrInfo, StreamReader]:
    """What stands for a message that aiohttp would take, and for its body."""
    if _is_ambiguous(message):
        error = BadHttpMessage("to be read in two ways")
        return _ErrInfo(400, error, error.message), EMPTY_PAYLOAD
    # To llhttp, another protocol follows an offer: aiohttp drops a part of it, and reads on.
    return (message._replace(should_close=True) if _is_offer(message) else message), body


def _is_offer(head: RawRequestMessage | web.BaseRequest) -> bool:
    """Whether it is to be the last request in HTTP/1 on its connection."""
    return "Upgrade" in head.headers or head.method == "CONNECT"


def _is_ambiguous(message: RawRequestMessage) -> bool:
    """Whether another parser could read it in another way, though aiohttp's takes it."""
    if message.version not in (HttpVersion10, HttpVersion11):
        return True
    codings = [coding.lower() for coding in message.headers.getall("Transfer-Encoding", ())]
    return bool(codings) and (codings != ["chunked"] or "Content-Length" in message.headers)


def _unreadable(error: BaseException | None, message: str) -> web.Response:
    """The problem that aiohttp's parser found; its own text quotes what was sent."""
    if isinstance(error, LineTooLong):
        refusal = LONG_TARGET if error.args[1] == MOST_TARGET else LARGE_HEAD
        return problem(refusal.status, refusal.code, refusal.detail)
    if message.startswith("Too many headers"):
        return problem(LARGE_HEAD.status, LARGE_HEAD.code, LARGE_HEAD.detail)
    return problem(400, "malformed_request", "This is not a well-formed HTTP request.")


def _encoded(response: web.Response) -> bytes:
    body = response.text.encode() if response.text else b""
    headers = {**response.headers, "Content-Length": str(len(body)), "Connection": "close"}
    lines = [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([f"HTTP/1.1 {response.status} ", *lines, "", ""]).encode() + body


class _Server(web.Server):
    door: Door

    def __call__(self) -> RequestHandler:
        protocol = _Protocol(self, loop=self._loop, **self._kwargs)
        protocol.door = self.door
        return protocol


class Runner(web.AppRunner):
    """Runs an application: no access log, bodies as they are sent, problems for all errors, and
    no connection that dawdles."""

    def __init__(self, app: web.Application, door: Door | None = None) -> None:
        super().__init__(app, shutdown_timeout=SHUTDOWN_S)
        self.door = door or Door()
        self._watching = AsyncExitStack()

    async def _make_server(self) -> web.Server:
        inner = await super()._make_server()

        async def handle(request: Any) -> web.StreamResponse:
            request[LEFT] = request.protocol.lost
            try:
                return await inner.request_handler(request)
            except web.HTTPException as error:
                return problem_of_http(error)

        server = _Server(
            handle,
            request_factory=inner.request_factory,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=75.0,
            max_line_size=MOST_TARGET,
            max_field_size=MOST_FIELD,
            max_headers=MOST_FIELDS,
        )
        server.door = self.door
        await self._watching.enter_async_context(self.door.watched())
        return server

    async def cleanup(self) -> None:
        """Ends what is under way, and looks after it until then."""
        await super().cleanup()
        await self._watching.aclose()


class Site(web.SockSite):
    """A bound socket that is served, over TLS where there is a context for it."""

    def __init__(self, runner: Runner, bound: socket.socket, tls: ssl.SSLContext | None) -> None:
        super().__init__(runner, bound, ssl_context=tls, backlog=_BACKLOG)
        if runner.server is None:
            raise RuntimeError("set the runner up before its site")
        self._serve = runner.server

    async def start(self) -> None:
        """Accepts connections from now on."""
        await super(web.SockSite, self).start()
        self._server = await asyncio.get_running_loop().create_server(
            self._serve,
            sock=self._sock,
            ssl=self._ssl_context,
            backlog=self._backlog,
            ssl_handshake_timeout=HANDSHAKE_S if self._ssl_context else None,
        )
