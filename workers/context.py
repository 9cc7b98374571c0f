"""What every job is given."""

from dataclasses import dataclass
from typing import Any

from arq.worker import Retry

from orchestrator.domain.clock import Clock
from orchestrator.storage.calls import CallStore
from orchestrator.storage.looks import Looks
from orchestrator.storage.pairs import Pairs
from orchestrator.storage.upkeep import Upkeep
from orchestrator.telephony.client import RingCentral

KEY = "work"


@dataclass(frozen=True, slots=True)
class Work:
    """The connected parts. `factor` scales the waits between two looks at RingCentral;
    `longest_call` is milliseconds."""

    store: CallStore
    looks: Looks
    upkeep: Upkeep
    pairs: Pairs
    upstream: RingCentral
    clock: Clock
    credential: str
    factor: float
    longest_call: int


def work_of(ctx: dict[Any, Any]) -> Work:
    """The work in arq's context."""
    work = ctx[KEY]
    if not isinstance(work, Work):
        raise TypeError("the worker was started without its work")
    return work


def again_in(seconds: float) -> Retry:
    """To be raised: the job is run again after so long, its slot free for others until then."""
    return Retry(defer=max(0.001, seconds))
