"""A request's body: read within bounds, decoded strictly."""

import asyncio
from asyncio import get_running_loop
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from orchestrator.domain.errors import MalformedRequest
from orchestrator.edge import rules
from orchestrator.edge.strict_json import decoded
from orchestrator.rest.asker import PROVE_AGAIN
from orchestrator.rest.problem_kinds import MOST_BODY
from orchestrator.rest.seats import SEAT

LONGEST_READ_S = 10.0
FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 50


async def json_body(request: web.Request) -> Any:
    """The decoded body.

    Raises what `decoded` raises, and aiohttp's HTTPRequestEntityTooLarge,
    HTTPUnsupportedMediaType and HTTPRequestTimeout.
    """
    _check_media(request)
    return decoded(await _read(request))


async def form_body(request: web.Request) -> dict[str, str]:
    """The fields of a form, each once; MalformedRequest, and what `json_body` raises besides."""
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != FORM:
        raise _malformed(f"The body must be {FORM}.")
    try:
        text = (await _read(request)).decode()
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise _malformed("The body must be a form in UTF-8.") from None
    if len(dict(pairs)) != len(pairs):
        raise _malformed("A field occurs twice in the form.")
    return dict(pairs)


@asynccontextmanager
async def arriving(request: web.Request) -> AsyncIterator[None]:
    """The block awaits the body; meanwhile the request's seat is free for others.

    Raises aiohttp's HTTPRequestTimeout where the block takes too long, NoSeatError where all seats
    are taken at its end, and what refuses who asks where what they show serves no more by then.
    """
    if request.content.is_eof():
        yield
        return
    seat = request[SEAT]
    seat.leave()
    began = get_running_loop().time()
    try:
        async with asyncio.timeout(LONGEST_READ_S):
            yield
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    seat.take()
    if get_running_loop().time() - began > rules.PROVED_FOR_S and PROVE_AGAIN in request:
        await request[PROVE_AGAIN]()


def _malformed(detail: str) -> MalformedRequest:
    return MalformedRequest(detail, "body")


def _check_media(request: web.Request) -> None:
    headers = request.headers
    kind = headers.get("Content-Type", "")
    if kind != "application/json" and not _is_json(kind):
        raise web.HTTPUnsupportedMediaType
    if headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise web.HTTPUnsupportedMediaType


def _is_json(kind: str) -> bool:
    media, *parameters = (part.strip().lower() for part in kind.split(";"))
    charsets = [
        value.strip().strip('"')
        for name, _, value in (parameter.partition("=") for parameter in parameters)
        if name.strip() == "charset"
    ]
    return media == "application/json" and all(one in ("utf-8", "utf8") for one in charsets)


async def _read(request: web.Request) -> bytes:
    if (request.content_length or 0) > MOST_BODY:
        raise web.HTTPRequestEntityTooLarge(MOST_BODY)
    try:
        async with arriving(request):
            return await request.read()
    except (web.RequestPayloadError, ConnectionError):
        raise _malformed("The body could not be read to its end.") from None
