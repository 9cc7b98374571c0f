"""Setting up: the Makefile, the locks, and what CI runs."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.pages import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TARGETS = ("help", "setup", "run", "test", "check", "bench", "fuzz", "conformance", "lock", "clean")


def _make(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=kept, capture_output=True, text=True, check=False
    )


def test_help_is_what_make_says_first() -> None:
    run = _make()
    assert run.returncode == 0
    assert [line.split()[1] for line in run.stdout.splitlines()] != []
    assert set(TARGETS) <= {line.split()[1] for line in run.stdout.splitlines()}


def test_a_python_that_is_too_old_is_refused_in_one_line(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    run = _make("setup", "PYTHON=false", folder=tmp_path)
    assert run.returncode != 0
    assert run.stderr.startswith("make: needs Python 3.11, 3.12 or 3.13")
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize(
    ("target", "lock", "other"),
    [
        ("run", "requirements.lock", "requirements-dev.lock"),
        ("test", "requirements-dev.lock", "unlocked"),
    ],
)
def test_a_target_installs_its_lock_and_no_other(
    tmp_path: Path, target: str, lock: str, other: str
) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    said = _make("-n", target, folder=tmp_path).stdout
    assert f"--require-hashes -r {lock}" in said
    assert f"-r {other}" not in said


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_pins_every_version_with_its_hashes(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[a-z0-9])", text.strip())
    assert [entry for entry in entries if "==" not in entry.splitlines()[0]] == []
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert "http" not in re.sub(r"(?m)^(\s*#.*|[a-z0-9.-]+==.*)$", "", text)


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        (
            "requirements.lock",
            [
                *PROJECT["project"]["dependencies"],
                *PROJECT["project"]["optional-dependencies"]["local"],
                *PROJECT["dependency-groups"]["build"],
            ],
        ),
        ("requirements-dev.lock", PROJECT["dependency-groups"]["dev"]),
    ],
)
def test_a_lock_has_what_the_project_asks_for(lock: str, wanted: list[str]) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    pinned = dict(re.findall(r"^([a-z0-9.-]+)==([^ ;\\]+)", text, re.MULTILINE))
    for requirement in map(Requirement, wanted):
        version = pinned[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), requirement


def test_ci_runs_what_a_person_runs() -> None:
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    assert "exec make check" in script.read_text(encoding="utf-8")
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
