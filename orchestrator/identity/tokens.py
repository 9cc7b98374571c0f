"""What a token has to be: a JWT access token (RFC 9068) of one issuer for one audience; no I/O.

Only what the provider signed is believed: the algorithm has to be one of ours and the key's own,
and where the keys are is never taken from the token.
"""

import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from orchestrator.domain.access import OIDC_DIGITS, OIDC_OWNER, Principal, Scope
from orchestrator.identity.keys import ALGORITHMS, Key

MOST_BYTES = 8 * 1024
_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_TYPES = ("at+jwt", "application/at+jwt", "jwt")
_LEEWAY_S = 30
_LONGEST_S = 86_400
_LONGEST_SUBJECT = 255


@dataclass(frozen=True, slots=True)
class Named:
    """What a token says of its signature, before it is believed."""

    kid: str | None
    algorithm: str


@dataclass(frozen=True, slots=True)
class Proof:
    """Who a verified token is of, and until when (milliseconds since the epoch)."""

    principal: Principal
    until: int


def named(token: str) -> Named | None:
    """The key and algorithm that it names; None for what cannot be a token of ours."""
    if len(token) > MOST_BYTES or not _FORM.fullmatch(token):
        return None
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        return None
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "jwt")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS or "crit" in header:
        return None
    if not isinstance(kind, str) or kind.lower() not in _TYPES or "b64" in header:
        return None
    return Named(kid, algorithm)


def verified(token: str, by: Named, key: Key, issuer: str, audience: str) -> Proof | None:
    """What the token proves; None where any part of it is not right, whichever."""
    try:
        claims = jwt.decode(
            token,
            key.public,
            algorithms=[by.algorithm],
            issuer=issuer,
            audience=audience,
            leeway=_LEEWAY_S,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
        return _proof(claims, issuer)
    except (jwt.PyJWTError, ValueError, OverflowError, TypeError, RecursionError):
        return None


def _proof(claims: Mapping[str, Any], issuer: str) -> Proof | None:
    subject, expires = claims["sub"], int(claims["exp"])
    born = int(claims.get("iat", time.time()))
    if not 1 <= len(subject) <= _LONGEST_SUBJECT or expires - born > _LONGEST_S + _LEEWAY_S:
        return None
    digest = hashlib.sha256(f"{issuer}\n{subject}".encode()).hexdigest()
    owner = f"{OIDC_OWNER}{digest[:OIDC_DIGITS]}"
    return Proof(Principal(owner, owner, _scopes(claims)), 1000 * expires)


def _scopes(claims: Mapping[str, Any]) -> frozenset[Scope]:
    """Those of its scopes that are rights here."""
    told = claims.get("scope", claims.get("scp"))
    words = told.split(" ") if isinstance(told, str) else told
    return frozenset(each for each in Scope if isinstance(words, list) and each.value in words)
