"""How to reach RingCentral: what the client and the login have in common."""

import time
from dataclasses import dataclass, field
from typing import TypedDict

from orchestrator.domain.clock import Clock
from orchestrator.telephony.ports import Observer, Unobserved


def system_clock() -> int:
    """The present in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Link:
    """Whose way to RingCentral this is, how patient it is (seconds), by which clock, and who is
    told of its requests."""

    credential: str = "default"
    timeout: float = 10.0
    connect_timeout: float = 3.0
    user_agent: str = "RingOutOrchestrator"
    clock: Clock = system_clock
    observer: Observer = field(default_factory=Unobserved)


class LinkOptions(TypedDict, total=False):
    """`Link` as keyword arguments."""

    credential: str
    timeout: float
    connect_timeout: float
    user_agent: str
    clock: Clock
    observer: Observer
