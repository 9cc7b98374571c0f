"""docs/simulator.md names all there is, with the defaults it has."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from simulator import SimulatorSettings, Tuning, admin, admin_members
from simulator.faults import Kind, Operation
from simulator.scenarios import SCENARIOS
from simulator.settings import PREFIX

PAGE = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text(encoding="utf-8")


def rows(title: str) -> list[list[str]]:
    """The cells of the first table in a section, without its head."""
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert table is not None, title
    lines = table.group().splitlines()[2:]
    return [[cell.strip().strip("`") for cell in line.split("|")[1:-1]] for line in lines]


def test_every_setting_that_can_be_tuned_stands_there_with_its_default() -> None:
    shown = {name: json.loads(default) for name, default, _ in rows("Tuning")}
    assert shown == Tuning().model_dump(mode="json")


def test_every_admin_route_stands_there() -> None:
    routes = [*admin.routes(), *admin_members.routes()]
    assert sorted(name for name, _ in rows("Admin routes")) == sorted(
        f"{route.method} {route.path}" for route in routes
    )


def test_every_variable_stands_there() -> None:
    cells = " ".join(name for name, _ in rows("Settings"))
    fields = set(SimulatorSettings.model_fields) - {"tuning"}
    assert set(re.findall(r"RINGOUT_\w+", cells)) == {f"{PREFIX}{name.upper()}" for name in fields}


def test_every_scenario_stands_there_with_its_number() -> None:
    shown = {(name, digits.replace(" ", "")) for digits, name, _ in rows("Scenarios")}
    assert shown == {(one.name, one.suffix) for one in SCENARIOS.values()}


@pytest.mark.parametrize(
    ("title", "known"),
    [("What it plays", {*get_args(Operation)} - {"any"}), ("Faults", {*get_args(Kind)})],
)
def test_every_operation_and_every_kind_of_fault_stand_there(title: str, known: set[str]) -> None:
    assert {row[0] for row in rows(title)} == known
