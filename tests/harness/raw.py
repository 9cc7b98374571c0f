"""Requests as bytes, for what no client library would send."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Reply:
    """The first answer on a connection; `is_closed` where the other side then ended it."""

    status: int
    headers: dict[str, str]
    body: bytes
    is_closed: bool

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to where the URL points."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        yield reader, writer
    finally:
        await dropped(writer)


async def dropped(writer: asyncio.StreamWriter) -> None:
    """Ends a connection at once, whatever still waits to be sent on it."""
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()


async def answered(reader: asyncio.StreamReader) -> Reply:
    """The next answer; AssertionError where the connection ends before one."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise AssertionError(f"no answer: {error!r}") from None
    headers = {
        name.title(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)
    }
    body = await reader.readexactly(int(headers.get("Content-Length", "0")))
    return Reply(int(head[0].split()[1]), headers, body, is_closed=False)


async def ended(reader: asyncio.StreamReader, seconds: float) -> bool:
    """Whether the other side ends the connection within so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            while await reader.read(65_536):
                pass
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


async def sent(url: str, request: bytes, linger: float = 0.2) -> Reply:
    """What bytes are answered with, and whether the connection is ended soon after."""
    async with connected(url) as (reader, writer):
        writing = asyncio.create_task(_written(writer, request))
        async with asyncio.timeout(15):
            reply = await answered(reader)
        is_closed = await ended(reader, linger)
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
        return Reply(reply.status, reply.headers, reply.body, is_closed)


async def _written(writer: asyncio.StreamWriter, request: bytes) -> None:
    with suppress(ConnectionError):
        writer.write(request)
        await writer.drain()


def resident(pid: int) -> int:
    """The memory that a process has now, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (line,) = (each for each in status.splitlines() if each.startswith("VmRSS"))
    return int(line.split()[1]) // 1024
