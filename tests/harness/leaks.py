"""Every key has a time to live or stands on the key book's short list of those that stay."""

import fnmatch
import re
from typing import Any

from orchestrator.storage.keys import ARQ_BOOK, BOOK, PREFIX


def glob(name: str) -> str:
    """The glob that keys of this pattern of the key book match."""
    literal = name if name.startswith("arq:") else PREFIX + name
    return re.sub(r"<[^>]+>", "*", literal)


KNOWN = {glob(entry.pattern): entry for entry in (*BOOK, *ARQ_BOOK)}


def check(client: Any) -> None:
    """AssertionError naming each key that is not in the book, of another type, or without end."""
    wrong = [fault for key in client.keys("*") if (fault := _fault(client, key.decode()))]
    assert not wrong, "\n".join(wrong)


def _fault(client: Any, key: str) -> str | None:
    entry = next(
        (entry for pattern, entry in KNOWN.items() if fnmatch.fnmatchcase(key, pattern)), None
    )
    if entry is None:
        return f"{key}: not in the key book"
    kinds = {"sorted set": "zset"}
    kind = client.type(key).decode()
    if kind not in (kinds.get(entry.type, entry.type), "none"):
        return f"{key}: is a {kind}, the key book says {entry.type}"
    if entry.ttl is not None and client.ttl(key) == -1:
        return f"{key}: stays for ever, the key book says {entry.ttl}"
    return None
