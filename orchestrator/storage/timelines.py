"""What happened to one call, found in the stream of all events, and the evidence on it.

No index leads from a call to its events; the stream's ids are times, so the search begins where
the call was accepted and ends with its last event, or after a bounded number of entries.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.domain.verdicts import Statement
from orchestrator.storage.events import Entry, EventLog, Place
from orchestrator.storage.evidence import EvidenceBook
from orchestrator.storage.records import Snapshot

_CLOCKS_MS = 1_000
"""How far the clock of who accepted the call may be ahead of that of Redis."""
_PAGE = 500
_MOST_PAGES = 20


@dataclass(frozen=True, slots=True)
class Timeline:
    """Events of a call, in order; `complete` where none of them is missing. `evidence` is what was
    said of it where its answer was lost, or its ring-out not known any more."""

    events: Sequence[Entry]
    complete: bool
    evidence: Sequence[Statement]


class Timelines:
    """Reads time lines; StorageUnavailable when Redis does not answer."""

    def __init__(self, log: EventLog, evidence: EvidenceBook) -> None:
        self._log = log
        self._evidence = evidence

    async def of(self, call: Snapshot) -> Timeline:
        """The events up to the call as it is in the snapshot, as far as they are kept and found."""
        place = Place(max(0, call.accepted_at - _CLOCKS_MS), 0)
        found: dict[int, Entry] = {}
        for _ in range(_MOST_PAGES):
            page = await self._log.after(place, _PAGE)
            for entry in page.entries:
                if entry.fields["call"] == call.id:
                    found[int(entry.fields["sequence"])] = entry
            if call.sequence in found or len(page.entries) < _PAGE:
                break
            place = page.entries[-1].place
        events = [found[sequence] for sequence in sorted(found)]
        complete = found.keys() >= set(range(1, call.sequence + 1))
        return Timeline(events, complete, await self._evidence.of(call.id))
