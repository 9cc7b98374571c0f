"""The way of every request to the API: journal, token, rate limit, fault, operation."""

import asyncio
import math
import secrets
import time

from aiohttp import web
from aiohttp.typedefs import Handler

from simulator.exchange import WORLD, Answer, Exchange, Gate
from simulator.faults import FaultSpec, Parties
from simulator.journal import Entry
from simulator.limits import BucketKey, Verdict
from simulator.refusals import Refusal
from simulator.striking import struck

_ANYONE = ("", "", "global")


def operation(gate: Gate, answer: Answer) -> Handler:
    """The aiohttp handler of one operation."""

    async def handle(request: web.Request) -> web.StreamResponse:
        received_ns = time.monotonic_ns()
        exchange = _opened(request, gate, received_ns)
        try:
            response = await _served(exchange, gate, answer)
        except Refusal as refusal:
            response = refusal.response()
        except asyncio.CancelledError:
            _unanswered(exchange)
            raise
        return _closed(exchange, response)

    return handle


def _opened(request: web.Request, gate: Gate, received_ns: int) -> Exchange:
    world = request.app[WORLD]
    entry = Entry(
        index=world.journal.next_index,
        operation=gate.name,
        method=request.method,
        path=request.path,
        received_wall=time.time(),
        received_monotonic_ns=received_ns,
        group=gate.group,
    )
    world.journal.open(entry)
    return Exchange(world, request, entry, headers={"RCRequestId": secrets.token_hex(12)})


async def _served(exchange: Exchange, gate: Gate, answer: Answer) -> web.Response:
    bucket = await gate.bucket(exchange)
    if bucket is not None:
        _count(exchange, _ANYONE)
        _count(exchange, bucket)
    fault = await _fault(exchange, gate)
    if fault is None:
        return await answer(exchange)
    return await struck(exchange, gate, fault, answer)


def _closed(exchange: Exchange, response: web.Response) -> web.Response:
    transport = exchange.request.transport
    if transport is not None and not transport.is_closing():
        exchange.entry.status = response.status
        if exchange.call is not None and exchange.call.fate == "pending":
            exchange.call.fate = "answered"
        response.headers.update(exchange.headers)
        exchange.world.journal.close(exchange.entry)
    else:
        _unanswered(exchange)
    return response


def _unanswered(exchange: Exchange) -> None:
    if exchange.call is not None and exchange.call.fate == "pending":
        exchange.call.fate = "lost"
    exchange.world.journal.close(exchange.entry)


def _count(exchange: Exchange, bucket: BucketKey) -> None:
    verdict = exchange.world.limiter.take(bucket)
    exchange.entry.inside_penalty |= verdict.inside_penalty
    exchange.headers.update(verdict.headers)
    if verdict.refused:
        exchange.world.limited += 1
        raise _too_many(exchange, bucket, verdict)


def _too_many(exchange: Exchange, bucket: BucketKey, verdict: Verdict) -> Refusal:
    if bucket is _ANYONE:
        return Refusal(429, "CMN-310", "Global request rate exceeded")
    headers = {}
    if exchange.world.tuning.retry_after:
        headers["Retry-After"] = str(math.ceil(verdict.retry_after))
    return Refusal(429, "CMN-301", "Request rate exceeded", headers=headers)


async def _fault(exchange: Exchange, gate: Gate) -> FaultSpec | None:
    faults = exchange.world.faults
    if not faults:
        return None
    parties = await gate.parties(exchange) if gate.parties else Parties()
    return faults.take(gate.name, parties)
