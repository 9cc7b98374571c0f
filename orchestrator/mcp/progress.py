"""Follows a call for an agent that asked for progress, and tells it of every change.

Whoever waits only watches: the call is written down, and goes its way whether the wait ends with
it, in time, with the process, or with the agent's request.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial

from orchestrator.domain.errors import StorageUnavailable
from orchestrator.service import CallService
from orchestrator.storage.events import Entry
from orchestrator.storage.following import Follower, Present, Told
from orchestrator.storage.records import Snapshot, from_json

LONGEST_WAIT_S = 55.0
"""Common clients give a request up after 60 seconds."""

Report = Callable[[float, str], Awaitable[None]]
"""Takes how far the call has come (its sequence) and a sentence."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Waits for calls to end."""

    service: CallService
    follower: Follower
    longest: float = LONGEST_WAIT_S

    async def ended(self, call: Snapshot, report: Report) -> Snapshot:
        """The call once it has ended; as it is after `longest` seconds, when the process ends,
        or where Redis goes away. `report` is told of each change."""
        with suppress(TimeoutError, StorageUnavailable):
            async with asyncio.timeout(self.longest):
                await self._follow(call, report)
        try:
            return await self._present(call)
        except StorageUnavailable:
            return call

    async def _follow(self, call: Snapshot, report: Report) -> None:
        stream = self.follower.one(call.id, None, partial(self._present, call))
        reached = 0.0
        async with aclosing(stream):
            async for items in stream:
                for sequence, sentence in _sentences(items):
                    if sequence > reached:
                        await report(sequence, sentence)
                        reached = sequence

    async def _present(self, call: Snapshot) -> Snapshot:
        return await self.service.latest(call)


def _sentences(items: Sequence[Told]) -> list[tuple[float, str]]:
    return [_sentence(item) for item in items if isinstance(item, Present | Entry)]


def _sentence(item: Present | Entry) -> tuple[float, str]:
    if isinstance(item, Present):
        call = from_json(item.snapshot.document)
    else:
        call = from_json(item.fields["data"])
    state = f"{call['state']}, {call['outcome']}" if call["outcome"] else call["state"]
    status = call["status"]
    words = f"caller {status['callerStatus']}, callee {status['calleeStatus']}"
    return float(call["sequence"]), f"{state}: {words}"
