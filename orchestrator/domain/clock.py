"""Time as this product keeps it: integer milliseconds since 1970, from one injected clock."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], int]
"""Answers the present in milliseconds since the epoch."""


def rfc3339(milliseconds: int) -> str:
    """`2026-11-24T07:00:00.123Z`."""
    moment = datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_rfc3339(text: str) -> int:
    """Milliseconds since the epoch; raises ValueError for what is not a time with a zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("the time has no zone")
    return round(moment.timestamp() * 1000)
