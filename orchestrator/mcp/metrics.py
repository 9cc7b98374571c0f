"""What MCP counts: tool calls by result, and how long they took."""

import time
from asyncio import CancelledError
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Histogram

from orchestrator.domain.errors import RingOutError
from orchestrator.metrics import ProcessMetrics

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Observation:
    """A tool call under way; `result` is ok, `asked` where a person is to confirm it, the code of
    the error, `abandoned` where the client left before it was answered, or `crashed`."""

    result = "crashed"


class Metrics:
    """Counters of one server, with the process's own beside them."""

    def __init__(self, process: ProcessMetrics) -> None:
        self._process = process
        self._calls = Counter(
            "ringout_mcp_tool_calls",
            "Tool calls, by tool and by result (ok, asked, or the code of the error).",
            ["tool", "result"],
            registry=process.registry,
        )
        self._seconds = Histogram(
            "ringout_mcp_tool_call_duration_seconds",
            "How long tool calls took.",
            ["tool"],
            buckets=_BUCKETS,
            registry=process.registry,
        )

    @contextmanager
    def observed(self, tool: str) -> Iterator[Observation]:
        """Counts and times what happens inside."""
        observation = Observation()
        began = time.perf_counter()
        try:
            yield observation
        except CancelledError:
            observation.result = "abandoned"
            raise
        finally:
            self._calls.labels(tool, observation.result).inc()
            self._seconds.labels(tool).observe(time.perf_counter() - began)

    def refused(self, error: RingOutError) -> None:
        """Counts the error where a rule of this house has refused a call."""
        self._process.refused(error)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Everything, in the format that `accept` asks for, and that format's content type."""
        return self._process.exposition(accept)
