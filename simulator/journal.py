"""Every request that reached the API, in order of arrival; the oldest fall out at a bound."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from simulator.clock import rfc3339

KEPT = 200_000


@dataclass(slots=True)
class Entry:
    """One request. `status` stays None while unanswered, and where no answer was sent."""

    index: int
    operation: str
    method: str
    path: str
    received_wall: float
    received_monotonic_ns: int
    group: str | None
    extension: str | None = None
    status: int | None = None
    inside_penalty: bool = False
    call: int | None = None

    def view(self) -> dict[str, Any]:
        """The JSON of the entry; `received_monotonic_ns` is this machine's monotonic clock."""
        return {
            "index": self.index,
            "operation": self.operation,
            "method": self.method,
            "path": self.path,
            "at": rfc3339(self.received_wall),
            "received_monotonic_ns": self.received_monotonic_ns,
            "group": self.group,
            "extension": self.extension,
            "status": self.status,
            "inside_penalty": self.inside_penalty,
            "call": self.call,
        }


class Journal:
    """Keeps the last requests, and counts all of them."""

    def __init__(self, kept: int = KEPT) -> None:
        self._entries: deque[Entry] = deque(maxlen=kept)
        self.next_index = 0
        self.by_operation: Counter[str] = Counter()
        self.by_status: Counter[str] = Counter()
        self.inside_penalty = 0

    def open(self, entry: Entry) -> None:
        """Writes a request down as it arrives."""
        self._entries.append(entry)
        self.next_index = entry.index + 1
        self.by_operation[entry.operation] += 1

    def close(self, entry: Entry) -> None:
        """Counts what was answered."""
        self.by_status[str(entry.status) if entry.status else "none"] += 1
        self.inside_penalty += entry.inside_penalty

    def since(self, index: int) -> Iterator[Entry]:
        """The entries from an index on that are still kept."""
        return islice(self._entries, max(0, index - self.first_kept), None)

    @property
    def first_kept(self) -> int:
        """The index of the oldest entry there still is."""
        return self.next_index - len(self._entries)
