"""What is shipped: nobody else's code in the tree, and the security
checkers have nothing to say that is not answered in place."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.house import supply
from tests.house.pages import ROOT


def test_the_tree_holds_nobody_else_s_code() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()

    strange = [
        path for path in listed if re.search(r"\.min\.|node_modules|vendor|third.party", path)
    ]
    assert strange == []


def test_bandit_has_nothing_to_say() -> None:
    run = subprocess.run(
        [
            Path(sys.executable).with_name("bandit"),
            "-q",
            "-r",
            "orchestrator",
            "workers",
            "simulator",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout


def _reason(line: str) -> str:
    """What a line says beside the mark that silences a checker."""
    comment = line.partition("#")[2]
    return re.sub(r"noqa: [A-Z0-9, ]+|nosec( B\d+)?|[#()\s-]", "", comment)


def test_what_silences_a_security_checker_says_why() -> None:
    silent = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for folder in ("orchestrator", "workers", "simulator")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"noqa: S\d|nosec", line) and not _reason(line)
    ]
    assert silent == []


def test_a_service_that_knows_no_package_was_not_reached(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.write_text(f"there-is-no-such-package-here==1.0 --hash=sha256:{'0' * 64}\n")

    with pytest.raises(supply.NotReached):
        supply.asked(lock)


def test_a_weakness_is_told_and_so_is_what_could_not_be_looked_up() -> None:
    found: list[dict[str, Any]] = [
        {"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1"}, {"id": "PYSEC-2"}]},
        {"name": "b", "version": "2", "vulns": []},
        {"name": "c", "skip_reason": "not found"},
    ]
    told = ["a 1: PYSEC-1", "a 1: PYSEC-2", "c: not found"]
    assert supply.known_weaknesses(found) == told
