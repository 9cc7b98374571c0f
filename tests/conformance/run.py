"""Runs the conformance suite and the inspector: `python -m tests.conformance.run`.

A: the server as shipped, over both wires; what fails must be what its baseline lists, which is
scenarios that need fixtures no product has. B: the server that the same factory builds, with
those fixtures beside the tools, held to every scenario that a revision requires, no baseline.
C: the inspector finds no tool whose schema a client could not use.

Needs npx, and the npm registry at the first run. Exits 1 when anything fails.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.harness.processes import ROOT, Fleet, Process
from tests.harness.redis import RedisServer

NODE = "node@22"
SUITE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
INSPECTOR = "@modelcontextprotocol/inspector@2.12.0"
OLDER, NEWER = "2025-11-25", "2026-07-28"
HERE = Path(__file__).parent
SCRATCH = ROOT / ".cache" / "conformance"
_FIXTURES = (sys.executable, "-m", "tests.conformance.fixture_server")
_TOTAL = re.compile(r"^Total: .*", re.MULTILINE)
_TIMEOUT_S = 600

Start = Callable[[Fleet], Process]


@dataclass(frozen=True, slots=True)
class Run:
    """One command of `package`, against the server that `start` starts."""

    title: str
    start: Start
    package: str
    command: tuple[str, ...]
    failures: str = ""


_LISTED = "(those failed are those that the baseline lists)"
_NOT_SCORED = "(those failed are not scored: extensions and drafts)"


def _shipped(fleet: Fleet) -> Process:
    return fleet.command("mcp", RINGOUT_MCP_PORT="0")


def _fixtures(*flags: str) -> Start:
    def start(fleet: Fleet) -> Process:
        environment = {**fleet.environment, "RINGOUT_MCP_PORT": "0"}
        return Process([*_FIXTURES, *flags], environment)

    return start


def _baseline(wire: str) -> tuple[str, ...]:
    expected = str(HERE / f"expected.{wire}.yml")
    return (
        *("conformance", "server", "--url", "{url}", "-o", "{out}"),
        *("--suite", "all", "--spec-version", wire, "--expected-failures", expected),
    )


def _required(revision: str) -> tuple[str, ...]:
    return (
        *("conformance", "server", "--url", "{url}", "-o", "{out}"),
        *("--requirements", revision),
    )


_INSPECTED = (
    *("mcp-inspector", "--cli", "{url}", "--transport", "http"),
    *("--method", "tools/list", "--strict"),
)

RUNS = (
    Run(f"A shipped, {NEWER}", _shipped, SUITE, _baseline(NEWER), _LISTED),
    Run(f"A shipped, {OLDER}", _shipped, SUITE, _baseline(OLDER), _LISTED),
    Run(
        f"B fixtures, {NEWER}, stateless as shipped",
        _fixtures(),
        SUITE,
        _required(NEWER),
        _NOT_SCORED,
    ),
    Run(
        f"B fixtures, {NEWER}, stateful",
        _fixtures("--stateful"),
        SUITE,
        _required(NEWER),
        _NOT_SCORED,
    ),
    Run(
        f"B fixtures, {OLDER}, stateful",
        _fixtures("--stateful"),
        SUITE,
        _required(OLDER),
        _NOT_SCORED,
    ),
    Run("C inspector, older wire", _shipped, INSPECTOR, _INSPECTED),
    Run("C inspector, newer wire", _shipped, INSPECTOR, (*_INSPECTED, "--protocol-era", "modern")),
)


def main() -> int:
    """Runs everything, says what came of it, and answers the exit code."""
    if shutil.which("npx") is None:
        sys.stderr.write("conformance: npx is not here; install Node.js (any version with npx)\n")
        return 1
    with _surroundings() as fleet:
        codes = [_passed(run, fleet) for run in RUNS]
    return 0 if all(codes) else 1


@contextmanager
def _surroundings() -> Iterator[Fleet]:
    with tempfile.TemporaryDirectory() as folder:
        redis = RedisServer(Path(folder))
        redis.start()
        fleet = Fleet(
            {
                "REDIS_URL": redis.url,
                "RINGOUT_LOG_FORMAT": "json",
                "RINGOUT_LOG_LEVEL": "warning",
                "RINGCENTRAL_API_KEY": "conformance",
                "RC_SERVER_URL": "http://127.0.0.1:9",
            }
        )
        try:
            yield fleet
        finally:
            fleet.close()
            redis.kill()


def _passed(run: Run, fleet: Fleet) -> bool:
    server = run.start(fleet)
    try:
        url = server.line_with("mcp listening on").rsplit(" ", 1)[1]
        code, output = _npx(run, url)
    finally:
        ended = server.terminate()
    total = _TOTAL.search(output)
    verdict = "passed" if code == 0 else f"FAILED (exit code {code})"
    counts = f" {total.group()} {run.failures}" if total else ""
    sys.stdout.write(f"{run.title}: {verdict}{counts}\n")
    if code or ended:
        sys.stdout.write(f"{output}\nserver's exit code {ended}, errors {server.errors[-20:]}\n")
    sys.stdout.flush()
    return code == 0 and ended == 0


def _npx(run: Run, url: str) -> tuple[int, str]:
    SCRATCH.mkdir(parents=True, exist_ok=True)
    out = SCRATCH / re.sub(r"\W+", "-", run.title)
    command = [part.format(url=url, out=out) for part in run.command]
    done = subprocess.run(
        ["npx", "--yes", "-p", NODE, "-p", run.package, *command],
        cwd=SCRATCH,
        env={**os.environ, "HOME": str(SCRATCH)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    return done.returncode, done.stdout


if __name__ == "__main__":
    sys.exit(main())
