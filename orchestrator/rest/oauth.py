"""Tokens in the place of a key, as RingCentral's clients ask for them: OAuth's token endpoint.

A key's id and secret are the client's id and secret. RingCentral's grants with an assertion or a
password are taken as well, and neither is looked at: they name RingCentral's users, and who asks
here is the key.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from orchestrator.domain.errors import MalformedRequest, Unauthenticated
from orchestrator.rest.asker import address_of
from orchestrator.rest.bodies import form_body
from orchestrator.rest.problems import SAFE
from orchestrator.service.gate import Proof
from orchestrator.service.logins import Logins, scopes_of
from orchestrator.service.shown import from_headers, from_pair
from orchestrator.storage.grants import ACCESS_S, REFRESH_S, Pair

_KIND = "bearer"
TOKEN, REVOKE = "/restapi/oauth/token", "/restapi/oauth/revoke"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
FRESH = frozenset({"client_credentials", "password", JWT_BEARER})
REFRESH = "refresh_token"

_BASIC = {"WWW-Authenticate": 'Basic realm="ringout"'}


class Refused(Exception):
    """An error as OAuth (RFC 6749) and RingCentral write it."""

    def __init__(self, status: int, error: str, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.error, self.code, self.text = status, error, code, text


_NO_CLIENT = (401, "invalid_client", "OAU-153", "Invalid client credentials")
_NO_GRANT = (400, "invalid_grant", "OAU-210", "Token is not valid")
_NO_KIND = (400, "unsupported_grant_type", "OAU-250", "The grant type is not one that is taken")


@dataclass(frozen=True, slots=True)
class OAuthRoutes:
    """The handlers for tokens."""

    logins: Logins

    async def token(self, request: web.Request) -> web.Response:
        """A pair of tokens."""
        try:
            form = await _form(request)
            proof = await self._client(request, form)
            return _answer(_document(proof, await self._pair(request, form, proof), form))
        except Refused as refused:
            return _refusal(refused)

    async def revoke(self, request: web.Request) -> web.Response:
        """200; a token of the same client serves no more."""
        try:
            form = await _form(request)
            proof = await self._client(request, form)
            if not form.get("token"):
                raise _incomplete("Parameter [token] is missing")
            await self.logins.revoke(proof, form["token"])
        except Refused as refused:
            return _refusal(refused)
        return web.Response(headers=SAFE)

    async def _client(self, request: web.Request, form: Mapping[str, str]) -> Proof:
        shown = from_headers(request.headers.getall("Authorization", ()))
        if shown is None and form.get("client_id"):
            shown = from_pair(form["client_id"], form.get("client_secret", ""))
        try:
            return await self.logins.client(shown, address_of(request))
        except Unauthenticated:
            raise Refused(*_NO_CLIENT) from None

    async def _pair(self, request: web.Request, form: Mapping[str, str], proof: Proof) -> Pair:
        kind = form.get("grant_type", "")
        if kind in FRESH:
            return await self.logins.pair(proof)
        if kind != REFRESH:
            raise Refused(*_NO_KIND)
        if not form.get(REFRESH):
            raise _incomplete("Parameter [refresh_token] is missing")
        try:
            return await self.logins.renewed(proof, form[REFRESH], address_of(request))
        except Unauthenticated:
            raise Refused(*_NO_GRANT) from None


async def _form(request: web.Request) -> Mapping[str, str]:
    try:
        return await form_body(request)
    except MalformedRequest as error:
        raise _incomplete(error.detail) from None


def _incomplete(text: str) -> Refused:
    return Refused(400, "invalid_request", "OAU-250", text)


def _document(proof: Proof, pair: Pair, form: Mapping[str, str]) -> bytes:
    document = {
        "access_token": pair.access.text,
        "token_type": _KIND,
        "expires_in": ACCESS_S,
        "refresh_token": pair.refresh.text,
        "refresh_token_expires_in": REFRESH_S,
        "scope": scopes_of(proof.principal),
        "owner_id": proof.principal.owner,
        "endpoint_id": form.get("endpoint_id", "")[:64] or pair.access.grant,
    }
    return json.dumps(document).encode()


def _answer(
    body: bytes, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    shown = {**SAFE, "Content-Type": "application/json", **(headers or {})}
    return web.Response(status=status, body=body, headers=shown)


def _refusal(refused: Refused) -> web.Response:
    document = {
        "error": refused.error,
        "error_description": refused.text,
        "errors": [{"errorCode": refused.code, "message": refused.text}],
    }
    headers = _BASIC if refused.status == 401 else {}
    return _answer(json.dumps(document).encode(), refused.status, headers)
