"""Logging in and out: `/restapi/oauth/token` and `/restapi/oauth/revoke`."""

import base64
import binascii
import math
import re
import secrets
from typing import Any

from aiohttp import web

from simulator.auth import Session
from simulator.exchange import FORM, Exchange, Gate
from simulator.gate import operation
from simulator.limits import BucketKey
from simulator.refusals import OAuthRefusal

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_SHORTEST, _LONGEST = 600, 3600
_KIND = "bearer"
Form = dict[str, str]


async def _for_app(exchange: Exchange) -> BucketKey:
    """Counts a login against its application, or against its user where so tuned."""
    app, _ = _credentials(exchange)
    if exchange.world.tuning.auth_limit_by == "app":
        return "", app, "auth"
    return _user(exchange, await exchange.form()), app, "auth"


def _user(exchange: Exchange, form: Form) -> str:
    """Whose login it is, as far as what is presented tells."""
    member = exchange.world.roster.of_jwt(form.get("assertion", ""))
    if member is not None:
        return member.extension
    return exchange.world.sessions.owner_of(form.get("refresh_token", "")) or "unknown"


async def _token(exchange: Exchange) -> web.Response:
    form = await _form(exchange)
    grant = form.get("grant_type", "")
    if not grant:
        raise OAuthRefusal("invalid_request", "OAU-250", "Parameter [grant_type] is missing")
    if grant == JWT_BEARER:
        session = _log_in(exchange, form)
    elif grant == "refresh_token":
        session = _refresh(exchange, form)
    else:
        raise OAuthRefusal("unauthorized_client", "OAU-251", "Unauthorized for this grant type")
    exchange.entry.extension = session.extension
    return web.json_response(_token_info(exchange, form, session), headers=_NOT_STORED)


async def _revoke(exchange: Exchange) -> web.Response:
    form = await _form(exchange)
    token = form.get("token") or exchange.request.query.get("token", "")
    if not token:
        raise OAuthRefusal("invalid_request", "OAU-250", "Parameter [token] is missing")
    exchange.world.sessions.revoke(token, _credentials(exchange)[0])
    return web.Response()


TOKEN = operation(Gate("token", "auth", _for_app), _token)
REVOKE = operation(Gate("revoke", "auth", _for_app), _revoke)
_NOT_STORED = {"Cache-Control": "no-store"}


async def _form(exchange: Exchange) -> Form:
    if not exchange.world.roster.has_app(*_credentials(exchange)):
        raise OAuthRefusal("invalid_client", "OAU-153", "Invalid client credentials")
    if exchange.request.content_type != FORM:
        raise OAuthRefusal("invalid_request", "OAU-250", "Unsupported media type", status=415)
    return await exchange.form()


def _credentials(exchange: Exchange) -> tuple[str, str]:
    kind, _, encoded = exchange.request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    client, _, secret = text.partition(":")
    return client, secret


def _log_in(exchange: Exchange, form: Form) -> Session:
    world = exchange.world
    assertion = form.get("assertion", "")
    if not assertion:
        raise OAuthRefusal("invalid_request", "OAU-250", "Parameter [assertion] is missing")
    app, _ = _credentials(exchange)
    member = world.roster.of_jwt(assertion)
    if member is None or not (member.any_app or member.client_id == app):
        raise OAuthRefusal("invalid_grant", "OAU-146", "Invalid resource owner credentials")
    exchange.entry.extension = member.extension
    if world.roster.refuses(assertion):
        raise OAuthRefusal("invalid_grant", "OAU-140", "Invalid resource owner credentials")
    return world.sessions.open(member, app, world.tuning, _life(exchange, form))


def _refresh(exchange: Exchange, form: Form) -> Session:
    token = form.get("refresh_token", "")
    if not token:
        raise OAuthRefusal("invalid_request", "OAU-250", "Parameter [refresh_token] is missing")
    world, (app, _) = exchange.world, _credentials(exchange)
    return world.sessions.refresh(token, app, world.tuning, _life(exchange, form))


def _life(exchange: Exchange, form: Form) -> float:
    """Seconds an access token lives: what was asked for, at most what is tuned."""
    asked = form.get("access_token_ttl", str(_LONGEST))
    if not re.fullmatch("[0-9]{3,4}", asked) or not _SHORTEST <= int(asked) <= _LONGEST:
        raise OAuthRefusal("invalid_request", "OAU-250", "Parameter [access_token_ttl] is invalid")
    life = exchange.world.tuning.token_life
    return min(float(asked), life) if "access_token_ttl" in form else life


def _token_info(exchange: Exchange, form: Form, session: Session) -> dict[str, Any]:
    info: dict[str, Any] = {
        "access_token": session.access_token,
        "token_type": _KIND,
        "expires_in": math.ceil(exchange.world.sessions.remaining(session)),
        "scope": session.scope,
        "owner_id": session.extension,
        "endpoint_id": form.get("endpoint_id") or secrets.token_urlsafe(16),
        "session_id": session.id,
    }
    if session.refresh_token is not None:
        info["refresh_token"] = session.refresh_token
        info["refresh_token_expires_in"] = math.ceil(exchange.world.tuning.refresh_token_life)
    return info
