"""The access token that all processes share, and the right to get a new one."""

from orchestrator.domain.clock import Clock, rfc3339
from orchestrator.storage import keys, scripts
from orchestrator.storage.connection import Commands
from orchestrator.storage.records import as_json


class RedisTokens:
    """Keeps sealed tokens, one a credential; raises StorageUnavailable without Redis."""

    def __init__(self, commands: Commands, clock: Clock) -> None:
        self._commands = commands
        self._clock = clock

    async def load(self, credential: str) -> bytes | None:
        """The sealed token, or None."""
        value: bytes | None = await self._commands.execute("GET", keys.token(credential))
        return value

    async def save(self, credential: str, sealed: bytes, ttl_seconds: int) -> None:
        """Keeps the token for all processes until it runs out."""
        await self._commands.execute("SET", keys.token(credential), sealed, "EX", ttl_seconds)

    async def acquire(self, credential: str, owner: str, seconds: float) -> bool:
        """Whether `owner` may log in now; nobody else may for `seconds`."""
        lease = round(seconds * 1000)
        answer = await self._commands.run(scripts.ACQUIRE, [keys.login(credential)], owner, lease)
        return bool(answer[0])

    async def release(self, credential: str, owner: str) -> None:
        """Gives the right back, if it is still `owner`'s."""
        await self._commands.run(scripts.RELEASE, [keys.login(credential)], owner)

    async def park(self, credential: str, code: str, detail: str) -> None:
        """Says to whoever looks that RingCentral refuses a credential, and why."""
        told = as_json({"since": rfc3339(self._clock()), "code": code, "detail": detail})
        await self._commands.execute("HSET", keys.PARKED, credential, told)

    async def unpark(self, credential: str) -> None:
        """RingCentral accepts the credential."""
        await self._commands.execute("HDEL", keys.PARKED, credential)
