"""Withdrawing: a call that nobody has asked RingCentral for yet is cancelled here, for good."""

from dataclasses import dataclass

from orchestrator.domain import calls
from orchestrator.domain.calls import Call, Change
from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import CallNotFound
from orchestrator.domain.words import State
from orchestrator.storage.calls import CallStore
from orchestrator.storage.listing import CallList, Wanted
from orchestrator.storage.records import Record

_PAGE = 200


@dataclass(frozen=True, slots=True)
class Withdrawing:
    """Every method raises StorageUnavailable when Redis does not answer in time."""

    store: CallStore
    clock: Clock

    async def withdraw(self, call_id: str) -> tuple[Record | None, bool]:
        """A call as it is then (None: not kept), and whether it was cancelled now: one that may
        have reached RingCentral is not."""

        def decide(call: Call) -> Change | None:
            return calls.cancelled(call, self.clock()) if call.may_be_placed else None

        try:
            written = await self.store.change(call_id, decide)
        except CallNotFound:
            return None, False
        return written.record, written.applied

    async def waiting(self, owner: str) -> list[str]:
        """The owner's calls that have not been placed, by their ids."""
        return [
            call_id
            for state in (State.QUEUED, State.PLACING)
            for call_id in await self._in(state, owner)
        ]

    async def _in(self, state: State, owner: str) -> list[str]:
        found: list[str] = []
        listing, cursor = CallList(self.store.commands), None
        while True:
            page = await listing.page(Wanted(state=state, owner=owner), _PAGE, cursor)
            found += [call.id for call in page.calls]
            if page.cursor is None:
                return found
            cursor = page.cursor
