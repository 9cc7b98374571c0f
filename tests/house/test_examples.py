"""Each example runs, and shows what it says."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.processes import Fleet
from tests.harness.simulated import Simulated
from tests.house.pages import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))

SHOWS = {
    "01_follow_a_call.py": ["connected {", "ended {", "completed"],
    "02_cancel_a_call.py": ["RingCentral has the call: it is ringing", "the cancel: cancelled"],
    "03_agent.py": ["ended: busy"],
    "04_ringcentral_sdk.py": ["callStatus: InProgress", "DELETE: 20"],
    "05_events.py": ["#1 call.queued", "#2 call.placing", "call.ended"],
    "06_receive_webhooks.py": ["call.queued #1", "call.ended", "completed"],
}


@pytest.fixture
def environment(fleet: Fleet, simulated: Simulated) -> dict[str, str]:
    """Where a running system is."""
    fleet.environment["RINGOUT_WEBHOOK_TARGETS"] = "any"
    fleet.worker()
    rest = fleet.command("rest", RINGOUT_REST_PORT="0").line_with("rest listening on")
    mcp = fleet.command("mcp", RINGOUT_MCP_PORT="0").line_with("mcp listening on")
    return {
        "RINGOUT_PUBLIC_URL": rest.rsplit(" ", 1)[1],
        "MCP_URL": mcp.rsplit(" ", 1)[1],
        "REDIS_URL": fleet.environment["REDIS_URL"],
        "WAIT_MS": "100",
    }


def _run(example: str, environment: dict[str, str]) -> str:
    run = subprocess.run(
        [sys.executable, ROOT / "examples" / example],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_there_is_a_row_for_each() -> None:
    table = (ROOT / "examples/README.md").read_text(encoding="utf-8")
    assert [path.name for path in EXAMPLES] == list(SHOWS)
    assert all(f"({path.name})" in table for path in EXAMPLES)


@pytest.mark.parametrize("example", [*EXAMPLES[:4], *EXAMPLES[5:]], ids=lambda path: path.name)
async def test_an_example_shows_what_it_says(
    environment: dict[str, str], simulated: Simulated, example: Path
) -> None:
    if "cancel" in example.name or "sdk" in example.name:
        await simulated.tune(leg1_ring=600.0)
    said = _run(example.name, environment)
    assert [text for text in SHOWS[example.name] if text not in said] == []


def test_the_events_of_a_call_are_read(environment: dict[str, str]) -> None:
    _run("03_agent.py", environment)
    said = _run("05_events.py", environment)
    assert [text for text in SHOWS["05_events.py"] if text not in said] == []
