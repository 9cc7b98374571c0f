"""Deliveries to `callbackUrl`s that wait: while an owner has too many, no further call has one."""

from typing import Final

from orchestrator.domain.errors import VelocityExceeded
from orchestrator.domain.velocity import Figure
from orchestrator.storage import delivery_keys
from orchestrator.storage.deliveries import PENDING_TTL_S

MOST_CALLBACKS: Final = 20_000
"""Pending deliveries to the callbackUrls of one owner's calls: each is a record of some two
kilobytes, kept for days where nobody answers."""
POLICY: Final = "callbacks.waiting"
_RETRY_AFTER_S = 60

Backlog = tuple[str, int, int]
"""The key of the deliveries that wait, from when on (ms) they count, and how many there may be."""


def backlog(owner: str, now: int) -> Backlog:
    """What an owner's new call with a `callbackUrl` is held to at `now` (ms)."""
    return delivery_keys.of_callbacks(owner), now - 1000 * PENDING_TTL_S, MOST_CALLBACKS


def full(figures: tuple[Figure, ...]) -> VelocityExceeded:
    """The refusal; `figures` are what is left of the quotas."""
    detail = (
        f"As many deliveries as may be ({MOST_CALLBACKS}) wait for the receivers of callbackUrls: "
        "these have to take some, or the call to do without."
    )
    return VelocityExceeded(POLICY, detail, _RETRY_AFTER_S, figures)
