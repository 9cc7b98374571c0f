"""The dashboards, the alerts and their configuration, judged without a running house."""

import re
import shutil
import subprocess
from itertools import combinations
from typing import Any

import pytest
import yaml

from orchestrator.storage.house_book import STATS_FIELDS
from orchestrator.storage.keys import BOOK, PREFIX
from tests.harness import dashboards
from tests.harness.leaks import glob
from tests.house import acl
from tests.house.pages import ROOT
from workers.house_metrics import House

BOARDS = dashboards.boards()
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed here")

DATA_SOURCES_COMMANDS = {
    "clientList", "clusterInfo", "clusterNodes", "get", "hget", "hgetall", "hkeys", "hlen", "hmget",
    "info", "llen", "tmscan", "scard", "slowlogGet", "smembers", "ttl", "type", "zrange",
    "xinfoStream", "xlen", "xrange", "xrevrange",
}  # fmt: skip
"""What redis-datasource 2.2.0 can send; it has no ZCARD and no ZCOUNT."""


def _house_metrics() -> set[str]:
    """The metrics that are the same in every worker: the highest is right, their sum is not."""
    house = House()
    stats = {name: "0" for name, _ in STATS_FIELDS} | {"updatedAt": "2026-01-01T00:00:00.000Z"}
    stats |= {"gate_one_heavy_seconds": "0", "budget_one_heavy_left": "0"}
    house.tell(stats, {})
    return {sample.name for family in house.collect() for sample in family.samples}


HOUSE_METRICS = _house_metrics()
PANELS = [(uid, panel) for uid in BOARDS for panel in dashboards.panels(uid)]


def _provisioned() -> dict[str, dict[str, Any]]:
    path = dashboards.GRAFANA / "provisioning/datasources/ringout.yml"
    sources = yaml.safe_load(path.read_text(encoding="utf-8"))["datasources"]
    return {source["uid"]: source for source in sources}


def test_there_are_two_dashboards() -> None:
    assert set(BOARDS) == {"ringout-prometheus", "ringout-redis"}
    assert all(board["title"] and board["description"] for board in BOARDS.values())


@pytest.mark.parametrize(("uid", "panel"), PANELS, ids=lambda one: str(one)[:20])
def test_a_panel_says_what_it_shows(uid: str, panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert defaults["unit"]
    assert defaults["thresholds"]["steps"][0]["value"] is None
    assert panel["targets"]


@pytest.mark.parametrize(("uid", "panel"), PANELS, ids=lambda one: str(one)[:20])
def test_a_panel_asks_a_data_source_that_is_provisioned(uid: str, panel: dict[str, Any]) -> None:
    sources = _provisioned()
    asked = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
    assert all(sources[source["uid"]]["type"] == source["type"] for source in asked)


@pytest.mark.parametrize("uid", BOARDS)
def test_panels_do_not_overlap_and_have_ids_of_their_own(uid: str) -> None:
    every = BOARDS[uid]["panels"]
    assert len({panel["id"] for panel in every}) == len(every)
    for one, other in combinations([panel["gridPos"] for panel in every], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in every)


@pytest.mark.parametrize("query", dashboards.queries("ringout-redis"), ids=str)
def test_a_redis_query_is_one_that_the_data_source_can_send(query: dashboards.Query) -> None:
    assert query.target["command"] in DATA_SOURCES_COMMANDS
    assert query.target["query"] == "", "a command line would bypass what a dashboard may ask"


@pytest.mark.parametrize("query", dashboards.queries("ringout-redis"), ids=str)
def test_a_redis_query_asks_what_dashboards_are_promised(query: dashboards.Query) -> None:
    key = query.target.get("keyName")
    if key is None:
        assert query.target["command"] in acl.OF_NO_KEY
        return
    entry = next(one for one in acl.readable() if _matches(key, one.pattern))
    field = query.target.get("field", "") if query.target["command"] == "hget" else ""
    assert not field or field in {name for name, _ in entry.fields}
    assert key.startswith(PREFIX)


def _matches(key: str, pattern: str) -> bool:
    exact, star, _ = glob(pattern).partition("*")
    return key.startswith(exact) if star else key == exact


def test_every_private_key_is_said_to_be_one() -> None:
    assert {entry.readers for entry in BOOK} == {acl.DASHBOARDS, "processes only"}


@pytest.mark.parametrize("where", dashboards.expressions())
def test_a_house_metric_is_never_added_up(where: str) -> None:
    expression = dashboards.expressions()[where]
    for name, _ in dashboards.selectors(expression):
        if name in HOUSE_METRICS:
            assert f"sum({name}" not in expression.replace(" ", "")
            assert "max" in expression or "absent" in expression, expression


def test_every_job_that_is_asked_for_is_scraped() -> None:
    path = ROOT / "deploy/prometheus/prometheus.yml"
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["scrape_configs"]
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    assert {job["job_name"] for job in jobs} == {"ringout-rest", "ringout-mcp", "ringout-worker"}
    worker = services["worker"]["environment"]["RINGOUT_WORKER_METRICS_PORT"]
    assert jobs[2]["dns_sd_configs"][0]["port"] == int(worker)
    targets = {target for job in jobs[:2] for target in job["static_configs"][0]["targets"]}
    ports = {
        name: services[name]["environment"][f"RINGOUT_{name.upper()}_PORT"]
        for name in ("rest", "mcp")
    }
    assert targets == {f"{name}:{port}" for name, port in ports.items()}


def test_every_alert_is_documented() -> None:
    page = (ROOT / "docs/dashboards.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(RingOut\w+)` \|", page, re.MULTILINE) == list(dashboards.alerts())


@needs_promtool
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", "--syntax-only", "deploy/prometheus/prometheus.yml"),
        ("check", "rules", "--lint=all", "--lint-fatal", "deploy/prometheus/alerts.yml"),
        ("test", "rules", "tests/house/alerts.test.yml"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_promtool_agrees(arguments: tuple[str, ...]) -> None:
    run = subprocess.run(
        [str(PROMTOOL), *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_alert_is_tried() -> None:
    tried = yaml.safe_load((ROOT / "tests/house/alerts.test.yml").read_text(encoding="utf-8"))
    quiet = {one["alertname"] for one in tried["tests"][0]["alert_rule_test"]}
    loud = str([one.get("promql_expr_test") for one in tried["tests"]])
    assert quiet == set(dashboards.alerts())
    assert all(f'"{name}"' in loud for name in quiet)
