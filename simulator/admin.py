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
    POST   /__sim/reset               as freshly started

A fault is `{"operation": "make", "kind": "reset_after", "times": 1, "match": {"to": "+1…"}}`.
`operation` is make, status, cancel, token, revoke, active-calls, call-log or any; `times` null
is for ever. Faults strike requests that passed the token check and the rate limit.

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
from typing import Any

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


class _Refused(ValueError):
    """400, with this text."""


class _Clock(Strict):
    speed: float | None = Field(None, gt=0, le=10**6, allow_inf_nan=False)
    advance: float | None = Field(None, ge=0, le=10**9, allow_inf_nan=False)


Task = Callable[[World, web.Request], Awaitable[dict[str, Any]]]


def routes() -> list[web.RouteDef]:
    """The routes to add to an application."""
    return [
        web.get("/__sim/calls", _admin(_calls), allow_head=False),
        web.post("/__sim/hangup", _admin(_hang_up)),
        web.get("/__sim/requests", _admin(_requests), allow_head=False),
        web.get("/__sim/stats", _admin(_stats), allow_head=False),
        web.get("/__sim/scenarios", _admin(_scenarios), allow_head=False),
        web.get("/__sim/settings", _admin(_settings), allow_head=False),
        web.post("/__sim/settings", _admin(_tune)),
        web.post("/__sim/clock", _admin(_clock)),
        web.get("/__sim/faults", _admin(_faults), allow_head=False),
        web.post("/__sim/faults", _admin(_add_fault)),
        web.delete("/__sim/faults", _admin(_clear_faults)),
        web.post("/__sim/reset", _admin(_reset)),
    ]


def _admin(task: Task) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            answer = await task(request.app[WORLD], request)
        except (_Refused, SettingsRefused, FaultRefused) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(answer)

    return handle


async def _calls(world: World, request: web.Request) -> dict[str, Any]:
    to = request.query.get("to")
    rows = world.calls if to is None else world.calls_to(e164(to) or to)
    return {"calls": [world.row(call) for call in rows]}


async def _hang_up(world: World, request: web.Request) -> dict[str, Any]:
    call = world.find(str((await _object(request)).get("id")))
    if call is None or not call.hang_up(world.clock.now()):
        raise _Refused("id should be that of a connected call")
    return world.row(call)


async def _requests(world: World, request: web.Request) -> dict[str, Any]:
    since, limit = _number(request, "since", 0), _number(request, "limit", _PAGE)
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
    world.tune(world.tuning.changed(await _object(request)))
    return world.tuning.model_dump()


async def _clock(world: World, request: web.Request) -> dict[str, Any]:
    try:
        change = _Clock.model_validate(await _object(request))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _Refused(f"{first['loc'][0]}: {first['msg']}") from None
    if change.speed is not None:
        world.clock.run_at(change.speed)
    if change.advance is not None:
        world.clock.advance(change.advance)
    return {"speed": world.clock.speed, "simulated_seconds": round(world.clock.now(), 3)}


async def _faults(world: World, _request: web.Request) -> dict[str, Any]:
    return {"faults": world.faults.views()}


async def _add_fault(world: World, request: web.Request) -> dict[str, Any]:
    return world.faults.add(FaultSpec.read(await _object(request))).view()


async def _clear_faults(world: World, _request: web.Request) -> dict[str, Any]:
    world.faults.clear()
    return await _faults(world, _request)


async def _reset(world: World, _request: web.Request) -> dict[str, Any]:
    world.reset()
    return world.stats()


async def _object(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read())
    except ValueError:
        raise _Refused("the body should be JSON") from None
    if not isinstance(body, dict):
        raise _Refused("the body should be a JSON object")
    return body


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdecimal()):
        raise _Refused(f"{name} should be a whole number")
    return int(text)
