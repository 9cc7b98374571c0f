"""`python -m simulator` as a process: the line it prints, its exits, its environment."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "simulator"]


def environment(**variables: str) -> dict[str, str]:
    mine = {k: v for k, v in os.environ.items() if not k.startswith("RINGOUT_SIMULATOR_")}
    return {**mine, **{f"RINGOUT_SIMULATOR_{name}": value for name, value in variables.items()}}


@contextmanager
def process(**variables: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        COMMAND, cwd=ROOT, env=environment(**variables), stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def refused(**variables: str) -> subprocess.CompletedProcess[str]:
    """A process that should not come up."""
    return subprocess.run(
        COMMAND,
        cwd=ROOT,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def first_line(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    return running.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_and_stops_when_told(number: signal.Signals) -> None:
    with process(PORT="0") as running:
        line = first_line(running)
        assert re.fullmatch(r"simulator listening on http://127\.0\.0\.1:\d+\n", line)
        url = line.split()[-1]
        with closing(HTTPConnection(url.removeprefix("http://"), timeout=5)) as connection:
            connection.request("GET", "/restapi/v1.0")
            assert connection.getresponse().status == 200
            running.send_signal(number)
            assert running.wait(timeout=5) == 0


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = refused(PORT=port)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert port in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "should"),
    [
        ("PORT", "http", "a port from 0"),
        ("PORT", "65536", "a port from 0"),
        ("SPEED", "0", "a number above 0"),
        ("SPEED", "nan", "a number above 0"),
        ("LIMITS", "heavy", "heavy=10/60"),
        ("SCALE_LIMITS", "maybe", "true or false"),
        ("API_KEY", "", "a bearer token"),
        ("COLOUR", "red", "unset"),
        ("TUNING", "{}", "unset"),
    ],
)
def test_an_environment_that_is_not_understood(name: str, value: str, should: str) -> None:
    done = refused(**{"PORT": "0", name: value})
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert f"RINGOUT_SIMULATOR_{name} " in line
    assert should in line


def test_it_shares_no_code_with_the_product() -> None:
    check = (
        "import sys, simulator.__main__;"
        "print([name for name in sys.modules if name.split('.')[0] in ('orchestrator', 'workers')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
