"""Before the MCP application: whom it answers, how large and slow a request may be, how many."""

import asyncio
import json
import re
from asyncio import get_running_loop
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import unquote

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.edge import rules as edge_rules
from orchestrator.edge.rules import (
    BUSY,
    PROBES,
    RETRY_AFTER_S,
    SLOW_BODY,
    Asked,
    HeaderLists,
    Refusal,
    Rules,
)
from orchestrator.edge.tls import HSTS

MOST_BODY_BYTES = 64 * 1024
LONGEST_READ_S = 10.0
LARGE_BODY = Refusal(413, "body_too_large", f"A body may have at most {MOST_BODY_BYTES} bytes.")
_ODD_LENGTH = Refusal(
    400,
    "malformed_request",
    "A body's length is told by Content-Length or, in HTTP/1.1, in chunks; not by both.",
)
_ODD_VERSION = Refusal(400, "malformed_request", "HTTP/1.1 is spoken here, and HTTP/1.0.")
_VERSIONS = ("1.0", "1.1")
_OWN_HOST = re.compile(rb"\A[A-Za-z]+://[^/?#]*")
_NAMED_TWICE = Refusal(
    400, "malformed_request", "A name occurs twice in the same object of the body."
)
_ASKED = "ringout.asked"
_TITLES = {
    "malformed_request": "Malformed request",
    "request_timeout": "Request timed out",
    "body_too_large": "Body too large",
    "misdirected_request": "Not served under this name",
    "origin_not_allowed": "Origin not allowed",
    "target_too_long": "Target too long",
    "headers_too_large": "Headers too large",
    "too_busy": "Too busy",
}
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}
_FOREIGN = {"Access-Control-Expose-Headers": "Mcp-Session-Id, WWW-Authenticate, Retry-After"}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Accept, Last-Event-ID, "
    "Mcp-Method, Mcp-Name, Mcp-Protocol-Version, Mcp-Session-Id",
    "Access-Control-Max-Age": "600",
}
_LAST = frozenset({400, 408, 431})
"""After these the connection is closed: what follows on it may be the rest of the request."""


def address_of_scope(scope: Scope) -> str:
    """The address of who asks, which a trusted proxy may have told."""
    asked: Asked = scope[_ASKED]
    return asked.address


def is_https_scope(scope: Scope) -> bool:
    """Whether the client speaks TLS, with us or with a trusted proxy."""
    asked: Asked = scope[_ASKED]
    return asked.is_https


def problem_of(refusal: Refusal) -> tuple[dict[str, str], bytes]:
    """The headers and the body that say why a request was not let in."""
    body = json.dumps(
        {
            "type": f"/problems/{refusal.code}",
            "title": _TITLES[refusal.code],
            "status": refusal.status,
            "detail": refusal.detail,
            "code": refusal.code,
        }
    ).encode()
    headers = {
        "Content-Type": "application/problem+json",
        "Content-Length": str(len(body)),
        **_SAFE,
    }
    if refusal is BUSY:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if refusal.status in _LAST:
        headers["Connection"] = "close"
    return headers, body


Admits = Callable[[Scope, Receive, Send], Awaitable[bool]]
"""Whether a request may go on, before its body is read; else it was answered."""


