"""Telephony sessions and their parties, by REST.

Which code an unknown session is refused with is documented nowhere; that of an unknown ring-out is
taken. So is what becomes of a call of two when one party is deleted: the call ends.
"""

from typing import Any

from aiohttp import web

from simulator.calls import Call
from simulator.exchange import Exchange, Gate, check_path, for_extension
from simulator.faults import Parties
from simulator.gate import operation
from simulator.refusals import not_found
from simulator.sessions import session_view

PERMISSION = "CallControl"


async def _session(exchange: Exchange) -> web.Response:
    return web.json_response(_view(exchange, _own(exchange)))


async def _party(exchange: Exchange) -> web.Response:
    return web.json_response(_party_of(exchange, _own(exchange)))


async def _end_session(exchange: Exchange) -> web.Response:
    _end(exchange, _own(exchange))
    return web.Response(status=204)


async def _end_party(exchange: Exchange) -> web.Response:
    call = _own(exchange)
    _party_of(exchange, call)
    _end(exchange, call)
    return web.Response(status=204)


async def _parties_of_call(exchange: Exchange) -> Parties:
    call = exchange.world.session(exchange.request.match_info["telephonySessionId"])
    return Parties(call.caller, call.callee) if call else Parties()


_READ = Gate("session", "light", for_extension, _parties_of_call)
_DELETE = Gate("end-session", "light", for_extension, _parties_of_call)
SESSION = operation(_READ, _session)
PARTY = operation(_READ, _party)
END_SESSION = operation(_DELETE, _end_session)
END_PARTY = operation(_DELETE, _end_party)


def _own(exchange: Exchange) -> Call:
    check_path(exchange, PERMISSION)
    call = exchange.world.session(exchange.request.match_info["telephonySessionId"])
    if call is None or call.extension != exchange.who.extension:
        raise not_found("telephonySessionId")
    exchange.entry.call = call.number
    return call


def _view(exchange: Exchange, call: Call) -> dict[str, Any]:
    return session_view(call, exchange.world.clock.now(), exchange.world.tuning)


def _party_of(exchange: Exchange, call: Call) -> dict[str, Any]:
    wanted = exchange.request.match_info["partyId"]
    parties: list[dict[str, Any]] = _view(exchange, call)["parties"]
    for party in parties:
        if party["id"] == wanted:
            return party
    raise not_found("partyId")


def _end(exchange: Exchange, call: Call) -> None:
    if not call.end(exchange.world.clock.now()):
        raise not_found("telephonySessionId")
