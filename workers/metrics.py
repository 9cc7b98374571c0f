"""What a worker counts, for Prometheus.

Two kinds. What this process did itself (requests to RingCentral, placings, deliveries): add it up
over the workers. What the whole house holds (calls, queue, budget), which each worker reads from
Redis, so that all show the same: take the highest, never the sum.

No label holds a number, an id, an address or a word that someone else chose.
"""

import re
import time

from prometheus_client import Counter, Histogram

from orchestrator.domain import status
from orchestrator.domain.calls import Call
from orchestrator.domain.words import State
from orchestrator.metrics import ProcessMetrics
from workers.house_metrics import House

WORKER_LOST = "worker_lost"
"""The reason's code of a call whose placing nobody ended."""

PROCESS = ProcessMetrics()
"""This process's metrics: a worker is a process."""

HOUSE = House()
"""What Redis says of all; told by the reporter."""

PROCESS.registry.register(HOUSE)

_WORD = re.compile(r"[a-z][a-z_]{0,31}")
_WAITED_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_DISPATCH_S = Histogram(
    "ringout_dispatch_seconds",
    "Time from accepting a call to taking the right to ask RingCentral, just before the POST.",
    buckets=_WAITED_S,
    registry=PROCESS.registry,
)
_SETUP_S = Histogram(
    "ringout_call_setup_seconds",
    "Time from accepting a call to RingCentral's answer that it has it.",
    buckets=_WAITED_S,
    registry=PROCESS.registry,
)
_UNKNOWN_WORDS = Counter(
    "ringout_unknown_words",
    "Changes of a call with a word for a leg that is on no list.",
    registry=PROCESS.registry,
)
_PLACINGS_LOST = Counter(
    "ringout_placings_lost",
    "Placings whose worker ended before it wrote RingCentral's answer down.",
    registry=PROCESS.registry,
)
_DELIVERIES = Counter(
    "ringout_webhook_deliveries",
    "Attempts to deliver an event to a webhook, by result.",
    ("result",),
    registry=PROCESS.registry,
)


def deliveries(result: str) -> None:
    """Counts one attempt at a delivery; `result` is one of a few lower-case words."""
    _DELIVERIES.labels(result if _WORD.fullmatch(result) else "other").inc()


def changed(before: Call, after: Call) -> None:
    """Counts what a change of a call says of the work; told of every change that is written."""
    since_accepted = max(0.0, time.time() - after.accepted_at / 1000)
    if before.state is State.QUEUED and after.state is State.PLACING:
        _DISPATCH_S.observe(since_accepted)
    if before.state is State.PLACING and after.ringout_id is not None:
        _SETUP_S.observe(since_accepted)
    is_in_doubt = before.state is State.PLACING and after.state is State.UNCONFIRMED
    if is_in_doubt and after.reason is not None and after.reason.code == WORKER_LOST:
        _PLACINGS_LOST.inc()
    if after.status != before.status and not status.is_known(after.status):
        _UNKNOWN_WORDS.inc()
