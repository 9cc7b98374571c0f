"""The access token that all processes share, and the right to get a new one."""

from orchestrator.storage import keys, scripts
from orchestrator.storage.connection import Commands


class RedisTokens:
    """Keeps sealed tokens, one a credential; raises StorageUnavailable without Redis."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

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
