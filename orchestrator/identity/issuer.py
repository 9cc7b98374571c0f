"""Tells who a token of the identity provider is of."""

import hashlib
from typing import Self

from orchestrator.domain.access import Principal
from orchestrator.domain.clock import Clock
from orchestrator.identity import tokens
from orchestrator.identity.keyring import Keyring
from orchestrator.identity.provider import Provider
from orchestrator.identity.tokens import Proof

_REMEMBERED_MS = 60_000
_MOST_REMEMBERED = 4_096


class OidcIssuer:
    """One identity provider, whose tokens for `audience` are taken.

    A verified token is remembered by its digest until it expires, for a minute at most.
    """

    def __init__(self, provider: Provider, audience: str, clock: Clock) -> None:
        self._issuer = provider.issuer
        self._audience = audience
        self._clock = clock
        self._keys = Keyring(provider, clock)
        self._remembered: dict[bytes, Proof] = {}

    @classmethod
    def of(cls, issuer: str, audience: str, jwks_url: str, clock: Clock) -> Self:
        """The provider by its issuer; `jwks_url` is empty where discovery tells it."""
        return cls(Provider(issuer, jwks_url), audience, clock)

    async def principal(self, token: str) -> Principal | None:
        """Whom it is of; None where it is not valid here.

        IdentityUnavailable where that cannot be known, for want of the provider's keys.
        """
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._remembered.get(digest)
        if known is not None and self._clock() < known.until:
            return known.principal
        proof = await self._proof(token)
        if proof is None:
            self._remembered.pop(digest, None)
            return None
        self._remember(digest, proof)
        return proof.principal

    async def close(self) -> None:
        """Gives up a question to the provider that is under way."""
        await self._keys.close()

    async def _proof(self, token: str) -> Proof | None:
        named = tokens.named(token)
        if named is None:
            return None
        key = await self._keys.key(named.kid, named.algorithm)
        if key is None:
            return None
        return tokens.verified(token, named, key, self._issuer, self._audience)

    def _remember(self, digest: bytes, proof: Proof) -> None:
        until = min(proof.until, self._clock() + _REMEMBERED_MS)
        self._remembered.pop(digest, None)
        if len(self._remembered) >= _MOST_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[digest] = Proof(proof.principal, until)
