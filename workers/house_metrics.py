"""What Redis says of the whole house, as Prometheus metrics; every worker shows the same.

The names of the fields are the key book's: `stats` and `totals`.
"""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from orchestrator.domain.clock import from_rfc3339
from orchestrator.domain.words import Outcome, State
from orchestrator.storage.stats import buckets_in

_GAUGES = {
    "liveCalls": ("ringout_inflight_calls", "Calls that have not ended."),
    "queueReady": ("ringout_queue_ready_jobs", "Jobs that are due and that no worker has."),
    "queueDeferred": (
        "ringout_queue_deferred_jobs",
        "Jobs that are due later, those under way included.",
    ),
    "queueOldestSeconds": (
        "ringout_queue_oldest_job_age_seconds",
        "How long the oldest ready job has been due.",
    ),
    "looksOverdue": (
        "ringout_overdue_looks",
        "Looks at live calls that have been due for more than five seconds.",
    ),
    "looksOldestSeconds": (
        "ringout_status_staleness_seconds",
        "How long the most overdue look at a live call has been due.",
    ),
    "deliveriesPending": (
        "ringout_webhook_pending_deliveries",
        "Webhook deliveries not made yet.",
    ),
    "deliveriesDead": ("ringout_webhook_dead_deliveries", "Webhook deliveries given up."),
    "deliveriesOldestSeconds": (
        "ringout_webhook_oldest_undelivered_age_seconds",
        "Age of the oldest webhook delivery not made yet.",
    ),
    "credentialsParked": (
        "ringout_credentials_parked",
        "Credentials that RingCentral refuses.",
    ),
    "feedsHealthy": (
        "ringout_feeds_healthy",
        "Credentials by which RingCentral's notifications come.",
    ),
    "pausedKeys": ("ringout_paused_keys", "Keys whose calls are not placed."),
    "workersAlive": ("ringout_workers_alive", "Workers heard of within the last 15 seconds."),
}


class House(Collector):
    """Shows what it was told last; nothing at all where Redis has no stats."""

    def __init__(self) -> None:
        self._stats: Mapping[str, str] = {}
        self._totals: Mapping[str, str] | None = None

    def tell(self, stats: Mapping[str, str], totals: Mapping[str, str]) -> None:
        """What Redis says now."""
        self._stats, self._totals = stats, totals

    def describe(self) -> list[Metric]:
        """Nothing: the registry must not collect in order to learn the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All families that there is something to say about."""
        if self._stats:
            yield from self._gauges(self._stats)
        if self._totals is not None:
            yield from _counters(self._totals)

    def _gauges(self, stats: Mapping[str, str]) -> Iterator[Metric]:
        for field, (name, help_) in _GAUGES.items():
            yield GaugeMetricFamily(name, help_, float(stats.get(field, 0)))
        yield GaugeMetricFamily(
            "ringout_paused",
            "1 while the house is paused: no calls are placed.",
            float(stats.get("paused") == "yes"),
        )
        calls = GaugeMetricFamily("ringout_calls", "Calls by state.", labels=("state",))
        for state in State:
            calls.add_metric((state.value,), float(stats[f"calls_{state}"]))
        yield calls
        yield GaugeMetricFamily(
            "ringout_stats_updated_timestamp_seconds",
            "When all this was counted.",
            from_rfc3339(stats["updatedAt"]) / 1000,
        )
        yield self._by_bucket(
            "ringout_upstream_penalty_seconds",
            "How long nobody may send to this bucket; 0: it is open.",
            "gate_{}_{}_seconds".format,
        )
        yield self._by_bucket(
            "ringout_upstream_budget_remaining",
            "Requests left in this bucket's window, where RingCentral has told its limit.",
            "budget_{}_{}_left".format,
        )

    def _by_bucket(self, name: str, help_: str, field: Callable[[str, str], str]) -> Metric:
        family = GaugeMetricFamily(name, help_, labels=("credential", "group"))
        for bucket in buckets_in(self._stats):
            value = self._stats.get(field(*bucket))
            if value is not None:
                family.add_metric(bucket, float(value))
        return family


def _counters(totals: Mapping[str, str]) -> Iterator[Metric]:
    def total(field: str) -> float:
        return float(totals.get(field, 0))

    yield CounterMetricFamily("ringout_calls_accepted", "Calls accepted.", value=total("accepted"))
    yield CounterMetricFamily(
        "ringout_cancels_requested",
        "Calls whose owner asked for a cancel.",
        value=total("cancels_requested"),
    )
    ended = CounterMetricFamily("ringout_calls_ended", "Calls ended.", labels=("outcome",))
    for outcome in Outcome:
        ended.add_metric((outcome.value,), total(f"ended_{outcome}"))
    yield ended
    yield CounterMetricFamily(
        "ringout_webhook_lost_events",
        "Events that were not kept until the webhooks were told of them.",
        value=total("events_lost"),
    )
    yield CounterMetricFamily(
        "ringout_unknown_outcomes",
        "Calls that ended without anyone knowing how.",
        value=total(f"ended_{Outcome.UNKNOWN}"),
    )
