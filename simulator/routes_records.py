"""Active calls and the call log, of an extension and of the whole account."""

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from typing import Any

from aiohttp import web
from yarl import URL

from simulator.calls import Call
from simulator.clock import from_rfc3339
from simulator.exchange import Exchange, Gate, check_path, for_extension
from simulator.gate import operation
from simulator.paging import Page
from simulator.records import record, record_id
from simulator.refusals import Refusal, invalid, not_found

PERMISSION = "ReadCallLog"
_DAY = 86400.0
_NOT_WITH_SESSION = ("dateFrom", "dateTo", "phoneNumber")
_CHOICES = {
    "direction": {"Inbound", "Outbound"},
    "type": {"Voice", "Fax"},
    "transport": {"PSTN", "VoIP"},
}
_OURS = {"direction": "Outbound", "type": "Voice", "transport": "PSTN"}

Wanted = Callable[[Call], bool]


async def _active_calls(exchange: Exchange) -> web.Response:
    """Filters are dropped, as the guide says; `view` and paging are kept, as the spec says."""
    check_path(exchange, PERMISSION)
    mine = _mine(exchange)
    calls = [call for call in exchange.world.active_calls() if mine(call)]
    return _page(exchange, calls)


async def _call_log(exchange: Exchange) -> web.Response:
    check_path(exchange, PERMISSION)
    query = exchange.request.query
    if "sessionId" in query and any(name in query for name in _NOT_WITH_SESSION):
        message = "Parameter [sessionId] can't be combined with other filters"
        raise Refusal(400, "CLG-110", message, parameterName="sessionId")
    wanted = (_mine(exchange), _id_filter(exchange), _number_filter(exchange))
    calls = [
        call
        for call in _in_time(exchange)
        if exchange.world.logged(call) and all(want(call) for want in wanted)
    ]
    return _page(exchange, calls if _kind_wanted(exchange) else [])


async def _one_record(exchange: Exchange) -> web.Response:
    check_path(exchange, PERMISSION)
    wanted, world, mine = exchange.request.match_info["recordId"], exchange.world, _mine(exchange)
    for call in reversed(world.calls):
        if record_id(call) == wanted and mine(call) and world.logged(call):
            return web.json_response(_record(exchange, call, _view(exchange.request)))
    raise not_found("callRecordId")


ACTIVE_CALLS = operation(Gate("active-calls", "heavy", for_extension), _active_calls)
CALL_LOG = operation(Gate("call-log", "heavy", for_extension), _call_log)
CALL_LOG_RECORD = operation(Gate("call-log", "heavy", for_extension), _one_record)


def _mine(exchange: Exchange) -> Wanted:
    """Calls of the path's extension, or of the whole account where it names none."""
    extension, account = exchange.who.extension, exchange.who.account
    if "extensionId" not in exchange.request.match_info:
        return lambda call: call.account == account
    return lambda call: call.extension == extension


def _in_time(exchange: Exchange) -> Iterable[Call]:
    """Calls that started from `dateFrom` to `dateTo` (default: the last 24 hours), newest first."""
    end = _moment(exchange.request, "dateTo", time.time())
    start = _moment(exchange.request, "dateFrom", end - _DAY)
    recent = takewhile(lambda call: call.dialled_wall >= start, reversed(exchange.world.calls))
    return (call for call in recent if call.dialled_wall <= end)


def _moment(request: web.Request, name: str, default: float) -> float:
    text = request.query.get(name)
    if text is None:
        return default
    try:
        return from_rfc3339(text)
    except ValueError:
        raise invalid(name, text) from None


def _id_filter(exchange: Exchange) -> Wanted:
    sessions = set(exchange.request.query.getall("sessionId", []))
    telephony = set(exchange.request.query.getall("telephonySessionId", []))
    return lambda call: (
        (not sessions or call.session_id in sessions)
        and (not telephony or call.telephony_session_id in telephony)
    )


def _number_filter(exchange: Exchange) -> Wanted:
    """E.164 without its `+`; a number written with one matches nothing."""
    numbers = set(exchange.request.query.getall("phoneNumber", []))
    return lambda call: (
        not numbers
        or any(number.removeprefix("+") in numbers for number in (call.caller, call.callee))
    )


def _kind_wanted(exchange: Exchange) -> bool:
    """Whether outbound voice calls over the PSTN are asked for: there are no others."""
    for name, choices in _CHOICES.items():
        asked = exchange.request.query.getall(name, [])
        for value in asked:
            if value not in choices:
                raise invalid(name, value)
        if asked and _OURS[name] not in asked:
            return False
    return True


def _view(request: web.Request) -> str:
    view = request.query.get("view", "Simple")
    if view not in {"Simple", "Detailed"}:
        raise invalid("view", view)
    return view


def _page(exchange: Exchange, calls: Sequence[Call]) -> web.Response:
    view = _view(exchange.request)
    page = Page.asked(exchange.request, view)
    here = URL(f"{exchange.base}{exchange.request.path_qs}", encoded=True)
    records = [_record(exchange, call, view) for call in page.cut(calls)]
    return web.json_response(
        {"uri": str(here), "records": records, **page.around(here, len(calls))}
    )


def _record(exchange: Exchange, call: Call, view: str) -> dict[str, Any]:
    world = exchange.world
    return record(
        call,
        world.clock.now(),
        exchange.base,
        detailed=view == "Detailed",
        one_leg=world.tuning.call_log_legs == "one",
    )
