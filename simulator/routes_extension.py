"""An extension: itself, its presence, its forwarding and its phone numbers."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web
from yarl import URL

from simulator.exchange import Exchange, Gate, check_path, for_extension
from simulator.gate import operation
from simulator.paging import Page
from simulator.phonebook import extension_body, forwarding_numbers, phone_numbers
from simulator.presence import presence_body

_ACCOUNTS = "ReadAccounts"
_PRESENCE = "ReadPresence"


async def _extension(exchange: Exchange) -> web.Response:
    check_path(exchange, _ACCOUNTS)
    who, disabled = exchange.who, set(exchange.world.tuning.disabled_features.split())
    return web.json_response(extension_body(who.account, who.extension, exchange.base, disabled))


async def _presence(exchange: Exchange) -> web.Response:
    check_path(exchange, _PRESENCE)
    detailed = exchange.request.query.get("detailedTelephonyState") == "true"
    body = presence_body(exchange.world, exchange.who, exchange.base, detailed=detailed)
    return web.json_response(body)


async def _forwarding(exchange: Exchange) -> web.Response:
    check_path(exchange, _ACCOUNTS)
    who = exchange.who
    owner = f"{exchange.base}/restapi/v1.0/account/{who.account}/extension/{who.extension}"
    return _page(exchange, forwarding_numbers(f"{owner}/forwarding-number"))


async def _phone_numbers(exchange: Exchange) -> web.Response:
    check_path(exchange, _ACCOUNTS)
    who = exchange.who
    return _page(exchange, phone_numbers(who.account, who.extension, exchange.base))


EXTENSION = operation(Gate("extension", "light", for_extension), _extension)
PRESENCE = operation(Gate("presence", "light", for_extension), _presence)
FORWARDING_NUMBERS = operation(Gate("forwarding-number", "light", for_extension), _forwarding)
PHONE_NUMBERS = operation(Gate("phone-number", "light", for_extension), _phone_numbers)


def _page(exchange: Exchange, records: Sequence[dict[str, Any]]) -> web.Response:
    page = Page.asked(exchange.request, "Simple")
    here = URL(f"{exchange.base}{exchange.request.path_qs}", encoded=True)
    around = page.around(here, len(records))
    return web.json_response({"uri": str(here), "records": list(page.cut(records)), **around})
