"""How to reach RingCentral: what the client and the login have in common."""

import time
from dataclasses import dataclass
from typing import TypedDict

from orchestrator.domain.clock import Clock


def system_clock() -> int:
    """The present in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Link:
    """Whose way to RingCentral this is, how patient it is (seconds), and by which clock."""

    credential: str = "default"
    timeout: float = 10.0
    connect_timeout: float = 3.0
    user_agent: str = "RingOutOrchestrator"
    clock: Clock = system_clock


class LinkOptions(TypedDict, total=False):
    """`Link` as keyword arguments."""

    credential: str
    timeout: float
    connect_timeout: float
    user_agent: str
    clock: Clock
