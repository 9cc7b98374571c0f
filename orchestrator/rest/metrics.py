"""What the process counts about itself, for Prometheus. Labels are bounded: a route is its
template, a method one of the known ones."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import choose_encoder

from orchestrator import __version__

UNMATCHED = "unmatched"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The metrics of one application, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        build = Gauge(
            "ringout_build_info", "The version that runs.", ("version",), registry=self.registry
        )
        build.labels(__version__).set(1)
        self.in_flight = Gauge(
            "ringout_http_requests_in_flight", "Requests being answered.", registry=self.registry
        )
        self._requests = Counter(
            "ringout_http_requests",
            "Requests answered.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "ringout_http_request_duration_seconds",
            "Time from a request's headers to its answer, waits that it asked for included.",
            ("route", "method"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Counts one request."""
        key = (route, method, status)
        known = self._children.get(key)
        if known is None:
            known = self._children_of(route, method if method in _METHODS else "other", status)
            if method in _METHODS:
                self._children[key] = known
        counter, histogram = known
        counter.inc()
        histogram.observe(seconds)

    def _children_of(self, route: str, method: str, status: int) -> tuple[Counter, Histogram]:
        counter = self._requests.labels(route, method, str(status))
        return counter, self._seconds.labels(route, method)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Everything, in the format that `accept` asks for, and that format's content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type
