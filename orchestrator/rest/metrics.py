"""What the process counts about itself, for Prometheus. Labels are bounded: a route is its
template, a method one of the known ones."""

from prometheus_client import Counter, Gauge, Histogram

from orchestrator.domain.errors import RingOutError
from orchestrator.metrics import ProcessMetrics

UNMATCHED = "unmatched"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The metrics of one application, beside those of its process."""

    def __init__(self, process: ProcessMetrics) -> None:
        self._process = process
        self.in_flight = Gauge(
            "ringout_http_requests_in_flight", "Requests being answered.", registry=process.registry
        )
        self._requests = Counter(
            "ringout_http_requests",
            "Requests answered.",
            ("route", "method", "status"),
            registry=process.registry,
        )
        self._seconds = Histogram(
            "ringout_http_request_duration_seconds",
            "Time from a request's headers to its answer, waits that it asked for included.",
            ("route", "method"),
            buckets=_SECONDS,
            registry=process.registry,
        )
        self.streams = Gauge(
            "ringout_event_streams", "Event streams that are open.", registry=process.registry
        )
        self.streams_dropped = Counter(
            "ringout_event_streams_dropped",
            "Event streams whose client was disconnected since it did not keep up.",
            registry=process.registry,
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, route: str, method: str, status: int, seconds: float | None) -> None:
        """Counts one request, and its time where that says something (None: it was a stream)."""
        key = (route, method, status)
        known = self._children.get(key)
        if known is None:
            known = self._children_of(route, method if method in _METHODS else "other", status)
            if method in _METHODS:
                self._children[key] = known
        counter, histogram = known
        counter.inc()
        if seconds is not None:
            histogram.observe(seconds)

    def _children_of(self, route: str, method: str, status: int) -> tuple[Counter, Histogram]:
        counter = self._requests.labels(route, method, str(status))
        return counter, self._seconds.labels(route, method)

    def refused(self, error: RingOutError) -> None:
        """Counts the error where a rule of this house has refused a call."""
        self._process.refused(error)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Everything, in the format that `accept` asks for, and that format's content type."""
        return self._process.exposition(accept)
