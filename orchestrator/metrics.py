"""What every process says of itself to Prometheus, and of its requests to RingCentral.

Labels are bounded: an operation is one of ours, a code an HTTP status or one of a few words.
"""

from collections.abc import Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from orchestrator import __version__
from orchestrator.domain.errors import RefusedByPolicy, RingOutError, VelocityExceeded

disable_created_metrics()  # type: ignore[no-untyped-call]
"""A second series for each, that says only when the process began to count."""

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)


class ProcessMetrics:
    """A registry with what all processes have in common."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        build = Gauge(
            "ringout_build_info", "The version that runs.", ("version",), registry=self.registry
        )
        build.labels(__version__).set(1)
        self.upstream = Upstream(self.registry)
        self._notifications = Counter(
            "ringout_notifications",
            "Notifications of RingCentral's, by the way they came and by what came of them.",
            ("transport", "outcome"),
            registry=self.registry,
        )
        self._rejections = Counter(
            "ringout_policy_rejections",
            "Calls that a rule of this house refused, by the rule.",
            ("policy",),
            registry=self.registry,
        )
        self._preflight = Gauge(
            "ringout_preflight_findings",
            "What the checks at this process's start found, by what it is about and how bad it is.",
            ("check", "verdict"),
            registry=self.registry,
        )

    def notified(self, transport: str, outcome: str) -> None:
        """Counts one notification; both are one of a few words."""
        self._notifications.labels(transport, outcome).inc()

    def refused(self, error: RingOutError) -> None:
        """Counts the error where a rule of this house has refused a call."""
        if isinstance(error, RefusedByPolicy | VelocityExceeded):
            self._rejections.labels(error.policy).inc()

    def preflight(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Shows how many findings there are, by check and verdict."""
        for labels, count in counts.items():
            self._preflight.labels(*labels).set(count)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Everything, in the format that `accept` asks for, and that format's content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


class Upstream:
    """Counts and times the requests to RingCentral."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "ringout_upstream_requests",
            "Requests to RingCentral, by operation and by HTTP status, or why there was none.",
            ("operation", "code"),
            registry=registry,
        )
        self._seconds = Histogram(
            "ringout_upstream_request_duration_seconds",
            "Time from sending a request to RingCentral to its answer, or to giving it up.",
            ("operation",),
            buckets=_SECONDS,
            registry=registry,
        )

    def answered(self, operation: str, code: str, seconds: float) -> None:
        """Counts one request."""
        self._requests.labels(operation, code).inc()
        self._seconds.labels(operation).observe(seconds)
