"""`ringout up`, as a person uses it: one command, one pasted line, Ctrl-C."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.harness.processes import CLI, ROOT, Fleet, Process
from tests.harness.waiting import wait_until

ANY_PORT = {
    "RINGOUT_REST_PORT": "0",
    "RINGOUT_MCP_PORT": "0",
    "RINGOUT_SIMULATOR_PORT": "0",
    "RINGOUT_SIMULATOR_SPEED": "20",
    "RINGOUT_SIMULATOR_LIMITS": "off",
    "RINGOUT_CADENCE_FACTOR": "0.05",
}
DRAINED_S = 40.0


class Up:
    """A running `ringout up` whose temporary files go to a folder of the test's."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.process = Process([*CLI, "up"], {"TMPDIR": str(folder), **ANY_PORT, **environment})

    def wait_until_ready(self) -> None:
        """Returns once it has said all that there is to say."""
        self.process.line_with("Ctrl-C ends everything")

    @property
    def said(self) -> str:
        """Everything it printed."""
        return "\n".join(self.process.lines)

    def pasted(self) -> dict[str, Any]:
        """What REST answers to the line that was to be pasted."""
        line = self.process.line_with("curl ").strip()
        words = shlex.split(line)
        url, header, body = words[2], words[4], words[6]
        name, _, value = header.partition(": ")
        request = urllib.request.Request(url, body.encode(), {name: value})  # noqa: S310 (ours)
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            assert answer.status == 202
            return dict(json.load(answer))


def _commands() -> dict[int, tuple[int, str]]:
    """The machine's processes: parent and command line by pid, without the zombies."""
    rows = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args="],
        capture_output=True,
        text=True,
        check=True,
    )
    found = {}
    for row in rows.stdout.splitlines():
        pid, parent, stat, command = row.split(None, 3)
        if not stat.startswith("Z"):
            found[int(pid)] = (int(parent), command)
    return found


def _children(pid: int) -> dict[int, str]:
    return {child: command for child, (parent, command) in _commands().items() if parent == pid}


def _left_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.fixture
def ups(tmp_path: Path) -> Iterator[list[Up]]:
    """Those that a test started; what still runs afterwards is ended."""
    started: list[Up] = []
    yield started
    for up in started:
        up.process.terminate(DRAINED_S)


def _started(ups: list[Up], folder: Path, **environment: str) -> Up:
    ups.append(Up(folder, environment))
    return ups[-1]


def _shown(call: Mapping[str, Any]) -> dict[str, Any]:
    with urllib.request.urlopen(call["uri"], timeout=10) as answer:  # noqa: S310 (our own REST)
        return dict(json.load(answer))


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
async def test_the_pasted_line_places_a_call_and_the_end_leaves_nothing(
    ups: list[Up], tmp_path: Path, ending: signal.Signals
) -> None:
    up = _started(ups, tmp_path)
    up.wait_until_ready()
    children = _children(up.process.pid)
    call = up.pasted()
    ended = await wait_until(lambda: _ended(call), 20)
    up.process.send(ending)
    assert _waited(up) == 0, up.process.errors
    assert ended["outcome"] == "completed"
    assert len(children) == 6, children
    assert not children.keys() & _commands().keys()
    assert _left_in(tmp_path) == []


def _ended(call: Mapping[str, Any]) -> dict[str, Any] | None:
    shown = _shown(call)
    return shown if shown["state"] == "ended" else None


def _waited(up: Up) -> int:
    return up.process._process.wait(DRAINED_S)


def test_every_line_to_paste_works(ups: list[Up], tmp_path: Path) -> None:
    up = _started(ups, tmp_path)
    up.wait_until_ready()
    doctor = _pasted(up.process.line_with("ringout doctor"))
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr
    watch = up.process.line_with("ringout watch")
    watched = _pasted(f"{watch} {up.pasted()['id']}")
    assert "ended: completed" in watched.stdout.splitlines()[-1], watched.stderr


def test_an_example_that_receives_webhooks_works(ups: list[Up], tmp_path: Path) -> None:
    up = _started(ups, tmp_path)
    up.wait_until_ready()
    url = up.process.line_with("REST ").split()[1]
    example = f"{shlex.quote(sys.executable)} {ROOT}/examples/06_receive_webhooks.py"
    ran = _pasted(f"RINGOUT_PUBLIC_URL={url} {example}")
    assert "call.ended" in ran.stdout.splitlines()[-1], ran.stderr


def _pasted(line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)


async def test_killed_it_takes_everything_along(ups: list[Up], tmp_path: Path) -> None:
    up = _started(ups, tmp_path)
    up.wait_until_ready()
    children = _children(up.process.pid)
    assert [name[:8] for name in _left_in(tmp_path)] == ["ringout-"]
    os.kill(up.process.pid, signal.SIGKILL)
    await wait_until(lambda: not children.keys() & _commands().keys(), DRAINED_S)
    assert _left_in(tmp_path) == []


def test_a_process_that_dies_is_named_and_ends_the_others(ups: list[Up], tmp_path: Path) -> None:
    up = _started(ups, tmp_path)
    up.wait_until_ready()
    children = _children(up.process.pid)
    worker = next(pid for pid, command in children.items() if command.endswith(" worker"))
    os.kill(worker, signal.SIGKILL)
    assert _waited(up) == 1
    assert "ringout: worker ended unexpectedly (exit code -9); ending the others" in (
        up.process.errors
    )
    assert not children.keys() & _commands().keys()


@pytest.mark.parametrize("variable", ["RINGOUT_REST_PORT", "RINGOUT_MCP_PORT"])
def test_a_taken_port_is_refused_by_name_before_anything_starts(
    ups: list[Up], tmp_path: Path, variable: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        up = _started(ups, tmp_path, **{variable: port})
        assert _waited(up) == 2
    up.process.terminate()
    (line,) = up.process.errors
    assert line.startswith(f"ringout: {variable}: 127.0.0.1:{port} is taken")
    assert up.process.lines == []
    assert _left_in(tmp_path) == []


def test_what_is_given_is_not_started(ups: list[Up], tmp_path: Path, fleet: Fleet) -> None:
    fleet.simulator()
    up = _started(ups, tmp_path, **fleet.environment)
    up.wait_until_ready()
    commands = _children(up.process.pid).values()
    names = sorted(Path(command.split()[-1]).name for command in commands)
    assert names == ["mcp", "rest", "watchdog.py", "worker"]
    assert "RingCentral  as configured" in up.said
    assert _left_in(tmp_path) == []


@pytest.mark.parametrize(
    ("environment", "code", "line"),
    [
        ({"RC_APP_CLIENT_ID": "id"}, 2, "RC_APP_CLIENT_SECRET: the JWT flow needs it"),
        ({"RC_SERVER_URL": "https://example.com"}, 2, "RINGCENTRAL_API_KEY: no credential"),
        ({"RINGOUT_REST_PORT": "x"}, 2, "RINGOUT_REST_PORT: "),
        ({"REDIS_URL": "redis://127.0.0.1:1/0"}, 1, "REDIS_URL: Redis does not answer"),
        ({"RINGOUT_SIMULATOR_SPEED": "fast"}, 2, "simulator ended unexpectedly (exit code 2)"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    ups: list[Up], tmp_path: Path, environment: dict[str, str], code: int, line: str
) -> None:
    up = _started(ups, tmp_path, **environment)
    assert _waited(up) == code
    up.process.terminate()
    ours = [error for error in up.process.errors if error.startswith("ringout: ")]
    assert len(ours) == 1
    assert ours[0].startswith(f"ringout: {line}")
    assert _left_in(tmp_path) == []
