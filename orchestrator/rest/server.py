"""aiohttp's server, made to speak of its own errors as problems."""

import socket
from typing import Any

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from orchestrator.rest.problems import problem, problem_of_http
from orchestrator.settings import ConfigurationError, Settings

SHUTDOWN_S = 12.0
"""What aiohttp waits for a handler, twice: to end, and then to end after its request is closed."""
_BACKLOG = 1024

log = structlog.get_logger(__name__)


class _Protocol(RequestHandler):
    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - aiohttp's text quotes what was sent
    ) -> web.StreamResponse:
        """The problem of a request that is not HTTP (400), or of an error of ours (500)."""
        if status == 400:
            log.debug("request_not_http", kind=type(exc).__name__)
            response = problem(400, "malformed_request", "This is not a well-formed HTTP request.")
        else:
            log.error("request_failed", exc_info=exc)
            response = problem(500, "internal_error", "An error of this service; it is logged.")
        if request.writer.output_size > 0:
            raise ConnectionError("a part of the answer has left already")
        response.force_close()
        return response


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        return _Protocol(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """Runs an application: no access log, bodies as they are sent, problems for all errors."""

    def __init__(self, app: web.Application) -> None:
        super().__init__(app, shutdown_timeout=SHUTDOWN_S)

    async def _make_server(self) -> web.Server:
        inner = await super()._make_server()

        async def handle(request: Any) -> web.StreamResponse:
            try:
                return await inner.request_handler(request)
            except web.HTTPException as error:
                return problem_of_http(error)

        return _Server(
            handle,
            request_factory=inner.request_factory,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=75.0,
        )


def listening(settings: Settings) -> socket.socket:
    """A socket bound as the settings say; ConfigurationError where that cannot be."""
    host, port = settings.rest_host, settings.rest_port
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror:
        raise ConfigurationError(f"RINGOUT_REST_HOST: {host} is not an address here") from None
    try:
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigurationError(
            f"RINGOUT_REST_PORT: cannot listen on {host} port {port} ({error.strerror}); "
            "choose another"
        ) from None
