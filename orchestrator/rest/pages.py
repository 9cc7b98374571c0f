"""Pages prepared at start: the OpenAPI document, its reading version, the console, the problems."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files

from aiohttp import web

from orchestrator.rest.answers import json_answer
from orchestrator.rest.problems import SAFE, described

READING_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
CONSOLE_POLICY = f"{READING_POLICY}; script-src 'self'; connect-src 'self'"

_PAGE = {
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
"""What a page is served with besides its policy."""

_SCRIPTS = (
    "console",
    "page",
    "calls",
    "rows",
    "details",
    "feed",
    "house",
    "login",
    "webhooks",
    "place",
)

STATIC: Mapping[str, str] = {
    "console.css": "text/css; charset=utf-8",
    **{f"{name}.js": "text/javascript; charset=utf-8" for name in _SCRIPTS},
    "docs.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
"""The files that pages refer to, and their types."""

HTML = "text/html; charset=utf-8"

Page = Callable[[web.Request], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A body with its type; `answer` serves it, or 304 to who has it."""

    body: bytes
    kind: str
    policy: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """The headers it is served with."""
        digest = hashlib.sha256(self.body).hexdigest()[:20]
        headers = {**SAFE, "Cache-Control": "no-cache", "ETag": f'"{digest}"'}
        if self.policy:
            headers |= {"Content-Security-Policy": self.policy, **_PAGE}
        return headers


def page(prepared: Prepared) -> Page:
    """The handler of a prepared page."""
    headers = prepared.headers
    typed = {**headers, "Content-Type": prepared.kind}
    tag = headers["ETag"]

    async def answer(request: web.Request) -> web.Response:
        if tag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        return web.Response(body=prepared.body, headers=typed)

    return answer


def static(name: str) -> bytes:
    """The bytes of a file that comes with this package."""
    return files("orchestrator.rest").joinpath("static", name).read_bytes()


async def explain(request: web.Request) -> web.Response:
    """What a kind of problem means."""
    body = described(request.match_info["code"])
    if body is None:
        raise web.HTTPNotFound
    return json_answer(body)
