"""An identity provider on this machine: it signs with keys of its own, and can be made to lie."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

AUDIENCE: Final = "https://ringout.example.com"
EVERY_SCOPE = "calls:create calls:read calls:cancel webhooks ops"
DISCOVERY = "/.well-known/openid-configuration"
JWKS = "/keys"


def new_key(algorithm: str) -> Any:
    """A private key that signs so."""
    curves = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
    if algorithm in curves:
        return ec.generate_private_key(curves[algorithm])
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def jwk(key: Any, algorithm: str, **more: Any) -> dict[str, Any]:
    """Its public half, as a JWK."""
    public = get_default_algorithms()[algorithm].to_jwk(key.public_key(), as_dict=True)
    return {**public, "use": "sig", **{k: v for k, v in more.items() if v is not None}}


def tampered(token: str) -> str:
    """That token with another signature: not its last characters, where base64url has idle bits."""
    head, payload, end = token.split(".")
    return f"{head}.{payload}.{'B' if end[0] == 'A' else 'A'}{end[1:]}"


class Watch:
    """The present, to be put `ahead` by so many seconds."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> int:
        return int(1000 * (time.time() + self.ahead))


class IdentityProvider:
    """Answers discovery and keys; `asked` counts the questions for each path."""

    def __init__(self) -> None:
        self.issuer = ""
        self.keys: dict[str, tuple[Any, str]] = {"first": (new_key("ES256"), "ES256")}
        self.asked: dict[str, int] = {}
        self.answers: dict[str, web.Response] = {}
        self.caching = ""
        self.hold: asyncio.Event | None = None

    def token(
        self,
        kid: str | None = "first",
        *,
        scope: Any = EVERY_SCOPE,
        header: Mapping[str, Any] | None = None,
        key: Any = None,
        algorithm: str | None = None,
        **claims: Any,
    ) -> str:
        """A token that it signed; a claim of None is left out."""
        own_key, own_algorithm = self.keys.get(kid or "first") or next(iter(self.keys.values()))
        now = int(time.time())
        said = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": "alice",
            "iat": now,
            "exp": now + 600,
            "scope": scope,
            **claims,
        }
        heads = {"typ": "at+jwt", "kid": kid, **(header or {})}
        return jwt.encode(
            {name: value for name, value in said.items() if value is not None},
            own_key if key is None else key,
            algorithm=algorithm or own_algorithm,
            headers={name: value for name, value in heads.items() if value is not None},
        )

    def environment(self) -> dict[str, str]:
        """The settings by which the product takes its tokens."""
        return {"RINGOUT_OIDC_ISSUER": self.issuer, "RINGOUT_OIDC_AUDIENCE": AUDIENCE}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Discovery, the keys, or what a test put there."""
        path = request.path
        self.asked[path] = self.asked.get(path, 0) + 1
        if self.hold is not None:
            await self.hold.wait()
        if path in self.answers:
            made = self.answers[path]
            return web.Response(status=made.status, body=made.body, headers=made.headers)
        if path == DISCOVERY:
            return web.json_response({"issuer": self.issuer, "jwks_uri": f"{self.issuer}{JWKS}"})
        listed = [jwk(key, name, kid=kid, alg=name) for kid, (key, name) in self.keys.items()]
        headers = {"Cache-Control": self.caching} if self.caching else {}
        return web.json_response({"keys": listed}, headers=headers)

    def lies(self, path: str, body: Any, status: int = 200, **headers: str) -> None:
        """From now on that path answers so."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers[path] = web.Response(status=status, body=content, headers=headers)


@asynccontextmanager
async def provided(port: int = 0) -> AsyncIterator[IdentityProvider]:
    """A provider that listens, until the block ends."""
    provider = IdentityProvider()
    app = web.Application()
    app.router.add_get("/{path:.*}", provider.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    try:
        provider.issuer = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield provider
    finally:
        await runner.cleanup()
