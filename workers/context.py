"""What every job is given."""

import asyncio
from dataclasses import dataclass
from typing import Any

from arq.worker import Retry

from orchestrator.domain.calls import Call
from orchestrator.domain.clock import Clock
from orchestrator.storage import keys
from orchestrator.storage.budget import RedisBudget
from orchestrator.storage.calls import CallStore
from orchestrator.storage.credentials import CredentialBook
from orchestrator.storage.digests import Digests
from orchestrator.storage.evidence import EvidenceBook
from orchestrator.storage.glances import Glances
from orchestrator.storage.lanes import Lanes
from orchestrator.storage.lines import Lines
from orchestrator.storage.looks import Looks
from orchestrator.storage.pairs import Pairs
from orchestrator.storage.pauses import Paused, Pauses
from orchestrator.storage.records import Record
from orchestrator.storage.upkeep import Upkeep
from orchestrator.telephony.client import RingCentral
from orchestrator.telephony.fleet import Fleet
from workers.permissions import Permissions
from workers.reliance import Reliance

KEY = "work"
PLACE = "place"


@dataclass(frozen=True, slots=True)
class Placing:
    """A call to be placed, what RingCentral is to be asked, and who is paused."""

    record: Record | None
    request: dict[str, Any] | None
    paused: Paused


class Ahead:
    """Reads a call while arq still reads its job: one round trip less before RingCentral is asked.

    What was read ahead may be old by the time it is used; the fence is written by comparison.
    """

    def __init__(self, store: CallStore, pauses: Pauses) -> None:
        self._store, self._pauses = store, pauses
        self._reads: dict[str, asyncio.Task[Placing]] = {}

    def begin(self, job_id: str) -> None:
        """A job was claimed."""
        kind, call_id = keys.job_parts(job_id)
        if kind == PLACE:
            self._reads[call_id] = asyncio.create_task(self._read(call_id))

    async def placing(self, call_id: str) -> Placing:
        """The call, its request and the pauses, read ahead or now."""
        read = self._reads.pop(call_id, None)
        return await (self._read(call_id) if read is None else read)

    async def _read(self, call_id: str) -> Placing:
        found, paused = await asyncio.gather(self._store.placing(call_id), self._pauses.read())
        record, request = found
        return Placing(record, request, paused)

    def forget(self, job_id: str) -> None:
        """The job has ended, however it did."""
        read = self._reads.pop(keys.job_parts(job_id)[1], None)
        if read is not None and not read.cancel() and not read.cancelled():
            read.exception()


@dataclass(frozen=True, slots=True)
class Work:
    """The connected parts. `factor` scales the waits between two looks at RingCentral;
    `longest_call` is milliseconds."""

    store: CallStore
    ahead: Ahead
    looks: Looks
    upkeep: Upkeep
    pairs: Pairs
    digests: Digests
    fleet: Fleet
    book: CredentialBook
    budget: RedisBudget
    lanes: Lanes
    lines: Lines
    glances: Glances
    evidence: EvidenceBook
    permissions: Permissions
    reliance: Reliance
    clock: Clock
    factor: float
    longest_call: int

    async def meet(self, call: Call) -> None:
        """Makes sure that the call's credential is known here, which may have been added since
        this process last looked; StorageUnavailable."""
        if self.book.named(call.credential) is None:
            await self.book.refresh()

    def upstream(self, call: Call) -> RingCentral:
        """The way to RingCentral of the call's credential; UpstreamRefused (`no_credential`)
        where it was removed."""
        return self.fleet.named(call.credential)


def work_of(ctx: dict[Any, Any]) -> Work:
    """The work in arq's context."""
    work = ctx[KEY]
    if not isinstance(work, Work):
        raise TypeError("the worker was started without its work")
    return work


def again_in(seconds: float) -> Retry:
    """To be raised: the job is run again after so long, its slot free for others until then."""
    return Retry(defer=max(0.001, seconds))
