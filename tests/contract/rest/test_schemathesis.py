"""Generated requests against a running REST process, with a worker and a simulator behind it.

Every answer must be in the OpenAPI document, and none a 5xx. A plain test run sends two thousand
requests or so, the same ones each time. `TESTS_FUZZ_CASES=10000` sends at least that many, other
ones each time; the seeds are in the output:

    TESTS_FUZZ_CASES=10000 python -m pytest tests/contract/rest/test_schemathesis.py -s

The house has a key, which is shown with each request that does not try without. The streams of
events are left out: they have no end. Two of schemathesis's checks do not apply.
RingCentral may refuse what the document allows, so that not all valid data is accepted. And a call
that was cancelled can still be read.
"""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.domain.access import Scope
from tests.e2e.credentials_kit import ringout
from tests.harness.processes import Fleet

FEW = 300
CASES = int(os.environ.get("TESTS_FUZZ_CASES", FEW))
CASES_OF_AN_EXAMPLE = 30
"""At least so many requests come of one more `--max-examples`, over all operations."""
BESIDE = 1 if CASES == FEW else 4
"""Runs beside each other, with requests of their own. Threads of one run will not do: CPython
3.11's `ast`, which the generator uses, is not safe for them."""

HOOKS = "tests.contract.rest.fuzz_hooks"
ROOT = Path(__file__).parents[3]
OPTIONS = (
    "--exclude-checks=positive_data_acceptance,use_after_free",
    "--exclude-path-regex=/events$",
    "--no-color",
    "--request-timeout=70",
    "--warnings=off",
)


@pytest.mark.timeout(180 + CASES // 10)
def test_no_answer_is_outside_the_document(fleet: Fleet, tmp_path: Path) -> None:
    fleet.environment["RINGOUT_CADENCE_FACTOR"] = "0.1"
    fleet.simulator(RINGOUT_SIMULATOR_SPEED="10", RINGOUT_SIMULATOR_LIMITS="off")
    made = ringout(fleet, "keys", "create", "--scopes", " ".join(Scope))
    (key,) = made.lines
    quiet = {"RINGOUT_LOG_LEVEL": "error", "RINGOUT_AUTH_FAILURES": "100000"}
    rest = fleet.command("rest", RINGOUT_REST_PORT="0", **quiet)
    url = rest.line_with("rest listening on").rpartition(" ")[2]
    fleet.worker(**quiet)
    amount = f"--max-examples={CASES // BESIDE // CASES_OF_AN_EXAMPLE + 1}"
    choice = "--generation-deterministic" if CASES == FEW else "--generation-database=none"
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"]
    command += ["--header", f"Authorization: Bearer {key}", amount, choice, *OPTIONS]

    hooked = {**os.environ, "SCHEMATHESIS_HOOKS": HOOKS, "PYTHONPATH": str(ROOT)}

    def generated(number: int) -> int:
        folder = tmp_path / str(number)
        folder.mkdir()
        run = subprocess.run(
            command, cwd=folder, env=hooked, capture_output=True, text=True, check=False
        )
        sys.stdout.write(run.stdout)
        assert run.returncode == 0, run.stdout[-8_000:] + run.stderr[-2_000:]
        sent = re.search(r"(\d+) generated", run.stdout)
        assert sent is not None
        return int(sent[1])

    with ThreadPoolExecutor(BESIDE) as runs:
        sent = sum(runs.map(generated, range(BESIDE)))
    assert sent >= CASES
    assert rest.code is None
    assert rest.errors == []
