"""What the conformance suite expects a server under test to offer: content and notices.

The names and texts are the suite's; they are registered beside the product's own tools, on the
server that the product's own factory builds.
"""

import asyncio
import base64
import json
import struct
import zlib
from typing import Any

from mcp.server import MCPServer
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.prompts.base import Message, UserMessage
from mcp.types import (
    AudioContent,
    CompleteRequestParams,
    CompleteResult,
    Completion,
    EmbeddedResource,
    EmptyResult,
    ImageContent,
    SetLevelRequestParams,
    SubscribeRequestParams,
    TextContent,
    TextResourceContents,
    UnsubscribeRequestParams,
)

_PAUSE_S = 0.05


def _png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    pixel = chunk(b"IDAT", zlib.compress(b"\x00\xff\x00\x00"))
    return b"\x89PNG\r\n\x1a\n" + header + pixel + chunk(b"IEND", b"")


def _wav() -> bytes:
    layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8)
    body = b"WAVE" + layout + struct.pack("<4sI", b"data", 2) + b"\x80\x80"
    return struct.pack("<4sI", b"RIFF", len(body)) + body


PNG = _png()
_IMAGE = ImageContent(type="image", data=base64.b64encode(PNG).decode(), mime_type="image/png")
_AUDIO = AudioContent(type="audio", data=base64.b64encode(_wav()).decode(), mime_type="audio/wav")


def text(words: str) -> TextContent:
    """A block of text."""
    return TextContent(type="text", text=words)


def _embedded(uri: str, mime_type: str, words: str) -> EmbeddedResource:
    contents = TextResourceContents(uri=uri, mime_type=mime_type, text=words)
    return EmbeddedResource(type="resource", resource=contents)


def add_contents(mcp: MCPServer[Any]) -> None:
    """Tools that answer with each kind of content."""

    @mcp.tool(name="test_simple_text")
    async def simple_text() -> TextContent:
        """Answers a text."""
        return text("This is a simple text response for testing.")

    @mcp.tool(name="test_image_content")
    async def image_content() -> ImageContent:
        """Answers a picture."""
        return _IMAGE

    @mcp.tool(name="test_audio_content")
    async def audio_content() -> AudioContent:
        """Answers a sound."""
        return _AUDIO

    @mcp.tool(name="test_embedded_resource")
    async def embedded_resource() -> EmbeddedResource:
        """Answers an embedded resource."""
        words = "This is an embedded resource content."
        return _embedded("test://embedded-resource", "text/plain", words)

    @mcp.tool(name="test_multiple_content_types")
    async def multiple_content_types() -> list[TextContent | ImageContent | EmbeddedResource]:
        """Answers a text, a picture and a resource."""
        data = json.dumps({"test": "data", "value": 123})
        resource = _embedded("test://mixed-content-resource", "application/json", data)
        return [text("Multiple content types test:"), _IMAGE, resource]

    @mcp.tool(name="test_error_handling")
    async def error_handling() -> TextContent:
        """Always fails."""
        raise ToolError("This tool intentionally returns an error for testing")


def add_notices(mcp: MCPServer[Any]) -> None:
    """Tools that send notifications while they run, or to the streams that listen."""

    async def log(ctx: Context[Any, Any]) -> TextContent:
        """Logs three times."""
        for words in ("started", "processing data", "completed"):
            what = "processing data" if words == "processing data" else f"execution {words}"
            await ctx.info(f"Tool {what}")
            await asyncio.sleep(_PAUSE_S)
        return text("Logged three times.")

    mcp.tool(name="test_tool_with_logging")(log)
    mcp.tool(name="test_logging_tool")(log)

    @mcp.tool(name="test_tool_with_progress")
    async def progress(ctx: Context[Any, Any]) -> TextContent:
        """Reports its progress."""
        for done in (0, 50, 100):
            await ctx.report_progress(done, 100)
            await asyncio.sleep(_PAUSE_S)
        return text("Reported three times.")

    @mcp.tool(name="test_trigger_tool_change")
    async def tool_change(ctx: Context[Any, Any]) -> TextContent:
        """Says that the tools have changed."""
        await ctx.notify_tools_changed()
        return text("Told.")

    @mcp.tool(name="test_trigger_prompt_change")
    async def prompt_change(ctx: Context[Any, Any]) -> TextContent:
        """Says that the prompts have changed."""
        await ctx.notify_prompts_changed()
        return text("Told.")


def add_resources(mcp: MCPServer[Any]) -> None:
    """A text, a picture, a template, and one to be watched."""

    @mcp.resource("test://static-text", mime_type="text/plain")
    async def static_text() -> str:
        """A text."""
        return "This is the content of the static text resource."

    @mcp.resource("test://static-binary", mime_type="image/png")
    async def static_binary() -> bytes:
        """A picture."""
        return PNG

    @mcp.resource("test://watched-resource", mime_type="text/plain")
    async def watched() -> str:
        """One to be watched."""
        return "This is watched."

    @mcp.resource("test://template/{id}/data", mime_type="application/json")
    async def template(id: str) -> str:  # noqa: A002 (the suite's name in the template)
        """Its parameter, given back."""
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


def _said(*contents: TextContent | ImageContent | EmbeddedResource) -> list[Message]:
    return [UserMessage(content) for content in contents]


def add_prompts(mcp: MCPServer[Any]) -> None:
    """Prompts with and without arguments, with a resource and with a picture."""

    @mcp.prompt(name="test_simple_prompt")
    async def simple() -> list[Message]:
        """A text."""
        return _said(text("This is a simple prompt for testing."))

    @mcp.prompt(name="test_prompt_with_arguments")
    async def with_arguments(arg1: str, arg2: str) -> list[Message]:
        """Its arguments, given back."""
        return _said(text(f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"))

    @mcp.prompt(name="test_prompt_with_embedded_resource")
    async def with_resource(resourceUri: str) -> list[Message]:  # noqa: N803 (the suite's)
        """A resource, embedded."""
        resource = _embedded(resourceUri, "text/plain", "Embedded resource content for testing.")
        return _said(resource, text("Please process the embedded resource above."))

    @mcp.prompt(name="test_prompt_with_image")
    async def with_image() -> list[Message]:
        """A picture."""
        return _said(_IMAGE, text("Please analyze the image above."))


def add_methods(mcp: MCPServer[Any]) -> None:
    """Methods that the product itself does not serve."""

    async def complete(_: ServerRequestContext[Any, Any], __: object) -> CompleteResult:
        values = ["paris", "park", "party"]
        return CompleteResult(completion=Completion(values=values, total=3, has_more=False))

    async def nothing(_: ServerRequestContext[Any, Any], __: object) -> EmptyResult:
        return EmptyResult()

    served = mcp._lowlevel_server
    served.add_request_handler("completion/complete", CompleteRequestParams, complete)
    served.add_request_handler("logging/setLevel", SetLevelRequestParams, nothing)
    served.add_request_handler("resources/subscribe", SubscribeRequestParams, nothing)
    served.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, nothing)
