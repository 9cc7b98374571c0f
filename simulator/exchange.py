"""One request and what is known of it; how operations find out who asks, and for what."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from simulator.auth import Identity
from simulator.calls import Call
from simulator.faults import Parties
from simulator.journal import Entry
from simulator.limits import BucketKey
from simulator.refusals import Refusal, invalid, not_found
from simulator.world import World

WORLD = web.AppKey("WORLD", World)
FORM = "application/x-www-form-urlencoded"


@dataclass(slots=True)
class Exchange:
    """A request and what is known of it so far."""

    world: World
    request: web.Request
    entry: Entry
    identity: Identity | None = None
    call: Call | None = None
    """The call this request dialled."""
    headers: dict[str, str] = field(default_factory=dict)
    """Go on every answer, errors included."""

    @property
    def who(self) -> Identity:
        if self.identity is None:
            raise RuntimeError("this operation has no token")
        return self.identity

    @property
    def base(self) -> str:
        """Where the client reaches us, for the links in answers."""
        return f"{self.request.scheme}://{self.request.host}"

    async def json(self) -> dict[str, Any]:
        """The body, an object; raises Refusal CMN-101 or CMN-103."""
        try:
            body = json.loads(await self.body())
        except (ValueError, RecursionError):
            raise Refusal(400, "CMN-103", "Request body cannot be parsed") from None
        if not isinstance(body, dict):
            raise invalid("body")
        return body

    async def form(self) -> dict[str, str]:
        """The body, a form; empty where it is none."""
        if self.request.content_type != FORM:
            return {}
        return dict(parse_qsl((await self.body()).decode(errors="replace")))

    async def body(self) -> bytes:
        """The bytes of the body; raises Refusal 413."""
        try:
            return await self.request.read()
        except web.HTTPRequestEntityTooLarge:
            raise Refusal(413, "CMN-101", "Request entity is too large") from None


Answer = Callable[[Exchange], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True)
class Gate:
    """How an operation is let in."""

    name: str
    group: str | None
    bucket: Callable[[Exchange], Awaitable[BucketKey | None]]
    """Finds out who asks, and against which bucket it counts."""
    parties: Callable[[Exchange], Awaitable[Parties]] | None = None
    """Finds out which numbers it is about, for faults that match them."""


async def for_extension(exchange: Exchange) -> BucketKey | None:
    """A bucket of (extension, application, group), from the bearer token."""
    header = exchange.request.headers.get("Authorization")
    who = exchange.world.doorman.identify(header, exchange.world.tuning)
    exchange.identity = who
    exchange.entry.extension = who.extension
    return who.extension, who.app, exchange.entry.group or ""


async def for_anyone(_exchange: Exchange) -> BucketKey | None:
    """No token and no limit."""
    return None


def check_path(exchange: Exchange, permission: str) -> None:
    """The path's ids and the token's scope; raises Refusal CMN-101, 102, 401 or 404."""
    who, path = exchange.who, exchange.request.match_info
    if permission not in who.scope:
        raise Refusal(
            403,
            "CMN-401",
            f"In order to call this API endpoint, application needs to have [{permission}]"
            " permission",
            permissionName=permission,
        )
    account, extension = path["accountId"], path.get("extensionId", "~")
    for name, value in (("accountId", account), ("extensionId", extension)):
        if value != "~" and not value.isdecimal():
            raise invalid(name, value)
    if account not in {"~", who.account}:
        raise not_found("accountId")
    if extension not in {"~", who.extension}:
        raise Refusal(403, "CMN-404", "Attempt to access another extension")
