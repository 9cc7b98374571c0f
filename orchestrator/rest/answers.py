"""A call as an HTTP answer."""

from collections.abc import Mapping

from aiohttp import web

from orchestrator.rest.problems import SAFE
from orchestrator.storage.records import Snapshot

JSON = "application/json"
STORED = "private, no-cache"
"""A call may be kept by its reader, who asks with If-None-Match before it is used again."""

_JSON_HEADERS = {**SAFE, "Content-Type": JSON}


def tag(call: Snapshot) -> str:
    """What a call's entity tag says: its id and its sequence."""
    return f"{call.id}.{call.sequence}"


def tag_of(call: Snapshot) -> dict[str, str]:
    """The call's ETag; weak, since `observedAt` moves without it."""
    return {"ETag": f'W/"{tag(call)}"'}


def call_answer(status: int, call: Snapshot, headers: Mapping[str, str]) -> web.Response:
    """The call's document with its entity tag."""
    shown = {**_JSON_HEADERS, **tag_of(call), **headers}
    return web.Response(status=status, body=call.document, headers=shown)


def json_answer(body: bytes, headers: Mapping[str, str] | None = None) -> web.Response:
    """A body that is JSON already."""
    return web.Response(body=body, headers={**_JSON_HEADERS, **(headers or {})})
