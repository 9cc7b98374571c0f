"""What is given out in the place of a key for a while: access tokens, and sessions of the console.

A grant hangs on the secret of the key that it was given out for: it is worth nothing any more when
that secret is not.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.domain.clock import Clock
from orchestrator.domain.tokens import GRANT_ID_LENGTH, Kind, Token
from orchestrator.storage import access_keys as keys
from orchestrator.storage import scripts
from orchestrator.storage.api_keys import random_id, random_secret, texts
from orchestrator.storage.connection import Commands
from orchestrator.storage.reading import NOT_READABLE

ACCESS_S = 3_600
REFRESH_S = 7 * 86_400
SESSION_S = 12 * 3_600

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
        await self._put(token, SESSION_S, "session", token.digest, "secret", secret)
        return token

    async def pair(self, key_id: str, secret: str) -> Pair:
        """A new pair of tokens, for a key by the digest of its secret."""
        given = _pair(key_id, random_id(GRANT_ID_LENGTH))
        until = self._clock() + 1000 * ACCESS_S
        fields = ("access", given.access.digest, "until", until, "secret", secret)
        await self._put(given.access, REFRESH_S, *fields, "refresh", given.refresh.digest)
        return given

    async def renewed(self, refresh: Token) -> Pair | None:
        """The next pair; None where the token is not the grant's. Used again, it ends the grant."""
        given = _pair(refresh.key, refresh.grant)
        until = self._clock() + 1000 * ACCESS_S
        arguments = (given.access.digest, until, given.refresh.digest, REFRESH_S)
        where = [keys.grant(refresh.grant)]
        done = await self._commands.run(scripts.RENEW_GRANT, where, refresh.digest, *arguments)
        return given if done else None

    async def secret_of(self, token: Token) -> str | None:
        """The digest of the key's secret that a token was given out for; None: it is not valid."""
        try:
            row = texts(await self._commands.execute("HGETALL", keys.grant(token.grant)))
            return self._secret_in(row, token)
        except NOT_READABLE:
            return None

    def _secret_in(self, row: Mapping[str, str], token: Token) -> str | None:
        kept = row.get(_FIELDS[token.kind], "")
        is_right = hmac.compare_digest(kept, token.digest) and row.get("key") == token.key
        if token.kind is Kind.ACCESS and self._clock() >= int(row.get("until", 0)):
            is_right = False
        return row["secret"] if is_right else None

    async def end(self, token: Token) -> None:
        """Ends the grant that a token is of."""
        await self._commands.execute("DEL", keys.grant(token.grant))

    async def _put(self, token: Token, seconds: int, *fields: str | int) -> None:
        where = [keys.grant(token.grant)]
        await self._commands.run(scripts.PUT_HASH, where, seconds, "key", token.key, *fields)


def _pair(key_id: str, grant: str) -> Pair:
    return Pair(
        Token(Kind.ACCESS, key_id, random_secret(), grant),
        Token(Kind.REFRESH, key_id, random_secret(), grant),
    )
