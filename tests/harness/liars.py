"""Servers that do what they like with a connection, and an attempt at one of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from orchestrator.delivery.sender import Attempt, Sender
from orchestrator.delivery.targets import Targets

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
NOW = 1_700_000_000_000
SIGNED = {"webhook-id": "1-0", "webhook-timestamp": "1", "webhook-signature": "v1,x"}


async def sent(url: str, targets: Targets = "any", seconds: float = 5.0) -> Attempt:
    """What comes of an attempt."""
    return await Sender(targets, "Tests/1", seconds).send(url, SIGNED, b'{"a":1}', NOW)


@asynccontextmanager
async def served(serve: Serve, **options: Any) -> AsyncIterator[str]:
    """A server that does what it likes with a connection; its URL."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0, **options)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/hook?key=secret"
    finally:
        server.close()


@asynccontextmanager
async def counted() -> AsyncIterator[tuple[str, list[bool]]]:
    """A server that says yes, and an entry for each connection to it."""
    connections: list[bool] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(True)
        await answering("HTTP/1.1 204 X\n\n")(reader, writer)

    async with served(serve) as url:
        yield url, connections


def answering(text: str, body: bytes = b"") -> Serve:
    """Reads the request, writes the answer and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b'{"a":1}')
        writer.write(text.replace("\n", "\r\n").encode() + body)
        await writer.drain()

    return serve


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Hears and says nothing."""
    await reader.read()