class Edge:
    """What every request passes first; `streams` says how many of those under way are streams
    that stay open, which are counted elsewhere."""

    def __init__(
        self, app: ASGIApp, rules: Rules, most: int, streams: Callable[[], int], admits: Admits
    ) -> None:
        self._app = app
        self._admits = admits
        self._rules = rules
        self._most = most
        self._streams = streams
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked, refusal = self._judged(scope)
        scope[_ASKED] = asked
        dressed = self._dressed(asked, send)
        if refusal is not None:
            await _refuse(dressed, refusal)
        elif asked.foreign_origin is not None and _is_preflight(scope):
            await _answer(dressed, 204, _PREFLIGHT)
        elif scope["path"] in PROBES:
            await self._app(scope, receive, dressed)
        else:
            await self._admit(scope, receive, dressed)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not await self._admits(scope, receive, send):
            return
        if scope["method"] == "POST":
            began = get_running_loop().time()
            read = await _body(scope, receive)
            if isinstance(read, Refusal):
                await _refuse(send, read)
                return
            if read is None:
                return
            if _names_twice(read):
                await _refuse(send, _NAMED_TWICE)
                return
            is_late = get_running_loop().time() - began > edge_rules.PROVED_FOR_S
            if is_late and not await self._admits(scope, receive, send):
                return
            receive = _replayed(read, receive)
        if self._under_way - self._streams() >= self._most:
            await _refuse(send, BUSY)
            return
        with self._seat():
            await self._app(scope, receive, send)

    @contextmanager
    def _seat(self) -> Any:
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    def _judged(self, scope: Scope) -> tuple[Asked, Refusal | None]:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        asked, refusal = self._rules.judged(
            scope["client"][0] if scope["client"] else "",
            HeaderLists(
                hosts,
                headers.getlist("origin"),
                headers.getlist("x-forwarded-for"),
                headers.getlist("x-forwarded-proto"),
            ),
            is_tls=scope["scheme"] == "https",
        )
        path, query = scope.get("raw_path") or scope["path"].encode(), scope["query_string"]
        if scope["http_version"] not in _VERSIONS:
            return asked, _ODD_VERSION
        large = edge_rules.head_refusal(len(path), len(query), scope["headers"])
        odd = edge_rules.target_refusal(path.decode("ascii", "replace"), "".join(hosts))
        is_chunked = "transfer-encoding" in headers
        if is_chunked and ("content-length" in headers or scope["http_version"] == "1.0"):
            return asked, _ODD_LENGTH
        _leave_path(scope)
        return asked, large or odd or (None if scope["path"] in PROBES else refusal)

    def _dressed(self, asked: Asked, send: Send) -> Send:
        more = dict(_SAFE)
        if self._rules.is_tls:
            more["Strict-Transport-Security"] = HSTS
        if asked.foreign_origin is not None:
            more |= {"Access-Control-Allow-Origin": asked.foreign_origin, **_FOREIGN}

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in more.items():
                    headers.setdefault(name, value)
                if asked.foreign_origin is not None:
                    headers.add_vary_header("Origin")
            await send(message)

        return dressed


def _leave_path(scope: Scope) -> None:
    """Of a target that names the host as well (RFC 9112, 3.2.2), only the path is left."""
    whole = scope.get("raw_path") or b"/"
    path = _OWN_HOST.sub(b"", whole, count=1) or b"/"
    if path != whole:
        scope["raw_path"], scope["path"] = path, unquote(path.decode("ascii"))


def _is_preflight(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return scope["method"] == "OPTIONS" and "access-control-request-method" in headers


async def _body(scope: Scope, receive: Receive) -> bytes | Refusal | None:
    """A request's whole body, or why it is not taken; None where the client has left."""
    told = Headers(scope=scope).get("content-length", "0")
    if told.isdecimal() and int(told) > MOST_BODY_BYTES:
        return LARGE_BODY
    body = bytearray()
    try:
        async with asyncio.timeout(LONGEST_READ_S):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return None
                body += message.get("body", b"")
                if len(body) > MOST_BODY_BYTES:
                    return LARGE_BODY
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        return SLOW_BODY


class _NamedTwiceError(Exception):
    """An object has two members of the same name."""


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _NamedTwiceError
    return members


_DECODER = json.JSONDecoder(
    object_pairs_hook=_members, parse_int=len, parse_float=len, parse_constant=len
)


def _names_twice(body: bytes) -> bool:
    """Whether two readers could see two requests in a body; what is no JSON at all, the protocol
    refuses."""
    try:
        _DECODER.decode(body.decode(json.detect_encoding(body)))
    except _NamedTwiceError:
        return True
    except (ValueError, RecursionError):
        return False
    return False


def _replayed(body: bytes, receive: Receive) -> Receive:
    kept: deque[Message] = deque([{"type": "http.request", "body": body, "more_body": False}])

    async def replayed() -> Message:
        return kept.popleft() if kept else await receive()

    return replayed


async def _refuse(send: Send, refusal: Refusal) -> None:
    headers, body = problem_of(refusal)
    await _answer(send, refusal.status, headers, body)


async def _answer(send: Send, status: int, headers: dict[str, str], body: bytes = b"") -> None:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send(cast("Message", {"type": "http.response.body", "body": body}))
