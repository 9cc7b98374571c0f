"""What the processes of a running house show to Prometheus and to a dashboard that reads Redis."""

import re
from collections.abc import Iterator

import pytest

from orchestrator.domain.words import Outcome, State
from orchestrator.service.hearing import Heard
from orchestrator.storage.house_book import STATS_FIELDS, WORKER_FIELDS
from orchestrator.storage.keys import BOOK, PREFIX
from tests.harness import dashboards, leaks
from tests.harness.acl import PASSWORDS
from tests.harness.observed import House, asked, house
from tests.harness.processes import ROOT

PROCESSES = ("rest", "mcp", "worker")
LABELS = {
    "check": r"[a-z -]+",
    "code": r"\d{3}|unreached|timeout|broken|abandoned",
    "credential": r"default",
    "generation": r"[0-2]",
    "group": r"heavy|medium|light|auth",
    "implementation": r"CPython",
    "le": r"\+Inf|[\d.]+",
    "major": r"3",
    "method": r"GET|POST|DELETE|HEAD|other",
    "minor": r"\d+",
    "operation": r"make|status|cancel|probe|login|presence|(end_)?session|active_calls|call_log"
    r"|extension|(phone|forwarding)_numbers|wstoken|(un)?subscribe|subscriptions|renew",
    "outcome": "|".join([*Outcome, *Heard]),
    "patchlevel": r"\d+",
    "result": r"[a-z_]+",
    "route": r"unmatched|/[a-z0-9.{}/_-]*",
    "state": "|".join(State),
    "status": r"\d{3}",
    "tool": r"make-ringout-call|get-ringout-call-status|cancel-ringout-call",
    "transport": r"websocket|webhook",
    "verdict": r"ok|warn|fail",
    "version": r"\d+\.\d+\.\d+\S*",
}
"""Every label that may be shown, and what it may say."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("observed")) as made:
        yield made


@pytest.mark.parametrize("process", PROCESSES)
def test_no_label_says_what_it_must_not(running: House, process: str) -> None:
    for family in running.families(process).values():
        for sample in family.samples:
            for name, value in sample.labels.items():
                assert re.fullmatch(LABELS[name], value), (family.name, name, value)


@pytest.mark.parametrize("process", PROCESSES)
def test_no_number_id_or_address_is_shown(running: House, process: str) -> None:
    for said in re.findall(r'"([^"]*)"', running.exposed(process)):
        assert not re.search(r"\d{6}|call_|worker_|rc_|://|127\.0\.0\.1", said)


@pytest.mark.parametrize("process", PROCESSES)
def test_names_are_as_prometheus_wants_them(running: House, process: str) -> None:
    for family in running.families(process).values():
        if not family.name.startswith("ringout_"):
            assert family.name.startswith(("process_", "python_"))
            continue
        assert family.documentation.endswith(".")
        for sample in family.samples:
            assert (family.type == "counter") == sample.name.endswith("_total"), sample.name


@pytest.mark.parametrize("process", PROCESSES)
def test_each_process_says_which_version_it_is(running: House, process: str) -> None:
    (sample,) = running.families(process)["ringout_build_info"].samples
    assert sample.value == 1


def test_every_metric_is_documented_and_no_other(running: House) -> None:
    page = (ROOT / "docs/dashboards.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(ringout_\w+)(?:\{([a-z,]+)\})?` \|", page, re.MULTILINE)
    shown = {
        f"{family.name}_total" if family.type == "counter" else family.name: family
        for process in PROCESSES
        for family in running.families(process).values()
        if family.name.startswith("ringout_")
    }
    assert {name for name, _ in rows} == set(shown)
    for name, labels in rows:
        for sample in shown[name].samples:
            assert set(sample.labels) - {"le"} == set(labels.split(",") if labels else ())


def test_each_process_counts_its_own_requests_to_ringcentral(running: House) -> None:
    worker = running.families("worker")["ringout_upstream_requests"].samples
    asked_for = {(one.labels["operation"], one.labels["code"]): one.value for one in worker}
    assert asked_for["make", "200"] == 5
    assert asked_for["make", "403"] == 1
    assert asked_for["cancel", "204"] >= 1
    assert asked_for["status", "200"] > 5
    assert running.families("rest")["ringout_upstream_requests"].samples == []


def test_the_waits_of_calls_are_measured(running: House) -> None:
    def count(name: str) -> float:
        samples = running.families("worker")[name].samples
        return next(one.value for one in samples if one.name == f"{name}_count")

    assert count("ringout_dispatch_seconds") == 6
    assert count("ringout_call_setup_seconds") == 5


def test_outcomes_are_exact(running: House) -> None:
    expected = {"completed": 2, "busy": 1, "blocked": 1, "cancelled": 1}
    samples = running.families("worker")["ringout_calls_ended"].samples
    shown = {one.labels["outcome"]: one.value for one in samples}
    totals = running.totals()
    assert {name: value for name, value in shown.items() if value} == expected
    assert totals["accepted"] == "6"
    assert totals["cancels_requested"] == "1"
    ended = [int(value) for name, value in totals.items() if name.startswith("ended_")]
    assert sum(ended) == 5


def test_the_stats_are_those_that_the_key_book_promises(running: House) -> None:
    promised = {name for name, _ in STATS_FIELDS}
    fields = {
        re.sub(r"_default_(heavy|medium|light|auth)_", "_<credential>_<group>_", name)
        for name in running.stats()
    }
    assert fields == promised


def test_a_worker_says_what_it_is(running: House) -> None:
    with running.guarded.client("dashboard") as client:
        ((member, beat),) = client.zrange(f"{PREFIX}workers", 0, -1, withscores=True)
        fields = client.hgetall(f"{PREFIX}worker:{member.decode()}")
        ttl = client.ttl(f"{PREFIX}worker:{member.decode()}")
    said = {name.decode(): value.decode() for name, value in fields.items()}
    assert set(said) == {name for name, _ in WORKER_FIELDS}
    assert re.fullmatch(r".+:\d+", said["host"])
    assert said["version"].startswith("v")
    assert said["draining"] == "no"
    assert beat > 1e12
    assert 0 < ttl <= 20


def test_nothing_that_is_no_number_looks_like_one(running: House) -> None:
    """Grafana's data source takes every field that parses for a float, and shows it as one."""
    with running.guarded.client("dashboard") as client:
        names = [client.zrange(f"{PREFIX}workers", 0, 0)[0].decode()]
        hashes = {
            **{name: client.hgetall(f"{PREFIX}{name}") for name in ("stats", "totals")},
            **{name: client.hgetall(f"{PREFIX}worker:{name}") for name in names},
        }
    for hash_ in hashes.values():
        for name, value in hash_.items():
            try:
                number = float(value)
            except ValueError:
                continue
            assert re.fullmatch(rb"\d{1,15}(\.\d{1,3})?", value), (name, value)
            assert number < 2**53


