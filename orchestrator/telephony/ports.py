"""What this package asks of the store that all processes share; `storage` provides it.

A credential is the name under which one RingCentral user and app are configured. A group is one
of RingCentral's rate limit groups, by the names in `wire`: `heavy`, `medium`, `light`, `auth`.
All of these may raise `StorageUnavailable`.
"""

from typing import Protocol


class TokenStore(Protocol):
    """Keeps one sealed text for each credential, and lends the right to log in."""

    async def load(self, credential: str) -> bytes | None:
        """What was saved last, unless its time is over."""
        ...

    async def save(self, credential: str, sealed: bytes, ttl_seconds: int) -> None:
        """Replaces what is kept, for so many seconds."""
        ...

    async def acquire(self, credential: str, owner: str, seconds: float) -> bool:
        """Lends the right to log in to `owner`, for at most so long; False: another has it."""
        ...

    async def release(self, credential: str, owner: str) -> None:
        """Gives the right back, if `owner` still has it."""
        ...


class Observer(Protocol):
    """Is told of the requests to RingCentral; it must not raise."""

    def answered(self, operation: str, code: str, seconds: float) -> None:
        """A request of this kind ended: `code` is the HTTP status of the answer, or `unreached`
        (nothing was sent), `timeout`, `broken` or `abandoned` (something may have been)."""
        ...


class Unobserved:
    """Nobody wants to know."""

    def answered(self, operation: str, code: str, seconds: float) -> None:
        """Nothing."""


class Budget(Protocol):
    """The rate limit of each (credential, group) as all processes see it."""

    async def admit(self, credential: str, group: str) -> None:
        """Returns where a request may be sent now; raises `UpstreamGated` where it may not."""
        ...

    async def close_gate(self, credential: str, group: str, seconds: float) -> None:
        """From now on nobody may send to this group, for so long."""
        ...

    async def learned(
        self, credential: str, group: str, limit: int, remaining: int, window: int
    ) -> None:
        """What an answer's headers said: `remaining` of `limit` requests in `window` seconds."""
        ...
