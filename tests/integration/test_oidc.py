"""Tokens of an identity provider: what is taken, and everything that is not."""

import base64
import json
import time
from dataclasses import dataclass
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from jwt.algorithms import get_default_algorithms

from orchestrator.domain.access import Principal, Scope
from orchestrator.identity import OidcIssuer
from orchestrator.settings import ConfigurationError, load
from tests.harness.provider import (
    AUDIENCE,
    EVERY_SCOPE,
    JWKS,
    IdentityProvider,
    jwk,
    new_key,
    tampered,
)

DAY_S = 86_400


@dataclass(frozen=True)
class In:
    """A moment so many seconds from the test's own present."""

    seconds: int


def _dated(claims: dict[str, Any]) -> dict[str, Any]:
    present = int(time.time())
    return {
        name: present + value.seconds if isinstance(value, In) else value
        for name, value in claims.items()
    }


def _part(content: Any) -> str:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def _claims(provider: IdentityProvider, **more: Any) -> dict[str, Any]:
    now = int(time.time())
    usual = {"iss": provider.issuer, "aud": AUDIENCE, "sub": "mallory", "iat": now}
    return {**usual, "exp": now + 600, "scope": EVERY_SCOPE, **more}


async def test_a_token_proves_who_asks(provider: IdentityProvider, issuer: OidcIssuer) -> None:
    scope = "openid calls:read profile calls:create calls:readx"
    alice = await issuer.principal(provider.token(scope=scope, email="alice@example.com"))
    assert alice is not None
    assert alice.scopes == {Scope.READ, Scope.CREATE}
    assert alice.owner.startswith("oidc_")
    assert len(alice.owner) == len("oidc_") + 24
    assert alice.name == alice.owner
    bob = await issuer.principal(provider.token(sub="bob"))
    again = await issuer.principal(provider.token(exp=int(time.time()) + 700))
    assert bob is not None
    assert again is not None
    assert bob.owner != alice.owner == again.owner


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"scope": None, "scp": ["calls:read", "ops"]}, {Scope.READ, Scope.OPS}),
        ({"scope": None, "scp": "calls:cancel"}, {Scope.CANCEL}),
        ({"scope": None}, set()),
        ({"scope": 7}, set()),
        ({"scope": {"calls:read": True}}, set()),
        ({"scope": "CALLS:READ"}, set()),
    ],
)
async def test_scopes(
    provider: IdentityProvider, issuer: OidcIssuer, claims: dict[str, Any], scopes: set[Scope]
) -> None:
    found = await issuer.principal(provider.token(**claims))
    assert found is not None
    assert found.scopes == scopes


@pytest.mark.parametrize(
    "algorithm",
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"],
)
@pytest.mark.parametrize("names_algorithm", [True, False])
async def test_algorithms(
    provider: IdentityProvider, issuer: OidcIssuer, algorithm: str, *, names_algorithm: bool
) -> None:
    key = new_key(algorithm)
    named = algorithm if names_algorithm else None
    provider.lies(JWKS, {"keys": [jwk(key, algorithm, kid="k", alg=named)]})
    token = provider.token("k", key=key, algorithm=algorithm)
    assert isinstance(await issuer.principal(token), Principal)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://elsewhere.example.com"},
        {"iss": None},
        {"aud": "https://other.example.com"},
        {"aud": AUDIENCE + "/"},
        {"aud": AUDIENCE.upper()},
        {"aud": []},
        {"aud": None},
        {"aud": {AUDIENCE: 1}},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
        {"sub": "\ud800"},
        {"exp": None},
        {"exp": "never"},
        {"exp": In(-31)},
        {"exp": 10**400},
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"exp": In(DAY_S + 600)},
        {"exp": In(DAY_S + 600), "iat": None},
        {"exp": In(60), "iat": In(-2 * DAY_S)},
        {"nbf": In(600)},
        {"nbf": "soon"},
        {"iat": In(600)},
        {"iat": {}},
    ],
    ids=repr,
)
async def test_claims_that_are_not_right(
    provider: IdentityProvider, issuer: OidcIssuer, claims: dict[str, Any]
) -> None:
    assert await issuer.principal(provider.token()) is not None
    assert await issuer.principal(provider.token(**_dated(claims))) is None


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": ["https://other.example.com", AUDIENCE]},
        {"exp": In(-5)},
        {"nbf": In(20)},
        {"iat": In(20)},
        {"iat": None},
    ],
    ids=repr,
)
async def test_claims_that_are_right(
    provider: IdentityProvider, issuer: OidcIssuer, claims: dict[str, Any]
) -> None:
    assert await issuer.principal(provider.token(**_dated(claims))) is not None


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "logout+jwt"},
        {"typ": "secevent+jwt"},
        {"typ": 7},
        {"crit": ["exp"]},
        {"crit": []},
        {"crit": ["b64"], "b64": True},
        {"kid": "../../../../dev/null"},
        {"kid": "first\x00"},
        {"kid": "first' OR '1'='1"},
        {"kid": "FIRST"},
        {"kid": ""},
        {"kid": "http://127.0.0.1/keys"},
    ],
    ids=repr,
)
async def test_headers_that_are_not_right(
    provider: IdentityProvider, issuer: OidcIssuer, header: dict[str, Any]
) -> None:
    token = jwt.encode(
        _claims(provider), provider.keys["first"][0], "ES256", {"kid": "first", **header}
    )
    assert await issuer.principal(provider.token()) is not None
    assert await issuer.principal(token) is None


