"""The way of every request to the API: journal, token, rate limit, fault, operation."""

import asyncio
import math
import secrets
import time
from dataclasses import replace

from aiohttp import web
from aiohttp.typedefs import Handler

from simulator.exchange import WORLD, Answer, Exchange, Gate
from simulator.faults import FaultSpec, Parties
from simulator.journal import Entry
from simulator.limits import BucketKey, Verdict
from simulator.refusals import Refusal
from simulator.striking import struck

_ANYONE = ("", "", "global")
_UNHELPFUL = {
    "account": ("CMN-302", "Request rate exceeded"),
    "global": ("CMN-310", "Global request rate exceeded"),
}


def operation(gate: Gate, answer: Answer) -> Handler:
    """The aiohttp handler of one operation."""

    async def handle(request: web.Request) -> web.StreamResponse:
        exchange = open_exchange(request, gate)
        try:
            response = await _served(exchange, gate, answer)
        except Refusal as refusal:
            response = refusal.response()
        except asyncio.CancelledError:
            _unanswered(exchange)
            raise
        return _closed(exchange, response)

    return handle


def open_exchange(request: web.Request, gate: Gate) -> Exchange:
    """A request, from its arrival; it is in the journal from here on."""
    world = request.app[WORLD]
    entry = Entry(
        index=world.journal.next_index,
        operation=gate.name,
        method=request.method,
        path=request.path,
        received_wall=time.time(),
        received_monotonic_ns=time.monotonic_ns(),
        group=gate.group,
    )
    world.journal.open(entry)
    return Exchange(world, request, entry, headers={"RCRequestId": secrets.token_hex(12)})


async def _served(exchange: Exchange, gate: Gate, answer: Answer) -> web.Response:
    bucket = await gate.bucket(exchange)
    if bucket is not None:
        count(exchange, _ANYONE)
        if exchange.identity is not None:
            count(exchange, (exchange.who.account, exchange.who.app, "account"))
        count(exchange, bucket)
    fault = await _fault(exchange, gate, bucket)
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


def count(exchange: Exchange, bucket: BucketKey) -> None:
    """Counts a request against its bucket; raises Refusal 429."""
    verdict = exchange.world.limiter.take(bucket)
    exchange.entry.inside_penalty |= verdict.inside_penalty
    exchange.headers.update(verdict.headers)
    if bucket[2] not in _UNHELPFUL or verdict.refused:
        exchange.world.usage.count(
            bucket, refused=verdict.refused, inside_penalty=verdict.inside_penalty
        )
    if verdict.refused:
        exchange.world.limited += 1
        raise _too_many(exchange, bucket, verdict)


def _too_many(exchange: Exchange, bucket: BucketKey, verdict: Verdict) -> Refusal:
    if bucket[2] in _UNHELPFUL:
        return Refusal(429, *_UNHELPFUL[bucket[2]])
    headers = {}
    if exchange.world.tuning.retry_after:
        headers["Retry-After"] = str(math.ceil(verdict.retry_after))
    return Refusal(429, "CMN-301", "Request rate exceeded", headers=headers)


async def _fault(exchange: Exchange, gate: Gate, bucket: BucketKey | None) -> FaultSpec | None:
    faults = exchange.world.faults
    if not faults:
        return None
    parties = await gate.parties(exchange) if gate.parties else Parties()
    if (who := exchange.identity) is not None:
        parties = replace(parties, account=who.account, extension=who.extension)
    fault = faults.strike(gate.name, parties)
    if fault is None:
        return None
    if fault.is_penalty and fault.struck > 1 and bucket is not None:
        exchange.entry.inside_penalty = True
        exchange.world.usage.inside(bucket)
    return fault.spec
