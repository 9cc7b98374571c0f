"""The routes under `/__sim`: what a test or a person tells the simulator.

    GET    /__sim/calls[?to=+1…]      the ledger: every call dialled, oldest first
    POST   /__sim/hangup              {"id": "…"}: ends a connected call, as one of the two would
    GET    /__sim/requests[?since=N][&limit=N][&operation=make]
                                      requests that arrived, from an index on; `next` is the index
                                      to go on from, `first_kept` the oldest there still is
    GET    /__sim/stats               counts
    GET    /__sim/scenarios           what a callee's number makes happen
    GET    /__sim/settings            the settings in force
    POST   /__sim/settings            {"retention": 5, …} changes some of them
    POST   /__sim/clock               {"speed": 20} and/or {"advance": 60}
    GET    /__sim/faults              the faults in place, in the order they are tried
    POST   /__sim/faults              puts one in place
    DELETE /__sim/faults              removes all
    GET    /__sim/subscriptions       every subscription, and what became of its events
    GET    /__sim/sockets             how many WebSocket connections there are
    POST   /__sim/sockets/drop        {"how": "abort" or "close", "forget": false}: ends all of
                                      them now; `forget` makes their recovery fail
    POST   /__sim/reset               as freshly started

Extensions, their credentials and their use of the budget: simulator/admin_members.py.

A fault is `{"operation": "make", "kind": "reset_after", "times": 1, "match": {"to": "+1…"}}`.
`operation` is make, status, cancel, token, revoke, active-calls, call-log, subscribe,
subscription (reads), resubscribe, renew, unsubscribe, wstoken, presence, session (reads),
end-session, extension, forwarding-number, phone-number or any; `times` null is for ever, and
`seconds` has it in place for so long. `match` names a `to`, a `from`, an `extension` or an
`account`. A 429 that is in place for `seconds` is a penalty: what it strikes after the first
counts as inside of it.
Faults strike requests that passed the token check and the rate limit; of requests inside a
WebSocket, only those of kind `status`.

    kind            effect on the simulator   what the client gets
    status          none                      `status`, `body` (json, html, empty, truncated),
                                              `errorCode`, `message`, `headers`; `rate_headers`
                                              false leaves the X-Rate-Limit headers out
    delay           the usual, late           the usual, after `ms` milliseconds; where the client
                                              gives up before, it is done at once and unanswered
    reset_before    none                      a connection reset
    hang_before     none                      nothing, ever
    reset_after     the usual (it dials)      a connection reset
    hang_after      the usual (it dials)      nothing, ever
    truncated       the usual (it dials)      the status, and half of the JSON as if it were all
    broken_off      the usual (it dials)      half of the JSON, then the connection closes
    dialled_status  the usual (it dials)      as for `status`
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import Field, ValidationError

from simulator.durations import Strict
from simulator.exchange import WORLD
from simulator.faults import FaultRefused, FaultSpec
from simulator.numbers import e164
from simulator.scenarios import SCENARIOS
from simulator.settings import SettingsRefused
from simulator.world import World

_PAGE = 10_000


class AdminRefused(ValueError):
    """400, with this text."""


class _Clock(Strict):
    speed: float | None = Field(None, gt=0, le=10**6, allow_inf_nan=False)
    advance: float | None = Field(None, ge=0, le=10**9, allow_inf_nan=False)


class _Drop(Strict):
    how: Literal["abort", "close"] = "abort"
    forget: bool = False


Task = Callable[[World, web.Request], Awaitable[dict[str, Any]]]


def routes() -> list[web.RouteDef]:
    """The routes to add to an application."""
    return [
        web.get("/__sim/calls", admin(_calls), allow_head=False),
        web.post("/__sim/hangup", admin(_hang_up)),
        web.get("/__sim/requests", admin(_requests), allow_head=False),
        web.get("/__sim/stats", admin(_stats), allow_head=False),
        web.get("/__sim/scenarios", admin(_scenarios), allow_head=False),
        web.get("/__sim/settings", admin(_settings), allow_head=False),
        web.post("/__sim/settings", admin(_tune)),
        web.post("/__sim/clock", admin(_clock)),
        web.get("/__sim/faults", admin(_faults), allow_head=False),
        web.post("/__sim/faults", admin(_add_fault)),
        web.delete("/__sim/faults", admin(_clear_faults)),
        web.get("/__sim/subscriptions", admin(_subscriptions), allow_head=False),
        web.get("/__sim/sockets", admin(_sockets), allow_head=False),
        web.post("/__sim/sockets/drop", admin(_drop_sockets)),
        web.post("/__sim/reset", admin(_reset)),
    ]


def admin(task: Task) -> Handler:
    """The handler of a task: its answer as JSON, or 400 with what was wrong."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            answer = await task(request.app[WORLD], request)
        except (AdminRefused, SettingsRefused, FaultRefused) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(answer)

    return handle