@pytest.mark.parametrize("header", [{"typ": "JWT"}, {"typ": "application/at+jwt"}, {"typ": None}])
async def test_types_that_are_taken(
    provider: IdentityProvider, issuer: OidcIssuer, header: dict[str, Any]
) -> None:
    assert await issuer.principal(provider.token(header=header)) is not None


async def test_a_key_that_the_token_brings_is_not_used(
    provider: IdentityProvider, issuer: OidcIssuer
) -> None:
    own = new_key("ES256")
    provider.lies("/evil", {"keys": [jwk(own, "ES256", kid="first")]})
    where = f"{provider.issuer}/evil"
    for header in ({"jwk": jwk(own, "ES256")}, {"jku": where}, {"x5u": where}):
        for kid in ("first", "evil"):
            token = provider.token(kid, key=own, algorithm="ES256", header=header)
            assert await issuer.principal(token) is None
    assert "/evil" not in provider.asked


async def test_no_signature_and_a_shared_secret_prove_nothing(
    provider: IdentityProvider, issuer: OidcIssuer
) -> None:
    key = new_key("RS256")
    provider.keys["rsa"] = (key, "RS256")
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert await issuer.principal(provider.token("rsa")) is not None
    payload = _part(_claims(provider))
    for kid in ("first", "rsa"):
        for algorithm in ("none", "None", "nOnE", "", None, ["RS256"], 7):
            head = _part({"alg": algorithm, "kid": kid, "typ": "at+jwt"})
            for end in ("", _part(b"x" * 64)):
                assert await issuer.principal(f"{head}.{payload}.{end}") is None
    for algorithm in ("HS256", "HS384", "HS512"):
        head = _part({"alg": algorithm, "kid": "rsa", "typ": "at+jwt"})
        hmac: Any = get_default_algorithms()[algorithm]
        for secret in (pem, pem.rstrip(), json.dumps(jwk(key, "RS256")).encode()):
            made = _part(hmac.sign(f"{head}.{payload}".encode(), secret))
            assert await issuer.principal(f"{head}.{payload}.{made}") is None


async def test_another_key_and_another_algorithm_of_the_same_key(
    provider: IdentityProvider, issuer: OidcIssuer
) -> None:
    provider.keys["rsa"] = (new_key("RS256"), "RS256")
    assert await issuer.principal(provider.token(key=new_key("ES256"))) is None
    rsa_key = provider.keys["rsa"][0]
    assert await issuer.principal(provider.token("rsa")) is not None
    assert await issuer.principal(provider.token("rsa", key=rsa_key, algorithm="PS256")) is None
    assert await issuer.principal(provider.token("first", key=rsa_key, algorithm="RS256")) is None


async def test_a_token_that_was_tampered_with(
    provider: IdentityProvider, issuer: OidcIssuer
) -> None:
    token = provider.token(scope="calls:read")
    assert await issuer.principal(token) is not None
    head, payload, end = token.split(".")
    raised = _part(_claims(provider))
    for other in (
        f"{head}.{raised}.{end}",
        tampered(token),
        f"{head}.{payload}.",
        f"{head}.{payload}",
        f"{head}.{payload}.{end}.{end}",
        f"{token} ",
        f" {token}",
        f"{token}=",
        f"{token}\n",
        f"Bearer {token}",
        token.replace(".", ".."),
        f"{head}.{payload}.{end[:-4]}",
        "..",
        "",
        "\ud800",
        "é.é.é",
    ):
        assert await issuer.principal(other) is None, other


async def test_a_token_that_is_too_large_costs_no_question(
    provider: IdentityProvider, issuer: OidcIssuer
) -> None:
    assert await issuer.principal(provider.token(padding="x" * 9_000)) is None
    assert await issuer.principal("x" * 10_000_000) is None
    deep = _part(b"[" * 5_000)
    assert await issuer.principal(f"{deep}.{deep}.{deep}") is None
    assert provider.asked == {}
    assert await issuer.principal(provider.token(padding="x" * 4_000)) is not None


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"RINGOUT_OIDC_ISSUER": "https://login.example.com"}, "RINGOUT_OIDC_AUDIENCE"),
        ({"RINGOUT_OIDC_AUDIENCE": "https://x"}, "RINGOUT_OIDC_ISSUER"),
        ({"RINGOUT_OIDC_JWKS_URL": "https://x/keys"}, "RINGOUT_OIDC_ISSUER"),
        ({"RINGOUT_OIDC_ISSUER": "http://login.example.com"}, "RINGOUT_OIDC_ISSUER"),
        ({"RINGOUT_OIDC_ISSUER": "ftp://localhost"}, "RINGOUT_OIDC_ISSUER"),
        ({"RINGOUT_OIDC_ISSUER": "https://a@login.example.com"}, "RINGOUT_OIDC_ISSUER"),
        ({"RINGOUT_OIDC_ISSUER": "https://login.example.com/?x"}, "RINGOUT_OIDC_ISSUER"),
        ({"RINGOUT_OIDC_JWKS_URL": "http://192.0.2.7/keys"}, "RINGOUT_OIDC_JWKS_URL"),
        ({"RINGOUT_MCP_PUBLIC_URL": "https://mcp.example.com/mcp"}, "RINGOUT_MCP_PUBLIC_URL"),
        ({"RINGOUT_MCP_PUBLIC_URL": "mcp.example.com"}, "RINGOUT_MCP_PUBLIC_URL"),
    ],
)
def test_settings_that_are_not_right(environment: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{named}: "):
        load(environment)
