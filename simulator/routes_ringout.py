"""The three ring-out operations."""

from typing import Any

from aiohttp import web

from simulator.calls import Call
from simulator.exchange import Exchange, Gate, check_path, for_extension
from simulator.faults import Parties
from simulator.gate import operation
from simulator.numbers import e164
from simulator.refusals import Refusal, not_found
from simulator.wishes import understood

PERMISSION = "RingOut"


async def _make(exchange: Exchange) -> web.Response:
    check_path(exchange, PERMISSION)
    world = exchange.world
    if PERMISSION in world.tuning.disabled_features.split():
        raise Refusal(403, "CMN-112", "Feature [RingOut] is not available for this extension")
    wish = understood(await exchange.json(), world.tuning)
    refusal = world.scenario(wish).refusal
    if refusal is not None:
        raise Refusal(403, *refusal)
    call = world.dial(exchange.who, wish, exchange.entry.received_monotonic_ns)
    exchange.call = call
    exchange.entry.call = call.number
    return web.json_response(_ring_out(exchange, call))


async def _status(exchange: Exchange) -> web.Response:
    check_path(exchange, PERMISSION)
    call = _own_call(exchange)
    exchange.entry.call = call.number
    if exchange.world.readable(call):
        return web.json_response(_ring_out(exchange, call))
    if exchange.world.tuning.after_retention == "404":
        raise not_found("ringOutId")
    return web.json_response(_no_session(exchange, call))


async def _cancel(exchange: Exchange) -> web.Response:
    check_path(exchange, PERMISSION)
    world, call = exchange.world, _own_call(exchange)
    exchange.entry.call = call.number
    now = world.clock.now()
    if call.ended(now):
        raise not_found("ringOutId")
    call.cancel(now, lenient=world.tuning.delete_mode == "lenient")
    return web.Response(status=204)


async def _parties_of_wish(exchange: Exchange) -> Parties:
    try:
        body = await exchange.json()
    except Refusal:
        return Parties()
    return Parties(_phone_number(body.get("from")), _phone_number(body.get("to")))


async def _parties_of_call(exchange: Exchange) -> Parties:
    call = exchange.world.find(exchange.request.match_info["ringoutId"])
    return Parties(call.caller, call.callee) if call else Parties()


MAKE = operation(Gate("make", "heavy", for_extension, _parties_of_wish), _make)
STATUS = operation(Gate("status", "light", for_extension, _parties_of_call), _status)
CANCEL = operation(Gate("cancel", "heavy", for_extension, _parties_of_call), _cancel)


def _phone_number(party: object) -> str | None:
    number = party.get("phoneNumber") if isinstance(party, dict) else None
    return e164(number) if isinstance(number, str) else None


def _own_call(exchange: Exchange) -> Call:
    call = exchange.world.find(exchange.request.match_info["ringoutId"])
    if call is None or call.extension != exchange.who.extension:
        raise not_found("ringOutId")
    return call


def _ring_out(exchange: Exchange, call: Call) -> dict[str, Any]:
    path = f"/restapi/v1.0/account/{call.account}/extension/{call.extension}/ring-out"
    return {
        "uri": f"{exchange.base}{path}/{call.ringout_id}",
        "id": call.ringout_id,
        "status": call.words(exchange.world.clock.now()),
    }


def _no_session(exchange: Exchange, call: Call) -> dict[str, Any]:
    gone = {"callerStatus": "NoSessionFound", "calleeStatus": "NoSessionFound"}
    answer = _ring_out(exchange, call)
    return {**answer, "status": {**answer["status"], **gone}}
