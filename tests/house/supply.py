"""What is shipped with the product: asked about known weaknesses, and listed with licences.

`python -m tests.house.supply audit` and `... sbom FILE`.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.house.pages import ROOT

LOCK, DEVELOPING = ROOT / "requirements.lock", ROOT / "requirements-dev.lock"
BIN = Path(sys.executable).parent


class NotReached(Exception):
    """No advisory service could be asked."""


def asked(lock: Path) -> list[dict[str, Any]]:
    """What is known of each package that the lock file names, as pip-audit says it; NotReached
    where no service knows of a single one, which it would if it could be asked."""
    command = ["pip-audit", "--require-hashes", "--disable-pip", "--progress-spinner=off", "-f"]
    run = subprocess.run(
        [BIN / command[0], *command[1:], "json", "-r", str(lock)],
        capture_output=True,
        text=True,
        check=False,
    )
    if not run.stdout.startswith("{"):
        raise NotReached(run.stderr.strip().splitlines()[-1] if run.stderr.strip() else "no answer")
    found: list[dict[str, Any]] = json.loads(run.stdout)["dependencies"]
    if all("skip_reason" in one for one in found):
        raise NotReached(f"none of {len(found)} packages was found there")
    return found


def known_weaknesses(found: list[dict[str, Any]]) -> list[str]:
    """One line for each advisory, and for each package that could not be looked up."""
    return [
        f"{one['name']} {one['version']}: {advisory['id']}"
        for one in found
        for advisory in one.get("vulns", ())
    ] + [f"{one['name']}: {one['skip_reason']}" for one in found if "skip_reason" in one]


def components(lock: Path = LOCK) -> dict[str, Any]:
    """A CycloneDX bill of materials of what the lock file installs: versions and licences."""
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder) / "bin/python"
        _done([sys.executable, "-m", "venv", folder])
        install = ["-m", "pip", "-qq", "install", "--require-hashes", "-r", str(lock)]
        _done([str(python), *install])
        _done([str(python), "-m", "pip", "-qq", "uninstall", "-y", "pip", "setuptools"])
        project = ["--pyproject", str(ROOT / "pyproject.toml"), "--gather-license-texts"]
        listed = _done([str(BIN / "cyclonedx-py"), "environment", str(python), *project])
    bill: dict[str, Any] = json.loads(listed)
    return bill


def _done(command: list[str]) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> int:
    """Exit code 1 where there is a known weakness, or a package that nobody knows."""
    if sys.argv[1] == "sbom":
        target = Path(sys.argv[2])
        target.parent.mkdir(parents=True, exist_ok=True)
        bill = components()
        target.write_text(json.dumps(bill, indent=1), encoding="utf-8")
        sys.stdout.write(f"{target}: {len(bill['components'])} components\n")
        return 0
    try:
        packages = [*asked(LOCK), *asked(DEVELOPING)]
    except NotReached as error:
        sys.stdout.write(f"NOT CHECKED: no advisory service can be reached from here ({error})\n")
        return 0
    found = known_weaknesses(packages)
    sys.stdout.write("".join(f"{line}\n" for line in found) or "no known weakness\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
