"""The server: routes, and starting it inside a running loop."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from simulator import (
    admin,
    admin_members,
    routes_extension,
    routes_public,
    routes_records,
    routes_ringout,
    routes_subscription,
    routes_telephony,
    routes_token,
    routes_websocket,
)
from simulator.exchange import WORLD
from simulator.refusals import Refusal
from simulator.settings import SimulatorSettings
from simulator.world import World

_LARGEST_BODY = 1024 * 1024
_SHUTDOWN_SECONDS = 0.2
_ACCOUNT = "/restapi/v1.0/account/{accountId}"
_EXTENSION = f"{_ACCOUNT}/extension/{{extensionId}}"
_RING_OUT = f"{_EXTENSION}/ring-out"
_SESSION = f"{_ACCOUNT}/telephony/sessions/{{telephonySessionId}}"
_PARTY = f"{_SESSION}/parties/{{partyId}}"
_SUBSCRIPTIONS = "/restapi/v1.0/subscription"
_SUBSCRIPTION = f"{_SUBSCRIPTIONS}/{{subscriptionId}}"
_UNMATCHED = {
    404: ("CMN-120", "Invalid URI"),
    405: ("CMN-120", "Method is not allowed"),
    413: ("CMN-101", "Request entity is too large"),
}


@dataclass(frozen=True, slots=True)
class Simulator:
    """A running simulator: where it listens, and its world to look into."""

    url: str
    world: World


def application(world: World) -> web.Application:
    """The aiohttp application around a world."""
    app = web.Application(client_max_size=_LARGEST_BODY, middlewares=[_in_ringcentrals_shape])
    app[WORLD] = world
    app.add_routes([*_api(), *_account(), *_push(), *admin.routes(), *admin_members.routes()])
    app.on_shutdown.append(_stopped)
    return app


@asynccontextmanager
async def serving(settings: SimulatorSettings) -> AsyncIterator[Simulator]:
    """Serves until the block is left; raises OSError where it cannot listen."""
    world = World(settings)
    runner = web.AppRunner(
        application(world),
        access_log=None,
        handler_cancellation=True,
        shutdown_timeout=_SHUTDOWN_SECONDS,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, settings.port, backlog=1024)
        await site.start()
        port = runner.addresses[0][1]
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        yield Simulator(f"http://{host}:{port}", world)
    finally:
        await runner.cleanup()


def _api() -> list[web.RouteDef]:
    records = [
        web.get(f"{owner}/{path}", handler, allow_head=False)
        for owner in (_EXTENSION, _ACCOUNT)
        for path, handler in (
            ("active-calls", routes_records.ACTIVE_CALLS),
            ("call-log", routes_records.CALL_LOG),
            ("call-log/{recordId}", routes_records.CALL_LOG_RECORD),
        )
    ]
    return [
        web.post(_RING_OUT, routes_ringout.MAKE),
        web.get(f"{_RING_OUT}/{{ringoutId}}", routes_ringout.STATUS, allow_head=False),
        web.delete(f"{_RING_OUT}/{{ringoutId}}", routes_ringout.CANCEL),
        web.post("/restapi/oauth/token", routes_token.TOKEN),
        web.post("/restapi/oauth/revoke", routes_token.REVOKE),
        web.get("/restapi", routes_public.VERSIONS),
        web.get("/restapi/v1.0", routes_public.VERSION),
        *records,
    ]


def _account() -> list[web.RouteDef]:
    extension = [
        web.get(f"{_EXTENSION}{path}", handler, allow_head=False)
        for path, handler in (
            ("", routes_extension.EXTENSION),
            ("/presence", routes_extension.PRESENCE),
            ("/forwarding-number", routes_extension.FORWARDING_NUMBERS),
            ("/phone-number", routes_extension.PHONE_NUMBERS),
        )
    ]
    return [
        *extension,
        web.get(_SESSION, routes_telephony.SESSION, allow_head=False),
        web.delete(_SESSION, routes_telephony.END_SESSION),
        web.get(_PARTY, routes_telephony.PARTY, allow_head=False),
        web.delete(_PARTY, routes_telephony.END_PARTY),
    ]


def _push() -> list[web.RouteDef]:
    return [
        web.post(_SUBSCRIPTIONS, routes_subscription.CREATE),
        web.get(_SUBSCRIPTIONS, routes_subscription.LIST, allow_head=False),
        web.get(_SUBSCRIPTION, routes_subscription.READ, allow_head=False),
        web.put(_SUBSCRIPTION, routes_subscription.UPDATE),
        web.delete(_SUBSCRIPTION, routes_subscription.DELETE),
        web.post(f"{_SUBSCRIPTION}/renew", routes_subscription.RENEW),
        web.post("/restapi/oauth/wstoken", routes_subscription.WEBSOCKET_TOKEN),
        web.get("/ws", routes_websocket.connect, allow_head=False),
    ]


async def _stopped(app: web.Application) -> None:
    app[WORLD].stop()
    await app[WORLD].courier.close()


@web.middleware
async def _in_ringcentrals_shape(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Gives aiohttp's own refusals RingCentral's shape."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status not in _UNMATCHED:
            raise
        code, message = _UNMATCHED[error.status]
        headers = {"RCRequestId": secrets.token_hex(12)}
        if "Allow" in error.headers:
            headers["Allow"] = error.headers["Allow"]
        return Refusal(error.status, code, message, headers=headers).response()
