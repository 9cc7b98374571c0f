"""Subscriptions by REST, and the token that opens a WebSocket.

Groups: RingCentral's `x-throttling-group` (Medium to create, change and delete; Light to read
and renew). That of `/restapi/oauth/wstoken` is documented nowhere; Light is taken.
"""

from typing import Any

from aiohttp import web

from simulator.exchange import Exchange, Gate, for_extension
from simulator.gate import operation
from simulator.refusals import Refusal, invalid, not_found
from simulator.subscribing import SCOPES, check_scope, wanted_filters, wanted_life
from simulator.subscriptions import MOST, Subscription
from simulator.webhooks import WebhookChannel, check_address


async def _create(exchange: Exchange) -> web.Response:
    world, who, body = exchange.world, exchange.who, await exchange.json()
    address, token = _webhook(body, exchange)
    life = wanted_life(body, world.tuning)
    wanted = wanted_filters(body, who, world.tuning, life)
    _check_count(exchange)
    await world.courier.shake_hands(address, world.tuning.webhook_handshake)
    _check_count(exchange)
    channel = WebhookChannel(world.courier, lambda: world.tuning, address, token)
    one = world.notices.subscriptions.add(who, channel, wanted.filters, wanted.disabled, life)
    channel.subscription = one
    return web.json_response(one.view(exchange.base))


async def _list(exchange: Exchange) -> web.Response:
    owned = exchange.world.notices.subscriptions.owned_by(exchange.who)
    records = [one.view(exchange.base) for one in owned]
    uri = f"{exchange.base}/restapi/v1.0/subscription"
    return web.json_response({"uri": uri, "records": records})


async def _read(exchange: Exchange) -> web.Response:
    return web.json_response(_own(exchange).view(exchange.base))


async def _update(exchange: Exchange) -> web.Response:
    """New filters and a new end; an empty body only renews."""
    one, world = _own(exchange), exchange.world
    _check_webhook(one)
    body = await exchange.json() if await exchange.body() else {}
    life = wanted_life(body, world.tuning)
    if "eventFilters" in body:
        wanted = wanted_filters(body, exchange.who, world.tuning, life)
        one.filters, one.disabled = wanted.filters, wanted.disabled
        world.notices.subscriptions.indexed()
    return _renewed(exchange, one, life)


async def _renew(exchange: Exchange) -> web.Response:
    one = _own(exchange)
    _check_webhook(one)
    return _renewed(exchange, one, exchange.world.tuning.subscription_life)


async def _delete(exchange: Exchange) -> web.Response:
    exchange.world.notices.subscriptions.remove(_own(exchange))
    return web.Response(status=204)


async def _websocket_token(exchange: Exchange) -> web.Response:
    check_scope(exchange.who, SCOPES["WebSocket"])
    life = exchange.world.tuning.ws_token_life
    token = exchange.world.gateway.token_for(exchange.who, life)
    uri = f"ws://{exchange.request.host}/ws"
    answer = {"ws_access_token": token, "uri": uri, "expires_in": int(life)}
    return web.json_response(answer, headers={"Cache-Control": "no-store"})


CREATE = operation(Gate("subscribe", "medium", for_extension), _create)
LIST = operation(Gate("subscription", "light", for_extension), _list)
READ = operation(Gate("subscription", "light", for_extension), _read)
UPDATE = operation(Gate("resubscribe", "medium", for_extension), _update)
RENEW = operation(Gate("renew", "light", for_extension), _renew)
DELETE = operation(Gate("unsubscribe", "medium", for_extension), _delete)
WEBSOCKET_TOKEN = operation(Gate("wstoken", "light", for_extension), _websocket_token)


def _webhook(body: dict[str, Any], exchange: Exchange) -> tuple[str, str | None]:
    """The address and the verification token; a WebSocket's is made inside the WebSocket."""
    mode = body.get("deliveryMode")
    if not isinstance(mode, dict) or mode.get("transportType") != "WebHook":
        raise invalid("deliveryMode.transportType")
    check_scope(exchange.who, SCOPES["WebHook"])
    token = mode.get("verificationToken")
    if token is not None and not isinstance(token, str):
        raise invalid("deliveryMode.verificationToken")
    return check_address(mode.get("address"), exchange.world.tuning), token


def _check_count(exchange: Exchange) -> None:
    if len(exchange.world.notices.subscriptions.owned_by(exchange.who)) >= MOST:
        raise Refusal(403, "SUB-505", "Subscriptions limit exceeded")


def _own(exchange: Exchange) -> Subscription:
    wanted = exchange.request.match_info["subscriptionId"]
    one = exchange.world.notices.subscriptions.find(exchange.who, wanted)
    if one is None:
        raise not_found("subscriptionId")
    return one


def _check_webhook(one: Subscription) -> None:
    """WebSocket subscriptions cannot be updated via HTTP (updateSubscription)."""
    if not isinstance(one.channel, WebhookChannel):
        raise Refusal(405, "SUB-511", "Action not allowed for WebSocket subscription")


def _renewed(exchange: Exchange, one: Subscription, life: float) -> web.Response:
    one.renew(life)
    exchange.world.notices.subscriptions.schedule(one)
    if exchange.world.tuning.renewal_mends and isinstance(one.channel, WebhookChannel):
        one.channel.mend()
    return web.json_response(one.view(exchange.base))
