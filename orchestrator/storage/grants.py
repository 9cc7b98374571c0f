"""What is given out in the place of a key for a while: access tokens, and sessions of the console.

A grant hangs on the secret of the key that it was given out for: it is worth nothing any more when
that secret is not. Of each kind a key has so many at most: a further one ends the oldest, since
whoever has a key might else fill Redis with them.
"""

import hmac
from dataclasses import dataclass

from orchestrator.domain.clock import Clock
from orchestrator.domain.tokens import GRANT_ID_LENGTH, Kind, Token
from orchestrator.storage import access_keys as keys
from orchestrator.storage import scripts
from orchestrator.storage.api_keys import random_id, random_secret
from orchestrator.storage.connection import Commands
from orchestrator.storage.reading import NOT_READABLE

ACCESS_S = 3_600
REFRESH_S = 7 * 86_400
SESSION_S = 12 * 3_600
MOST_GRANTS = 500
"""Of a key's pairs of tokens, and of its sessions."""

MOST_RENEWALS = 500
"""Of a pair: every refresh token that was used is known until then, since one that comes again is
in two hands (RFC 9700, 4.14.2). Renewed every hour, that is three weeks."""

_FIELDS = {Kind.ACCESS: "access", Kind.REFRESH: "refresh", Kind.SESSION: "session"}


@dataclass(frozen=True, slots=True)
class Pair:
    """What a client goes on with."""

    access: Token
    refresh: Token


class Grants:
    """Every method raises StorageUnavailable when Redis does not answer in time."""

    def __init__(self, commands: Commands, clock: Clock) -> None:
        self._commands = commands
        self._clock = clock

    async def session(self, key_id: str, secret: str) -> Token:
        """A new session, for a key by the digest of its secret."""
        token = Token(Kind.SESSION, key_id, random_secret(), random_id(GRANT_ID_LENGTH))
        fields = ("key", key_id, "session", token.digest, "secret", secret)
        where, listed = _place(token, SESSION_S)
        await self._commands.run(scripts.PUT_GRANT, where, *listed, *fields)
        return token

    async def pair(self, key_id: str, secret: str) -> Pair:
        """A new pair of tokens, for a key by the digest of its secret."""
        given = _pair(key_id, random_id(GRANT_ID_LENGTH))
        until = self._clock() + 1000 * ACCESS_S
        fields = ("key", key_id, "access", given.access.digest, "until", until, "secret", secret)
        where, listed = _place(given.refresh, REFRESH_S)
        await self._commands.run(
            scripts.PUT_GRANT, where, *listed, *fields, "refresh", given.refresh.digest
        )
        return given

    async def renewed(self, refresh: Token) -> Pair | None:
        """The next pair; None where the token is not the grant's. Used again, it ends the grant."""
        given = _pair(refresh.key, refresh.grant)
        until = self._clock() + 1000 * ACCESS_S
        digests = (refresh.digest, given.access.digest, until, given.refresh.digest)
        where, listed = _place(refresh, REFRESH_S)
        done = await self._commands.run(
            scripts.RENEW_GRANT, where, *listed, *digests, MOST_RENEWALS
        )
        return given if done else None

    async def secret_of(self, token: Token) -> str | None:
        """The digest of the key's secret that a token was given out for; None: it is not valid."""
        secret, until = await self._kept(token)
        is_over = token.kind is Kind.ACCESS and self._clock() >= until
        return None if is_over else secret

    async def is_known(self, token: Token) -> bool:
        """Whether a token is its grant's newest of its kind, also where it has expired."""
        secret, _ = await self._kept(token)
        return secret is not None

    async def _kept(self, token: Token) -> tuple[str | None, int]:
        """The digest of the key's secret, None where the token is not the grant's, and until when
        the access token serves (ms)."""
        names = (_FIELDS[token.kind], "key", "secret", "until")
        try:
            values = await self._commands.execute("HMGET", keys.grant(token.grant), *names)
            kept, key, secret, until = (value.decode() if value else "" for value in values)
            is_right = hmac.compare_digest(kept, token.digest) and key == token.key
            return (secret or None) if is_right else None, int(until or 0)
        except NOT_READABLE:
            return None, 0

    async def end(self, token: Token) -> None:
        """Ends the grant that a token is of."""
        where, _ = _place(token, 0)
        await self._commands.run(scripts.END_GRANT, where, token.grant)


def _place(token: Token, seconds: int) -> tuple[list[str], tuple[str | int, ...]]:
    """A grant and the list that it stands in, and what it takes to stand there for so long."""
    kind = "sessions" if token.kind is Kind.SESSION else "tokens"
    where = [keys.grant(token.grant), keys.grants(kind, token.key)]
    return where, (token.grant, keys.grant(""), seconds, MOST_GRANTS)


def _pair(key_id: str, grant: str) -> Pair:
    return Pair(
        Token(Kind.ACCESS, key_id, random_secret(), grant),
        Token(Kind.REFRESH, key_id, random_secret(), grant),
    )
