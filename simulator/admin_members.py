"""The routes under `/__sim` about who there is, and what each has asked for.

    GET    /__sim/extensions[?limit=N]   the first N extensions by rule (100), and those added
    POST   /__sim/extensions             adds one, or changes what one may
    GET    /__sim/usage                  requests accepted, refused and inside a penalty, by
                                         extension and group

A body with an `extension` and a `jwt` adds them, with `account`, `api_key`, `client_id` and
`client_secret` where these are not the first ones. One with a `jwt` that there is, or with an
`extension` alone, changes it: `refused` true has logins with the JWT (or all of the extension's)
answered 400 `invalid_grant` OAU-140 from now on, false no more; `revoke` true ends all tokens of
the extension.
"""

from typing import Annotated, Any

from aiohttp import web
from pydantic import Field, ValidationError

from simulator.admin import AdminRefused, admin, number_in, object_in
from simulator.durations import Strict
from simulator.roster import ACCOUNT, Member, MemberRefused, Roster
from simulator.world import World

_SHOWN = 100
_Id = Annotated[str, Field(pattern="^[0-9]{1,20}$")]
_Text = Annotated[str, Field(min_length=1)]


class _Asked(Strict):
    extension: _Id | None = None
    account: _Id | None = None
    jwt: _Text | None = None
    api_key: _Text | None = None
    client_id: _Text | None = None
    client_secret: _Text | None = None
    refused: bool | None = None
    revoke: bool = False


def routes() -> list[web.RouteDef]:
    """The routes to add to an application."""
    return [
        web.get("/__sim/extensions", admin(_members), allow_head=False),
        web.post("/__sim/extensions", admin(_change)),
        web.get("/__sim/usage", admin(_usage), allow_head=False),
    ]


async def _members(world: World, request: web.Request) -> dict[str, Any]:
    roster = world.roster
    shown = roster.members(number_in(request, "limit", _SHOWN))
    return {"extensions": [one.view(refused=roster.refuses(one.jwt)) for one in shown]}


async def _usage(world: World, _request: web.Request) -> dict[str, Any]:
    return {"usage": world.usage.view()}


async def _change(world: World, request: web.Request) -> dict[str, Any]:
    asked = await _read(request)
    members = _meant(world, asked)
    roster = world.roster
    for one in members:
        if asked.refused is not None:
            roster.refuse(one.jwt, refused=asked.refused)
    owners = {one.extension for one in members}
    revoked = sum(world.sessions.end_all(owner) for owner in owners) if asked.revoke else 0
    views = [one.view(refused=roster.refuses(one.jwt)) for one in members]
    return {"extensions": views, "revoked": revoked}


async def _read(request: web.Request) -> _Asked:
    try:
        return _Asked.model_validate(await object_in(request))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise AdminRefused(f"{first['loc'][0]}: {first['msg']}") from None


def _meant(world: World, asked: _Asked) -> list[Member]:
    roster = world.roster
    if asked.jwt is not None and (known := roster.of_jwt(asked.jwt)) is not None:
        if asked.extension not in {None, known.extension}:
            raise AdminRefused("that jwt is of another extension")
        return [known]
    if asked.jwt is None:
        members = roster.of_extension(asked.extension or "")
        if not members:
            raise AdminRefused("extension or jwt should be one that there is")
        return members
    if asked.extension is None:
        raise AdminRefused("extension should be given with a new jwt")
    return [_added(world, roster, asked, asked.extension, asked.jwt)]


def _added(world: World, roster: Roster, asked: _Asked, extension: str, jwt: str) -> Member:
    settings = world.settings
    member = Member(
        asked.account or roster.account_of(extension) or ACCOUNT,
        extension,
        jwt,
        asked.api_key,
        asked.client_id or settings.client_id,
        asked.client_secret or settings.client_secret,
    )
    try:
        roster.add(member)
    except MemberRefused as error:
        raise AdminRefused(str(error)) from None
    return member
