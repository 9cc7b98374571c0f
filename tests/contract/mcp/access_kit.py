"""Keys for MCP, and clients that show them."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
from mcp import Client

from orchestrator.domain.access import Scope
from orchestrator.storage.api_keys import ApiKeys, Wanted

MAKE, STATUS, CANCEL = (
    "make-ringout-call",
    "get-ringout-call-status",
    "cancel-ringout-call",
)
METADATA = "/.well-known/oauth-protected-resource"
CALLS = "calls:create calls:read calls:cancel"
HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
}
LISTED = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}

Enter = Callable[[str, str], Awaitable[Client]]


@dataclass(frozen=True)
class House:
    """An MCP process with three keys: two that are each other's strangers, and one that reads."""

    url: str
    one: str
    two: str
    reader: str
    keys: ApiKeys

    @property
    def origin(self) -> str:
        return self.url.removesuffix("/mcp")


async def new_key(keys: ApiKeys, *scopes: Scope) -> str:
    return (await keys.create(Wanted("a test", frozenset(scopes)))).text


async def post(
    session: aiohttp.ClientSession, url: str, token: str | None, body: Any = None
) -> tuple[int, Any, dict[str, Any]]:
    headers = dict(HEADERS) if token is None else {**HEADERS, "Authorization": f"Bearer {token}"}
    async with session.post(url, json=body or LISTED, headers=headers) as answer:
        text = await answer.text()
        is_json = answer.content_type == "application/json"
        data = (
            text
            if is_json
            else next((line[6:] for line in text.splitlines() if line.startswith("data: {")), "{}")
        )
        return answer.status, answer.headers, json.loads(data)
