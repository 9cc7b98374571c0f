"""Jobs as arq reads them, written by our own scripts.

JSON instead of arq's default pickle: whoever can write Redis must not be able to run code here.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from orchestrator.domain.cadence import RECONCILE_AT, VANISHED_AT
from orchestrator.domain.calls import Call
from orchestrator.domain.words import State


class Kind(StrEnum):
    """The jobs there are; the value is the name of arq's function."""

    PLACE = "place"
    CANCEL = "cancel"
    RECONCILE = "reconcile"
    DELIVER = "deliver"


@dataclass(frozen=True, slots=True)
class Job:
    """A unit of work for one call (or delivery), to be started `wait` milliseconds from now."""

    kind: Kind
    call_id: str
    wait: int = 0

    def encoded(self, now: int) -> str:
        """What arq finds under the job's key; `now` is the time of enqueueing in milliseconds."""
        content: dict[str, Any] = {
            "t": None,
            "f": self.kind.value,
            "a": [self.call_id],
            "k": {},
            "et": now,
        }
        return json.dumps(content, separators=(",", ":"))


def follow_ups(factor: float = 1.0) -> Callable[[Call | None, Call], Job | None]:
    """Which job a change of a call sets going, given the call before it (None: new) and after.

    `factor` scales the waits (1.0: RingCentral's real lags).
    """

    def follow_up(before: Call | None, after: Call) -> Job | None:
        if before is None:
            return Job(Kind.PLACE, after.id) if after.state is State.QUEUED else None
        if after.is_over:
            return None
        if after.state is State.UNCONFIRMED and before.state is not State.UNCONFIRMED:
            return Job(Kind.RECONCILE, after.id, round(RECONCILE_AT[0] * factor))
        if after.vanished_at is not None and before.vanished_at is None:
            return Job(Kind.RECONCILE, after.id, round(VANISHED_AT[0] * factor))
        if _is_cancellable(after) and not _is_cancellable(before):
            return Job(Kind.CANCEL, after.id)
        return None

    return follow_up


def _is_cancellable(call: Call) -> bool:
    return call.cancel_pending and call.can_be_ended


def serialized(content: dict[str, Any]) -> bytes:
    """arq's `job_serializer`; an exception as a result becomes its name and text."""
    return json.dumps(content, separators=(",", ":"), default=repr).encode()


def deserialized(content: bytes) -> dict[str, Any]:
    """arq's `job_deserializer`; raises ValueError for what is not JSON."""
    loaded: dict[str, Any] = json.loads(content)
    return loaded
