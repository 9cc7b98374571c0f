"""The console's sessions: a key is shown once, and then a cookie stands for it."""

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.domain.access import Principal
from orchestrator.domain.errors import FieldError, InvalidRequest
from orchestrator.rest.answers import json_answer
from orchestrator.rest.asker import address_of, asker_of, is_secure
from orchestrator.rest.bodies import json_body
from orchestrator.rest.problems import SAFE
from orchestrator.service.gate import Proof
from orchestrator.service.logins import Logins
from orchestrator.storage.grants import SESSION_S

PATH = "/v1/session"
COOKIE = "ringout_session"
PROOF = web.RequestKey("proof", Proof)
_LONGEST_KEY = 200


class LoginRequest(BaseModel):
    """What a session is opened with."""

    model_config = ConfigDict(extra="forbid")

    key: str = Field(description="An API key.", min_length=1, max_length=_LONGEST_KEY)


class SessionDocument(BaseModel):
    """Who uses the console."""

    required: bool = Field(description="Whether a key is needed here.")
    name: str = Field(description="What people call the key.")
    scopes: list[str] = Field(description="What it may ask for.")
    key_id: str = Field(alias="keyId", description="Its id; empty where none is needed.")


@dataclass(frozen=True, slots=True)
class SessionRoutes:
    """The handlers for a session."""

    logins: Logins

    async def open(self, request: web.Request) -> web.Response:
        """204 with the cookie."""
        token = await self.logins.session(_key(await json_body(request)), address_of(request))
        response = web.Response(status=204, headers=SAFE)
        _set(request, response, token.text, SESSION_S)
        return response

    async def read(self, request: web.Request) -> web.Response:
        """Who asks."""
        return json_answer(_shown(asker_of(request), required=PROOF in request))

    async def close(self, request: web.Request) -> web.Response:
        """204; the session is over, if it was not before, and the cookie is taken back."""
        await self.logins.log_out(request.cookies.get(COOKIE, ""))
        response = web.Response(status=204, headers=SAFE)
        _set(request, response, "", 0)
        return response


def _key(body: Any) -> str:
    key = body.get("key") if isinstance(body, dict) and set(body) == {"key"} else None
    if not isinstance(key, str) or not 0 < len(key) <= _LONGEST_KEY:
        raise InvalidRequest((FieldError("key", "must be an API key, and the only field"),))
    return key


def _set(request: web.Request, response: web.Response, text: str, seconds: int) -> None:
    response.set_cookie(
        COOKIE,
        text,
        max_age=seconds,
        path="/",
        httponly=True,
        samesite="Strict",
        secure=is_secure(request),
    )


def _shown(asker: Principal, *, required: bool) -> bytes:
    document = {
        "required": required,
        "name": asker.name,
        "scopes": sorted(asker.scopes),
        "keyId": asker.owner,
    }
    return json.dumps(document).encode()
