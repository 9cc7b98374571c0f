"""A whole house at work, on a guarded Redis, with every process's metrics at hand.

Its processes log in as `app`, and nobody else can but `dashboard` and the test itself.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar
from urllib.parse import urlsplit

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.harness.acl import GuardedServer
from tests.harness.processes import Fleet
from tests.harness.redis import free_port

Answer = TypeVar("Answer")

RING_OUT = "/v1/restapi/v1-0/account/~/extension/~/ring-out"
CALLER = "+16505550100"
ENDINGS = {"+16505550123": "completed", "+16505550110": "busy", "+16505550130": "blocked"}
RINGS_ON = "+16505550111"
TALKS_ON = "+16505550126"
REFERENCE = "4711"
"""Of all calls: a client may choose one that looks like a number."""


def eventually(condition: Callable[[], Answer], seconds: float = 30.0) -> Answer:
    """The first truthy answer of `condition`."""
    give_up = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < give_up, f"not within {seconds} s; last: {answer!r}"
        time.sleep(0.05)
    return answer


def asked(url: str, method: str = "GET", body: Any = None, **headers: str) -> str:
    """The body of an answer; OSError for one that is an error, or none."""
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    sent = None if body is None else json.dumps(body)
    with closing(HTTPConnection(parts.netloc, timeout=10)) as connection:
        connection.request(method, target, sent, {"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        text = response.read().decode()
    if response.status >= 400:
        raise OSError(f"{method} {url}: {response.status} {text}")
    return text


class House:
    """A running house: its processes' addresses by name, and its Redis."""

    def __init__(self, guarded: GuardedServer, addresses: dict[str, str]) -> None:
        self.guarded, self.addresses = guarded, addresses

    def exposed(self, process: str) -> str:
        """The process's /metrics."""
        return asked(f"{self.addresses[process]}/metrics")

    def families(self, process: str) -> dict[str, Metric]:
        """The same, understood."""
        found = text_string_to_metric_families(self.exposed(process))
        return {family.name: family for family in found}

    def stats(self) -> dict[str, str]:
        """The hash `stats`, as a dashboard reads it."""
        return self._hash("stats")

    def totals(self) -> dict[str, str]:
        """The hash `totals`."""
        return self._hash("totals")

    def _hash(self, name: str) -> dict[str, str]:
        with self.guarded.client("dashboard") as client:
            found = client.hgetall(f"ringout:v1:{{ringout}}:{name}")
        return {key.decode(): value.decode() for key, value in found.items()}

    def place(self, to: str) -> str:
        """The id of a new call."""
        call = json.loads(asked(self.addresses["rest"] + RING_OUT, "POST", _wish(to)))
        return str(call["id"])

    def subscribe(self, url: str) -> None:
        """Has every event sent to an URL."""
        asked(f"{self.addresses['rest']}/v1/webhooks", "POST", {"url": url})

    def withdraw(self, call_id: str) -> None:
        """Asks for a cancel."""
        asked(f"{self.addresses['rest']}{RING_OUT}/{call_id}", "DELETE")

    def is_in(self, call_id: str, state: str) -> bool:
        """Whether the call is in a state."""
        call = json.loads(asked(f"{self.addresses['rest']}{RING_OUT}/{call_id}"))
        return bool(call["state"] == state)

    def place_by_tool(self, to: str) -> str:
        """The id of a new call, placed over MCP."""
        tool = {"name": "make-ringout-call", "arguments": {"body": _wish(to)}}
        request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": tool}
        accept = "application/json, text/event-stream"
        text = asked(f"{self.addresses['mcp']}/mcp", "POST", request, Accept=accept)
        line = next(line for line in text.splitlines() if line.startswith("data: {"))
        return str(json.loads(line[6:])["result"]["structuredContent"]["id"])


def _wish(to: str) -> dict[str, Any]:
    ends = {"from": {"phoneNumber": CALLER}, "to": {"phoneNumber": to}}
    return {**ends, "clientReference": REFERENCE}


class _Receiver(BaseHTTPRequestHandler):
    """Says yes to every event."""

    def do_POST(self) -> None:
        """One event."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        """Nothing."""


@contextmanager
def receiving() -> Iterator[str]:
    """The URL of a receiver that says yes."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Receiver) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hook"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def house(folder: Path) -> Iterator[House]:
    """A house that has carried out some calls, each of its kinds, and has counted them."""
    guarded = GuardedServer(folder)
    guarded.server.start()
    fleet = Fleet({"REDIS_URL": guarded.url("app"), "RINGOUT_LOG_FORMAT": "json"})
    with receiving() as url:
        yield from _running(guarded, fleet, url)


def _running(guarded: GuardedServer, fleet: Fleet, url: str) -> Iterator[House]:
    try:
        fleet.environment["RINGOUT_CADENCE_FACTOR"] = "0.1"
        fleet.environment["RINGOUT_WEBHOOK_TARGETS"] = "any"
        limits = "heavy=100/60,light=1000/60"
        fleet.simulator(RINGOUT_SIMULATOR_SPEED="10", RINGOUT_SIMULATOR_LIMITS=limits)
        running = House(guarded, _started(fleet))
        running.subscribe(url)
        _at_work(running)
        yield running
    finally:
        fleet.close()
        guarded.server.kill()


def _started(fleet: Fleet) -> dict[str, str]:
    port = str(free_port())
    fleet.worker(RINGOUT_WORKER_METRICS_PORT=port)
    rest = fleet.command("rest", RINGOUT_REST_PORT="0").line_with("rest listening on")
    mcp = fleet.command("mcp", RINGOUT_MCP_PORT="0").line_with("mcp listening on")
    return {
        "worker": f"http://127.0.0.1:{port}",
        "rest": rest.rsplit(" ", 1)[1],
        "mcp": mcp.rsplit(" ", 1)[1].removesuffix("/mcp"),
    }


def _at_work(running: House) -> None:
    ids = [running.place(to) for to in ENDINGS]
    ids.append(running.place_by_tool("+16505550123"))
    withdrawn, talks = running.place(RINGS_ON), running.place(TALKS_ON)
    eventually(partial(running.is_in, withdrawn, "ringing"))
    running.withdraw(withdrawn)
    eventually(partial(running.is_in, talks, "connected"))
    for call_id in (*ids, withdrawn):
        eventually(partial(running.is_in, call_id, "ended"))
    counted = {"calls_ended": str(len(ids) + 1), "calls_connected": "1"}
    eventually(lambda: counted.items() <= running.stats().items())
    shown = f'ringout_calls{{state="ended"}} {len(ids) + 1}.0'
    eventually(lambda: shown in running.exposed("worker"))
    delivered = 'ringout_webhook_deliveries_total{result="delivered"}'
    eventually(lambda: delivered in running.exposed("worker"))
    eventually(lambda: running.stats().get("deliveriesPending") == "0")
