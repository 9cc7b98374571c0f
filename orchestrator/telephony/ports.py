"""What this package asks of the store that all processes share; `storage` provides it.

A credential is the name under which one RingCentral user and app are configured. A group is one
of RingCentral's rate limit groups, by the names in `wire`: `heavy`, `medium`, `light`, `auth`.
All of these may raise `StorageUnavailable`.
"""

from typing import Protocol

from orchestrator.domain.budget import Heard, Payer, Payment


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

    async def park(self, credential: str, code: str, detail: str) -> None:
        """RingCentral refuses this credential: says so to whoever looks."""
        ...

    async def unpark(self, credential: str) -> None:
        """RingCentral accepts this credential."""
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
    """The rate limit of each bucket as all processes see it."""

    async def spend(
        self, payer: Payer, group: str, *, care: bool = False, pace: float = 0
    ) -> Payment:
        """Pays for one request; raises `UpstreamGated` where it may not be sent now. `care` marks
        cancels and reconciliation, which a reserve is kept for; `pace` is the share of the limit
        that may be spent within a sixth of the window, 0 for all of it."""
        ...

    async def passable(self, payer: Payer) -> None:
        """Returns where a request that counts towards no group may be sent; raises `UpstreamGated`
        where none may."""
        ...

    async def settle(self, payment: Payment, heard: Heard) -> None:
        """Tells what came of a request that was sent."""
        ...

    async def refund(self, payment: Payment) -> None:
        """Takes a payment back: nothing was sent."""
        ...