@pytest.mark.parametrize(
    "query",
    [one for one in dashboards.queries("ringout-redis") if one.target["command"] == "xrevrange"],
    ids=str,
)
def test_no_column_of_events_is_taken_for_numbers(running: House, query: dashboards.Query) -> None:
    """Grafana's data source makes a column of numbers of what begins with one, and shows every
    other text in it as 0."""
    with running.guarded.client("dashboard") as client:
        entries = client.execute_command(*dashboards.command(query.target))
    assert entries
    (panel,) = [one for one in dashboards.panels("ringout-redis") if one["title"] == query.panel]
    hidden = {
        name
        for step in panel["transformations"]
        for name, is_hidden in step["options"].get("excludeByName", {}).items()
        if is_hidden
    }
    numbers = {
        name.decode()
        for _, fields in entries
        for name, value in fields.items()
        if re.fullmatch(rb"[+-]?[\d.]+(e\d+)?|[+-]?inf(inity)?|nan", value, re.IGNORECASE)
    }
    assert numbers - hidden == {"sequence"}


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
@pytest.mark.parametrize("process", PROCESSES)
def test_each_process_answers_probes(running: House, process: str, path: str) -> None:
    assert asked(running.addresses[process] + path)


def test_the_processes_were_refused_nothing(running: House) -> None:
    with running.guarded.client("default") as client:
        log = client.acl_log()
        users = {row["user"] for row in client.client_list()}
        leaks.check(client)
    assert [entry for entry in log if entry["username"] == "app"] == []
    assert users <= set(PASSWORDS)
    assert "app" in users


@pytest.mark.parametrize("query", dashboards.queries("ringout-redis"), ids=str)
def test_every_query_of_the_redis_dashboard_is_answered(
    running: House, query: dashboards.Query
) -> None:
    words = dashboards.command(query.target)
    with running.guarded.client("dashboard") as client:
        answer = client.execute_command(" ".join(words[:1]), *words[1:])
    assert answer or query.target.get("keyName", "").endswith("deliveries:dead"), answer
    if query.target["command"] == "hget":
        assert answer
    for field in _picked(query):
        assert field.encode() in answer or field in answer, field


def _picked(query: dashboards.Query) -> list[str]:
    """The fields of a hash that the panel picks out."""
    if query.target["command"] != "hgetall" or query.target["keyName"] != f"{PREFIX}stats":
        return []
    panel = next(one for one in dashboards.panels("ringout-redis") if one["title"] == query.panel)
    names = [
        name
        for step in panel.get("transformations", ())
        if step["id"] == "filterFieldsByName"
        for name in step["options"]["include"]["names"]
    ]
    # A group of which nothing was asked within its window has neither budget nor penalty to show.
    silent = {
        f"{what}_default_{group}_{unit}"
        for what, unit in (("budget", "left"), ("gate", "seconds"))
        for group in ("medium", "auth")
    }
    return [*(name for name in names if name not in silent), *query.target.get("field", "").split()]


@pytest.fixture(scope="module")
def series(running: House) -> dict[str, list[dict[str, str]]]:
    """The labels of all series of all processes, by name; with Prometheus's own."""
    found: dict[str, list[dict[str, str]]] = {"up": [{}]}
    for process in PROCESSES:
        for family in running.families(process).values():
            found.setdefault(family.name, [])
            for sample in family.samples:
                found.setdefault(sample.name, []).append(dict(sample.labels))
    return found


@pytest.mark.parametrize("where", dashboards.expressions())
def test_every_expression_asks_for_what_is_shown(
    series: dict[str, list[dict[str, str]]], where: str
) -> None:
    expression = dashboards.expressions()[where]
    own = {"job", "instance"}
    for name, matchers in dashboards.selectors(expression):
        assert series.get(name), name
        labels = {label for sample in series[name] for label in sample}
        assert set(matchers) - own <= labels
    grouped = dashboards.grouped_by(expression) - own
    every = {
        label
        for name, _ in dashboards.selectors(expression)
        for sample in series.get(name, ())
        for label in sample
    }
    assert grouped <= every


def test_every_key_a_dashboard_may_read_was_written_with_a_type(running: House) -> None:
    kinds = {"sorted set": b"zset"}
    with running.guarded.client("default") as client:
        for entry in BOOK:
            for key in client.keys(leaks.glob(entry.pattern)):
                if leaks.glob(entry.pattern).count("*") == 0:
                    kind = kinds.get(entry.type, entry.type.encode())
                    assert client.type(key) in (kind, b"none"), key
