"""The shipped dashboards and alert rules, taken apart."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import promql_parser
import yaml

from tests.harness.processes import ROOT

GRAFANA = ROOT / "deploy/grafana"
ALERTS = ROOT / "deploy/prometheus/alerts.yml"

_PLUGINS_NAMES = {"xinfoStream": ("XINFO", "STREAM")}
"""The data source's names of commands that are not Redis's own."""


def boards() -> dict[str, dict[str, Any]]:
    """The dashboards by their uid."""
    found = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((GRAFANA / "dashboards").glob("*.json"))
    ]
    return {board["uid"]: board for board in found}


def panels(uid: str) -> list[dict[str, Any]]:
    """The panels of a dashboard that show something."""
    return [panel for panel in boards()[uid]["panels"] if panel["type"] != "row"]


@dataclass(frozen=True)
class Query:
    """One query of one panel; its text, and whether what it asks for may be absent."""

    panel: str
    target: dict[str, Any]
    may_be_empty: bool

    def __str__(self) -> str:
        return f"{self.panel} {self.target['refId']}"


def queries(uid: str) -> list[Query]:
    """Every query of a dashboard. A panel that says what an absence means may find nothing."""
    return [
        Query(panel["title"], target, "noValue" in panel["fieldConfig"]["defaults"])
        for panel in panels(uid)
        for target in panel["targets"]
    ]


def promql(expression: str) -> str:
    """The expression as Grafana sends it."""
    return expression.replace("$__rate_interval", "1m")


def alerts() -> dict[str, str]:
    """The alerts' expressions, by name."""
    rules = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"][0]["rules"]
    return {rule["alert"]: rule["expr"] for rule in rules}


def expressions() -> dict[str, str]:
    """Every PromQL expression that is shipped, by where it stands."""
    shown = {str(query): promql(query.target["expr"]) for query in queries("ringout-prometheus")}
    return {**shown, **alerts()}


def selectors(expression: str) -> list[tuple[str, dict[str, str]]]:
    """What an expression asks for: the names of series, each with the labels it must match."""
    found: list[tuple[str, dict[str, str]]] = []

    def visit(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            matchers = node.matchers.matchers
            found.append((node.name or "", {one.name: one.value for one in matchers}))
        return True

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found


def grouped_by(expression: str) -> set[str]:
    """The labels that an expression groups by."""
    return {
        label.strip()
        for labels in re.findall(r"\bby \(([^)]*)\)", expression)
        for label in labels.split(",")
    }


def command(target: dict[str, Any]) -> tuple[str, ...]:
    """What the data source sends to Redis for a target, by its version 2.2.0."""
    name = target["command"]
    words = _PLUGINS_NAMES.get(name, (name.upper(),))
    return (*words, *_arguments(target))


def _arguments(target: dict[str, Any]) -> Iterator[str]:
    match target["command"]:
        case "info":
            yield target["section"]
        case "hget":
            yield from (target["keyName"], target["field"])
        case "zrange":
            yield from (target["keyName"], target["min"], target["max"])
            yield from filter(None, [target.get("zrangeQuery")])
            yield "WITHSCORES"
        case "xrevrange":
            yield from (target["keyName"], target["end"], target["start"])
            yield from ("COUNT", str(target["count"]))
        case "hgetall" | "xlen" | "xinfoStream":
            yield target["keyName"]
        case other:
            raise AssertionError(f"{other}: the test does not know how the data source sends it")
