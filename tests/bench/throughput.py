"""Requests a second of one REST process, beside an aiohttp handler that does nothing."""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from itertools import repeat

from aiohttp import web

from tests.bench.house import RING_OUT, house, row
from tests.harness.processes import Process
from tests.harness.redis import free_port

CONNECTIONS = 32
SECONDS = 3.0
ROUNDS = 3
BODY = json.dumps(
    {"from": {"phoneNumber": "+16505550100"}, "to": {"phoneNumber": "+16505550123"}}
).encode()


def encoded(method: str, path: str, body: bytes = b"", more: str = "") -> bytes:
    """A request as it is sent; `more` are further header lines, each with its end."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


class _Client(asyncio.Protocol):
    """Sends the next request as soon as the answer is there."""

    def __init__(self, requests: Iterator[bytes], until: float) -> None:
        self.requests, self.until = requests, until
        self.count = 0
        self.wrong = 0
        self.done = asyncio.get_running_loop().create_future()
        self._buffer = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        transport.write(next(self.requests))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        if len(body) < length:
            return
        self._buffer = b""
        self.count += 1
        self.wrong += not head.startswith(b"HTTP/1.1 20")
        assert self._transport is not None
        if time.monotonic() < self.until:
            self._transport.write(next(self.requests))
        else:
            self._transport.close()
            self.done.set_result(None)


async def rate(port: int, requests: Iterator[bytes]) -> float:
    """Answers a second; AssertionError where one was not a success."""
    loop = asyncio.get_running_loop()
    until = time.monotonic() + SECONDS
    clients = [
        (await loop.create_connection(lambda: _Client(requests, until), "127.0.0.1", port))[1]
        for _ in range(CONNECTIONS)
    ]
    await asyncio.gather(*(client.done for client in clients))
    assert sum(client.wrong for client in clients) == 0
    return sum(client.count for client in clients) / SECONDS


async def _nothing(request: web.Request) -> web.Response:
    if request.can_read_body:
        return web.json_response(await request.json(), status=202)
    return web.json_response({"id": "call"})


def serve_nothing(port: int) -> None:
    """The handler that does nothing, in a process of its own."""
    import uvloop  # noqa: PLC0415 - only this process needs it

    app = web.Application()
    app.router.add_route("*", "/", _nothing)
    web.run_app(app, host="127.0.0.1", port=port, loop=uvloop.new_event_loop(), access_log=None)


async def run() -> list[str]:
    """The table: medians of three rounds, each of all four in turn."""
    port = free_port()
    nothing = Process(
        [sys.executable, "-c", f"from tests.bench.throughput import *; serve_nothing({port})"], {}
    )
    try:
        nothing.line_with("Running on")
        async with house(workers=0) as one:
            ours = int(one.rest.rpartition(":")[2])
            call_id = await one.accept("+16505550123")
            requests = {
                "no-op POST": (port, encoded("POST", "/", BODY)),
                "POST 202": (ours, encoded("POST", RING_OUT, BODY)),
                "no-op GET": (port, encoded("GET", "/")),
                "cached GET": (ours, encoded("GET", f"{RING_OUT}/{call_id}")),
            }
            rounds = [
                {
                    name: await rate(port, repeat(request))
                    for name, (port, request) in requests.items()
                }
                for _ in range(ROUNDS)
            ]
    finally:
        nothing.terminate()
    median = {name: sorted(one[name] for one in rounds)[ROUNDS // 2] for name in requests}
    lines = [row("one process, 32 connections", "a second", "to the no-op")]
    for name, beside in (("POST 202", "no-op POST"), ("cached GET", "no-op GET")):
        lines.append(row(beside, f"{median[beside]:.0f}", "1.00"))
        lines.append(row(name, f"{median[name]:.0f}", f"{median[name] / median[beside]:.2f}"))
    return lines
