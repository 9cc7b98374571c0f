"""A provider's public keys as its JWK Set (RFC 7517) lists them; no I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt

_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_BY_TYPE = {
    ("RSA", None): frozenset(_RSA),
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA"}),
}
"""What a key of each type and curve may sign: never with a shared secret, never with nothing."""

ALGORITHMS = frozenset().union(*_BY_TYPE.values())
_MOST_KEYS = 100
_FEWEST_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class Key:
    """One public key; `public` is as PyJWT takes it, and `algorithms` what it may have signed."""

    kid: str | None
    algorithms: frozenset[str]
    public: Any


def usable(document: Mapping[str, Any]) -> tuple[Key, ...]:
    """The keys in a JWK Set that can verify a signature; the others are passed over."""
    listed = document.get("keys")
    if not isinstance(listed, list):
        return ()
    found = (_key(each) for each in listed[:_MOST_KEYS] if isinstance(each, dict))
    return tuple(key for key in found if key is not None)


def fitting(keys: Sequence[Key], kid: str | None, algorithm: str) -> Key | None:
    """The one key that a token names; without a name, the only one that may sign so."""
    fit = [key for key in keys if algorithm in key.algorithms and (kid is None or key.kid == kid)]
    return fit[0] if len(fit) == 1 else None


def _key(jwk: dict[str, Any]) -> Key | None:
    algorithms = _algorithms(jwk)
    kid = jwk.get("kid")
    is_for_signatures = jwk.get("use", "sig") == "sig" and "verify" in _operations(jwk)
    if not algorithms or not is_for_signatures or not isinstance(kid, str | None) or "d" in jwk:
        return None
    try:
        public = jwt.PyJWK(jwk, min(algorithms)).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    if jwk["kty"] == "RSA" and public.key_size < _FEWEST_RSA_BITS:
        return None
    return Key(kid, algorithms, public)


def _algorithms(jwk: dict[str, Any]) -> frozenset[str]:
    kty, curve, named = jwk.get("kty"), jwk.get("crv"), jwk.get("alg")
    if not isinstance(kty, str) or not isinstance(curve, str | None):
        return frozenset()
    able = _BY_TYPE.get((kty, None if kty == "RSA" else curve), frozenset())
    return able if named is None else frozenset(each for each in able if each == named)


def _operations(jwk: dict[str, Any]) -> Sequence[Any]:
    listed = jwk.get("key_ops", ["verify"])
    return listed if isinstance(listed, list) else ()
