"""What the OpenAPI document says of who may ask: keys, tokens, the console's sessions."""

from collections.abc import Mapping
from typing import Any

from openapi_pydantic.v3.v3_1 import MediaType, Operation, PathItem, RequestBody, Response, Schema

from orchestrator.domain.access import Scope
from orchestrator.rest import oauth, sessions
from orchestrator.rest.access import NEEDS, PUBLIC, PUBLIC_OPERATIONS
from orchestrator.rest.bodies import FORM
from orchestrator.rest.openapi_parts import JSON, problems, ref, response
from orchestrator.rest.problem_kinds import KINDS

_MEANINGS = {
    Scope.CREATE: "Make calls.",
    Scope.READ: "See its own calls.",
    Scope.CANCEL: "Cancel its own calls.",
    Scope.WEBHOOKS: "Have events sent to URLs.",
    Scope.OPS: "See all calls, and how the house stands.",
}
SCHEMES: Mapping[str, Any] = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key (`ringout keys create`), an access token from "
        f"`{oauth.TOKEN}`, or an access token of the identity provider.",
    },
    "client": {
        "type": "oauth2",
        "description": "A key's id and secret, as a client's id and secret.",
        "flows": {
            "clientCredentials": {
                "tokenUrl": oauth.TOKEN,
                "refreshUrl": oauth.TOKEN,
                "scopes": {str(scope): text for scope, text in _MEANINGS.items()},
            }
        },
    },
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "A key's id and secret.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": sessions.COOKIE,
        "description": "The console's session.",
    },
}

_REFUSALS = ("unauthenticated", "insufficient_scope", "too_many_failures", "storage_unavailable")
_LOGIN_FAILS = ("unauthenticated", "invalid_field", "unsupported_media_type")
_METHODS = ("get", "post", "put", "patch", "delete")
_TEXT, _SECONDS = {"type": "string"}, {"type": "integer", "minimum": 1}
_TOKENS = {
    "access_token": _TEXT,
    "token_type": {"const": "bearer"},
    "expires_in": _SECONDS,
    "refresh_token": _TEXT,
    "refresh_token_expires_in": _SECONDS,
    "scope": _TEXT,
    "owner_id": _TEXT,
    "endpoint_id": _TEXT,
}
_ERROR = {"error": _TEXT, "error_description": _TEXT, "errors": {"type": "array"}}
_EXAMPLE = {"grant_type": "client_credentials"}


def secured(document: dict[str, Any]) -> dict[str, Any]:
    """The document, whose operations say what has to be shown and how that is refused."""
    refusals = {
        status: one.model_dump(mode="json", by_alias=True, exclude_unset=True)
        for status, one in problems(*_REFUSALS).items()
    }
    for path, item in document["paths"].items():
        for method in _METHODS:
            is_public = path in PUBLIC or (method.upper(), path) in PUBLIC_OPERATIONS
            if method in item and not is_public:
                item[method]["security"] = _security(path)
                _add(item[method]["responses"], refusals)
            elif method in item:
                item[method]["security"] = []
    return document


def _security(path: str) -> list[dict[str, list[str]]]:
    needed = [str(scope) for begin, scope in NEEDS if (path + "/").startswith(f"{begin}/")]
    return [{"key": []}, {"client": needed}, {"basic": []}, {"session": []}]


def _add(responses: dict[str, Any], refusals: Mapping[str, Any]) -> None:
    for code in _REFUSALS:
        for status in KINDS[code].statuses:
            told = f"- `{code}`: {KINDS[code].meaning}"
            if status not in responses:
                responses[status] = {**refusals[status], "description": told}
            elif f"`{code}`" not in responses[status]["description"]:
                responses[status]["description"] += f"\n{told}"
            if status in ("401", "403"):
                headers = responses[status].setdefault("headers", {})
                headers["WWW-Authenticate"] = {"$ref": "#/components/headers/WWW-Authenticate"}


_FAILS = ("too_many_failures", "storage_unavailable", "request_timeout", "body_too_large")


def paths() -> dict[str, PathItem]:
    """Sessions and tokens."""
    return {
        sessions.PATH: PathItem(get=_read(), post=_open(), delete=_close()),
        oauth.TOKEN: PathItem(
            post=_form(
                "createtoken",
                "Exchange a key for tokens",
                "As RingCentral's: the client's id and secret, as Basic, are a key's id and "
                "secret. A refresh token serves once.",
                _json("The tokens.", _TOKENS),
            )
        ),
        oauth.REVOKE: PathItem(
            post=_form(
                "revoketoken",
                "Revoke a token",
                "Ends the access and the refresh token that this one is of.",
                Response(description="It serves no more."),
            )
        ),
    }


def _read() -> Operation:
    return _operation(
        "readsession",
        "Who asks",
        "Whether a key is needed, and whose key is shown.",
        {"200": response("Who asks.", "SessionDocument"), **problems()},
    )


def _open() -> Operation:
    return _operation(
        "opensession",
        "Log in to the console",
        "Exchanges a key for a cookie, which no script can read, for 12 hours.",
        {"204": Response(description="The cookie is set."), **problems(*_FAILS, *_LOGIN_FAILS)},
        requestBody=_login(),
    )


def _close() -> Operation:
    return _operation(
        "closesession",
        "Log out of the console",
        "Ends the session of the cookie and takes the cookie back, also where the session is over. "
        "Needs an Origin header that is this server's.",
        {"204": Response(description="The session is over."), **problems()},
    )


def _operation(
    name: str, summary: str, description: str, responses: dict[str, Any], **parts: Any
) -> Operation:
    return Operation(
        operationId=name,
        tags=["Access"],
        summary=summary,
        description=description,
        responses=responses,
        **parts,
    )


def _login() -> RequestBody:
    example = {"summary": "A key", "value": {"key": "ringout_live_id_secret"}}
    media = MediaType(schema=ref("schemas", "LoginRequest"), examples={"key": example})
    return RequestBody(description="The key.", required=True, content={JSON: media})


def _form(name: str, summary: str, description: str, answer: Response) -> Operation:
    fields = ("grant_type", "refresh_token", "assertion", "token", "client_id", "client_secret")
    properties = dict.fromkeys(fields, _TEXT)
    schema = Schema.model_validate({"type": "object", "properties": properties})
    example = {"summary": "The usual", "value": _EXAMPLE}
    body = MediaType(schema=schema, examples={"usual": example})
    refused = problems(*_FAILS)
    return _operation(
        name,
        summary,
        description,
        {
            "200": answer,
            **refused,
            "400": _refused(refused["400"], "The request, or its refresh token, is not usable."),
            "401": _json("The client is not valid.", _ERROR),
        },
        requestBody=RequestBody(description="A form.", required=True, content={FORM: body}),
    )


def _refused(before: Response, description: str) -> Response:
    told = _json(description, _ERROR)
    told.content = {**(told.content or {}), **(before.content or {})}
    return told


def _json(description: str, properties: Mapping[str, Any]) -> Response:
    described = {"type": "object", "required": list(properties), "properties": dict(properties)}
    media = MediaType(schema=Schema.model_validate(described))
    return Response(description=description, content={JSON: media})
