"""What each kind of fault does to one exchange; the table is in simulator/admin.py."""

import asyncio
import socket
import struct

from aiohttp import web

from simulator.exchange import Answer, Exchange, Gate
from simulator.faults import FaultSpec
from simulator.refusals import Refusal

_LINGER_NOT = struct.pack("ii", 1, 0)


async def struck(exchange: Exchange, gate: Gate, fault: FaultSpec, answer: Answer) -> web.Response:
    """Answers in the fault's way."""
    if fault.kind == "delay":
        return await _late(exchange, fault, answer)
    if fault.kind in {"status", "reset_before", "hang_before"}:
        return await _instead(exchange, gate, fault)
    response = await _answered(exchange, answer)
    if fault.kind in {"truncated", "broken_off"}:
        _fate(exchange, "truncated")
        return _cut(response) if fault.kind == "truncated" else await _broken(exchange, response)
    _fate(exchange, "error" if fault.kind == "dialled_status" else "lost")
    return await _instead(exchange, gate, fault)


async def _late(exchange: Exchange, fault: FaultSpec, answer: Answer) -> web.Response:
    """Takes its time; a client that gives up meanwhile stops nothing."""
    await exchange.body()
    try:
        await asyncio.sleep(fault.ms / 1000)
    except asyncio.CancelledError:
        await _answered(exchange, answer)
        raise
    return await answer(exchange)


async def _answered(exchange: Exchange, answer: Answer) -> web.Response:
    try:
        return await answer(exchange)
    except Refusal as refusal:
        return refusal.response()


async def _instead(exchange: Exchange, gate: Gate, fault: FaultSpec) -> web.Response:
    if fault.kind in {"status", "dialled_status"}:
        if not fault.rate_headers:
            exchange.headers = {"RCRequestId": exchange.headers["RCRequestId"]}
        return fault.response(gate.name)
    if fault.kind in {"hang_before", "hang_after"}:
        await asyncio.Event().wait()  # until the client goes, or the server stops
    _reset(exchange.request)
    return web.Response()


def _fate(exchange: Exchange, fate: str) -> None:
    if exchange.call is not None:
        exchange.call.fate = fate


def _cut(response: web.Response) -> web.Response:
    """The first half of an answer, as if that were all of it."""
    body = bytes(response.body) if isinstance(response.body, bytes) else b""
    return web.Response(
        body=body[: len(body) // 2], status=response.status, content_type="application/json"
    )


async def _broken(exchange: Exchange, response: web.Response) -> web.Response:
    """Sends the first half of an answer that announced the whole, then closes."""
    body = bytes(response.body) if isinstance(response.body, bytes) else b""
    partial = web.StreamResponse(status=response.status)
    partial.content_type = "application/json"
    partial.content_length = len(body)
    await partial.prepare(exchange.request)
    await partial.write(body[: len(body) // 2])
    if exchange.request.transport is not None:
        exchange.request.transport.close()
    return web.Response()


def _reset(request: web.Request) -> None:
    """Ends the connection with a TCP reset."""
    if request.transport is None:
        return
    connection = request.transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    request.transport.abort()
