"""What the key book says of a kind of key."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One kind of key. `ttl` is None for a key that stays; its growth is bounded as `note` says."""

    pattern: str
    type: str
    what: str
    ttl: str | None
    readers: str
    note: str = ""
    fields: tuple[tuple[str, str], ...] = ()
