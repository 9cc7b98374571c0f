"""A real Prometheus scrapes a running house; every query and every rule is put to it."""

import json
import math
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from tests.harness import dashboards
from tests.harness.observed import House, asked, eventually, house
from tests.harness.processes import ROOT, Fleet
from tests.harness.redis import free_port

PROMETHEUS = shutil.which("prometheus")
pytestmark = pytest.mark.skipif(PROMETHEUS is None, reason="prometheus is not installed here")

MAY_BE_STILL = {"Answer time A", "REST answer time A", "MCP answer time A"}
"""Quantiles of what some label saw nothing of lately: no number, and no fault."""


class Prometheus:
    """A running Prometheus, by its URL."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str) -> Any:
        """The data of an answer, which must be a success."""
        answer = json.loads(asked(f"{self.url}/api/v1/{path}"))
        assert answer["status"] == "success"
        assert not answer.get("warnings")
        return answer["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an instant query."""
        rows: list[dict[str, Any]] = self.ask(f"query?query={quote(expression)}")["result"]
        return rows

    def is_up(self, jobs: int) -> bool:
        """Whether so many targets were scraped three times."""
        seen = self.query("count_over_time(up[1m]) >= 3 and up == 1")
        return len(seen) == jobs


def _configuration(running: House) -> dict[str, Any]:
    """What is shipped, with this house's addresses and quicker."""
    text = (ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8")
    chosen: dict[str, Any] = yaml.safe_load(text)
    quick = dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), "1s")
    chosen["global"] |= quick
    chosen["rule_files"] = [str(dashboards.ALERTS)]
    for job in chosen["scrape_configs"]:
        job.pop("dns_sd_configs", None)
        del job["authorization"]
        address = running.addresses[job["job_name"].removeprefix("ringout-")]
        job["static_configs"] = [{"targets": [address.removeprefix("http://")]}]
    return chosen


def _started(fleet: Fleet, folder: Path, configuration: dict[str, Any]) -> Prometheus:
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(configuration))
    port = free_port()
    fleet.run(
        [
            str(PROMETHEUS),
            f"--config.file={file}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
    )
    return Prometheus(f"http://127.0.0.1:{port}")


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    fleet = Fleet({})
    with house(folder) as running:
        server = _started(fleet, folder, _configuration(running))
        try:
            eventually(partial(_is_up, server))
            calls = [running.place("+16505550110"), running.place_by_tool("+16505550110")]
            for call_id in calls:
                eventually(partial(running.is_in, call_id, "ended"))
            eventually(partial(_has_seen, server))
            yield server
        finally:
            fleet.close()


def _is_up(server: Prometheus) -> bool:
    try:
        return server.is_up(3)
    except OSError:
        return False


def _has_seen(server: Prometheus) -> bool:
    """Whether the calls that were made last are in it, and are counted."""
    setups = server.query("increase(ringout_call_setup_seconds_count[1m]) > 1")
    ended = server.query('increase(ringout_calls_ended_total{outcome="busy"}[1m]) > 0')
    return bool(setups and ended)


@pytest.mark.parametrize("query", dashboards.queries("ringout-prometheus"), ids=str)
def test_every_query_of_the_dashboard_finds_something(
    prometheus: Prometheus, query: dashboards.Query
) -> None:
    rows = prometheus.query(dashboards.promql(query.target["expr"]))
    assert rows
    values = [float(row["value"][1]) for row in rows]
    if str(query) not in MAY_BE_STILL:
        assert all(math.isfinite(value) for value in values)
    assert any(math.isfinite(value) for value in values)


def test_every_rule_is_evaluated_and_none_fires(prometheus: Prometheus) -> None:
    def rules() -> list[dict[str, Any]]:
        (group,) = prometheus.ask("rules")["groups"]
        found: list[dict[str, Any]] = group["rules"]
        return found if all(rule["health"] != "unknown" for rule in found) else []

    evaluated = eventually(rules)
    assert {rule["name"] for rule in evaluated} == set(dashboards.alerts())
    assert {rule["health"] for rule in evaluated} == {"ok"}
    assert [rule["name"] for rule in evaluated if rule["state"] == "firing"] == []
