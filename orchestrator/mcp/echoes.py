"""The protocol's own errors, without what the client sent: the SDK repeats it, numbers included."""

import json
from typing import Any

from mcp.server import MCPServer
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, PARSE_ERROR, CallToolResult, GetPromptResult
from mcp.types import InputRequiredResult as Question
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.domain import phones

_NOT_JSON = "Parse error: the body must be one JSON value in UTF-8"
_NO_MESSAGE = (
    'Validation error: the body must be one JSON-RPC message: an object with "jsonrpc": "2.0", a '
    "method, and an id where an answer is wanted; batches are not taken"
)
_VALIDATION = "Validation error"
_REFUSED = 400


class Server(MCPServer[Any]):
    """An MCP server that does not repeat the names it does not know."""

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any] | None = None
    ) -> CallToolResult | Question:
        """What the tool answers; ToolError where there is no such tool."""
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError:
            known = [tool.name for tool in await self.list_tools()]
            if name in known:
                raise
            raise ToolError(f"Unknown tool. Use one of {', '.join(known)}.") from None

    async def get_prompt(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        context: Context[Any] | None = None,
    ) -> GetPromptResult | Question:
        """The prompt; MCPError where there is no such prompt."""
        if name not in [prompt.name for prompt in await self.list_prompts()]:
            raise MCPError(INVALID_PARAMS, "There is no such prompt")
        return await super().get_prompt(name, arguments, context)


async def masking(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Middleware of a server: masks the numbers in what it refuses."""
    try:
        return await call_next(ctx)
    except MCPError as error:
        raise MCPError(error.code, _shown(error.message), _shown(error.data)) from error


class Rejections:
    """Masks the numbers in what the transport refuses before a server sees it, and says in words
    of our own what is wrong with a body that is no message."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        held = b""

        async def checked(message: Message) -> None:
            nonlocal start, held
            if message["type"] == "http.response.start" and _is_refusal(message):
                start = message
                return
            if start is None:
                await send(message)
                return
            held += message.get("body", b"")
            if not message.get("more_body", False):
                body = _reworded(held)
                MutableHeaders(scope=start)["Content-Length"] = str(len(body))
                await send(start)
                await send({"type": "http.response.body", "body": body})

        await self._app(scope, receive, checked)


def _is_refusal(message: Message) -> bool:
    kind = MutableHeaders(scope=message).get("content-type", "")
    return message["status"] >= _REFUSED and kind.startswith("application/json")


def _reworded(body: bytes) -> bytes:
    answer = json.loads(body)
    error = answer.get("error")
    if not isinstance(error, dict):
        return body
    error["message"] = _words(error["code"], error["message"])
    if "data" in error:
        error["data"] = _shown(error["data"])
    return json.dumps(answer, separators=(",", ":")).encode()


def _words(code: int, message: str) -> str:
    if code == PARSE_ERROR:
        return _NOT_JSON
    if code == INVALID_PARAMS and message.startswith(_VALIDATION):
        return _NO_MESSAGE
    return str(_shown(message))


def _shown(value: Any) -> Any:
    """A JSON value whose texts, and names, have their numbers masked."""
    if isinstance(value, str):
        return phones.scrubbed(value)
    if isinstance(value, list):
        return [_shown(one) for one in value]
    if isinstance(value, dict):
        return {_shown(name): _shown(one) for name, one in value.items()}
    return value