async def _calls(world: World, request: web.Request) -> dict[str, Any]:
    to = request.query.get("to")
    rows = world.calls if to is None else world.calls_to(e164(to) or to)
    return {"calls": [world.row(call) for call in rows]}


async def _hang_up(world: World, request: web.Request) -> dict[str, Any]:
    call = world.find(str((await object_in(request)).get("id")))
    if call is None or not call.hang_up(world.clock.now()):
        raise AdminRefused("id should be that of a connected call")
    return world.row(call)


async def _requests(world: World, request: web.Request) -> dict[str, Any]:
    since, limit = number_in(request, "since", 0), number_in(request, "limit", _PAGE)
    operation = request.query.get("operation")
    entries: list[dict[str, Any]] = []
    following = world.journal.next_index
    for entry in world.journal.since(since):
        if len(entries) >= limit:
            following = entry.index
            break
        if operation in {None, entry.operation}:
            entries.append(entry.view())
    return {"requests": entries, "next": following, "first_kept": world.journal.first_kept}


async def _stats(world: World, _request: web.Request) -> dict[str, Any]:
    return world.stats()


async def _scenarios(_world: World, _request: web.Request) -> dict[str, Any]:
    rows = [
        {"name": one.name, "calleeEndsWith": one.suffix, "summary": one.summary}
        for one in SCENARIOS.values()
    ]
    return {"scenarios": rows}


async def _settings(world: World, _request: web.Request) -> dict[str, Any]:
    return world.tuning.model_dump()


async def _tune(world: World, request: web.Request) -> dict[str, Any]:
    world.tune(world.tuning.changed(await object_in(request)))
    return world.tuning.model_dump()


async def _clock(world: World, request: web.Request) -> dict[str, Any]:
    try:
        change = _Clock.model_validate(await object_in(request))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise AdminRefused(f"{first['loc'][0]}: {first['msg']}") from None
    if change.speed is not None:
        world.clock.run_at(change.speed)
    if change.advance is not None:
        world.clock.advance(change.advance)
    return {"speed": world.clock.speed, "simulated_seconds": round(world.clock.now(), 3)}


async def _faults(world: World, _request: web.Request) -> dict[str, Any]:
    return {"faults": world.faults.views()}


async def _add_fault(world: World, request: web.Request) -> dict[str, Any]:
    return world.faults.add(FaultSpec.read(await object_in(request))).view()


async def _clear_faults(world: World, _request: web.Request) -> dict[str, Any]:
    world.faults.clear()
    return await _faults(world, _request)


async def _subscriptions(world: World, _request: web.Request) -> dict[str, Any]:
    return {"subscriptions": [one.counts() for one in world.notices.subscriptions.all()]}


async def _sockets(world: World, _request: web.Request) -> dict[str, Any]:
    return {"sockets": len(world.gateway.connected())}


async def _drop_sockets(world: World, request: web.Request) -> dict[str, Any]:
    try:
        asked = _Drop.model_validate(await object_in(request))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise AdminRefused(f"{first['loc'][0]}: {first['msg']}") from None
    return {"dropped": world.gateway.drop(how=asked.how, forget=asked.forget)}


async def _reset(world: World, _request: web.Request) -> dict[str, Any]:
    world.reset()
    return world.stats()


async def object_in(request: web.Request) -> dict[str, Any]:
    """The body, a JSON object; raises AdminRefused."""
    try:
        body = json.loads(await request.read())
    except ValueError:
        raise AdminRefused("the body should be JSON") from None
    if not isinstance(body, dict):
        raise AdminRefused("the body should be a JSON object")
    return body


def number_in(request: web.Request, name: str, default: int) -> int:
    """A whole number of the query; raises AdminRefused."""
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdecimal()):
        raise AdminRefused(f"{name} should be a whole number")
    return int(text)
