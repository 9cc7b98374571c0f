"""A person who answers, and a client that says what it likes in their place."""

import json
from typing import Any

import aiohttp
from mcp.client.context import ClientRequestContext
from mcp.types import ElicitRequestFormParams, ElicitRequestParams, ElicitResult

MAKE = "make-ringout-call"
STATE_KEY = "0123456789abcdef0123456789abcdef"
ACCEPT = {"action": "accept", "content": {"place": True}}
REFUSED_STATE = "Invalid or expired requestState"


class Person:
    """Answers an SDK client's questions; `asked` holds them."""

    def __init__(self, answer: ElicitResult) -> None:
        self.asked: list[ElicitRequestFormParams] = []
        self._answer = answer

    async def __call__(
        self, context: ClientRequestContext, params: ElicitRequestParams
    ) -> ElicitResult:
        """As the SDK calls it."""
        assert isinstance(params, ElicitRequestFormParams)
        self.asked.append(params)
        return self._answer


YES = ElicitResult(action="accept", content={"place": True})


class Poster:
    """Posts tools/call as a client of the newer protocol does, one request at a time."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str | None = None) -> None:
        self._session = session
        self._url = url
        self._credentials = {"Authorization": f"Bearer {token}"} if token else {}

    async def post(
        self, arguments: dict[str, Any], *, asks: bool = True, **more: Any
    ) -> dict[str, Any]:
        """The answer's JSON-RPC message."""
        capabilities: dict[str, Any] = {"elicitation": {}} if asks else {}
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": capabilities,
        }
        params = {"name": MAKE, "arguments": arguments, "_meta": meta, **more}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        headers = {
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": "tools/call",
            "Mcp-Name": MAKE,
            **self._credentials,
        }
        async with self._session.post(self._url, json=body, headers=headers) as answer:
            text = await answer.text()
            assert answer.content_type == "application/json", (answer.status, text)
            message: dict[str, Any] = json.loads(text)
            return message

    async def asked(self, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
        """The question that comes back."""
        result: dict[str, Any] = (await self.post(arguments, **more))["result"]
        assert result["resultType"] == "input_required", result
        return result

    async def answered(
        self, arguments: dict[str, Any], state: str | None, answer: Any = ACCEPT, **more: Any
    ) -> dict[str, Any]:
        """What comes back to an answer."""
        parts: dict[str, Any] = {"inputResponses": {"confirmation": answer}, **more}
        if state is not None:
            parts["requestState"] = state
        return await self.post(arguments, **parts)

    async def made(self, arguments: dict[str, Any], state: str) -> str:
        """The id of the call that an answer makes."""
        result = (await self.answered(arguments, state))["result"]
        assert not result.get("isError"), result
        call_id: str = result["structuredContent"]["id"]
        return call_id
