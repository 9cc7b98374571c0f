"""The processes as an operator starts and stops them."""

import os
import signal
from pathlib import Path

import pytest

from tests.harness.processes import Fleet
from tests.harness.waiting import wait_until

READY = {"rest": "rest listening on", "mcp": "mcp listening on", "worker": "worker ready"}
ANY_PORT = {"RINGOUT_REST_PORT": "0", "RINGOUT_MCP_PORT": "0", "RINGOUT_SIMULATOR_PORT": "0"}
DRAINED_S = 30.0


@pytest.mark.parametrize("name", READY)
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_is_told_to_end_exits_0(
    fleet: Fleet, name: str, ending: signal.Signals
) -> None:
    fleet.simulator()
    process = fleet.command(name, **ANY_PORT)
    process.line_with(READY[name])
    process.send(ending)
    assert process._process.wait(DRAINED_S) == 0


def test_the_simulator_is_a_process_like_the_others(fleet: Fleet) -> None:
    process = fleet.command("simulator", **ANY_PORT)
    process.line_with("simulator listening on")
    assert process.terminate(DRAINED_S) == 0


@pytest.mark.parametrize("name", READY)
@pytest.mark.parametrize(
    ("environment", "variable"),
    [
        ({}, "RINGCENTRAL_API_KEY"),
        ({"RC_USER_JWT": "jwt"}, "RC_APP_CLIENT_ID"),
        ({"RINGCENTRAL_API_KEY": "key", "REDIS_URL": "http://x"}, "REDIS_URL"),
        ({"RINGCENTRAL_API_KEY": "key", "REDIS_URL": "redis://:a/b@127.0.0.1/0"}, "REDIS_URL"),
        ({"RINGCENTRAL_API_KEY": "key", "RINGOUT_TYPO": "1"}, "RINGOUT_TYPO"),
        ({"RINGCENTRAL_API_KEY": "key", "RINGOUT_WORKER_JOBS": "many"}, "RINGOUT_WORKER_JOBS"),
    ],
)
def test_a_wrong_configuration_exits_2_and_names_the_variable(
    fleet: Fleet, name: str, environment: dict[str, str], variable: str
) -> None:
    process = fleet.command(name, **environment)
    assert process._process.wait(DRAINED_S) == 2
    process.terminate()
    (line,) = process.errors
    assert line.startswith(f"ringout: {variable}: ")
    assert process.lines == []


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("rest", "RINGOUT_DENIED_PREFIXES_FILE"),
        ("mcp", "RINGOUT_DENIED_PREFIXES_FILE"),
        ("rest", "RINGOUT_CREDENTIALS_FILE"),
        ("worker", "RINGOUT_CREDENTIALS_FILE"),
    ],
)
async def test_a_file_that_is_a_pipe_is_not_waited_for(
    fleet: Fleet, tmp_path: Path, name: str, variable: str
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    process = fleet.command(name, **ANY_PORT, **{"RINGCENTRAL_API_KEY": "key", variable: str(pipe)})

    await wait_until(lambda: process.code is not None)

    assert process.terminate() == 2
    assert process.errors == [f"ringout: {variable}: {pipe}: must be a regular file"]


def test_the_simulator_refuses_a_wrong_setting(fleet: Fleet) -> None:
    process = fleet.command("simulator", RINGOUT_SIMULATOR_SPEED="fast")
    assert process._process.wait(DRAINED_S) == 2
    process.terminate()
    (line,) = process.errors
    assert "RINGOUT_SIMULATOR_SPEED" in line


@pytest.mark.parametrize("name", ["rest", "mcp"])
def test_a_taken_port_exits_2_and_names_the_variable(fleet: Fleet, name: str) -> None:
    fleet.simulator()
    variable = f"RINGOUT_{name.upper()}_PORT"
    first = fleet.command(name, **ANY_PORT)
    port = first.line_with(READY[name]).removesuffix("/mcp").rsplit(":", 1)[1]
    second = fleet.command(name, **{variable: port})
    assert second._process.wait(DRAINED_S) == 2
    second.terminate()
    (line,) = second.errors
    assert line.startswith(f"ringout: {variable}: ")
