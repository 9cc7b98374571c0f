"""Sizes that keep a file readable at one sitting."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.storage import scripts
from tests.house.pages import ROOT

MOST_LINES = 400
MOST_IN_A_FUNCTION = 35
MOST_IN_A_SCRIPT = 60

CODE = ("orchestrator", "workers", "simulator", "tests", "examples")
SCRIPTS = sorted((ROOT / "orchestrator/storage/scripts").glob("*.lua"))


def _files() -> Iterator[Path]:
    for folder in CODE:
        yield from sorted((ROOT / folder).rglob("*.py"))


def _functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            yield node.name, node.end_lineno - node.lineno + 1


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_module_is_too_long() -> None:
    lengths = {_shown(path): len(path.read_text("utf-8").splitlines()) for path in _files()}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def test_no_function_is_too_long() -> None:
    long = {
        f"{_shown(path)}:{name}": length
        for path in _files()
        for name, length in _functions(path)
        if length > MOST_IN_A_FUNCTION
    }
    assert long == {}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_short_and_says_what_it_is_given(script: Path) -> None:
    lines = script.read_text(encoding="utf-8").splitlines()
    head = lines[: next(at for at, line in enumerate(lines) if not line.startswith("--"))]
    assert len(lines) <= MOST_IN_A_SCRIPT
    if script.stem not in {whole.name for whole in scripts.ALL}:
        assert any("begins every script" in line for line in head), "it is the head of others"
        return
    assert any(line.startswith("-- KEYS ") for line in head)
    assert any(line.startswith("-- ARGV ") for line in head)
