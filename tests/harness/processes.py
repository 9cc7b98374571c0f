"""The product's processes, started as an operator would and ended by their own ids."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.harness import output

ROOT = Path(__file__).resolve().parents[2]
_MINE = ("RINGOUT_", "RC_", "RINGCENTRAL_", "REDIS_")
CLI = [sys.executable, "-c", "from orchestrator.cli import main; main()"]
SIMULATOR = [sys.executable, "-m", "simulator"]

LENIENT = {
    "RINGOUT_REGIONS": "US,GB,DE",
    "RINGOUT_VELOCITY_CALLEE": "off",
    "RINGOUT_DOUBLE_CLICK": "0",
    "RINGOUT_MCP_CONFIRMATION": "off",
}
"""Rules for tests of other things, which call the same few phones over and over."""


class Process:
    """A process; its output is kept, a line at a time."""

    def __init__(self, command: list[str], environment: Mapping[str, str]) -> None:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(_MINE)
        }
        self.command = command
        self.lines: list[str] = []
        self.errors: list[str] = []
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**inherited, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._readers = [
            threading.Thread(target=self._keep, args=(stream, kept), daemon=True)
            for stream, kept in (
                (self._process.stdout, self.lines),
                (self._process.stderr, self.errors),
            )
            if stream is not None
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _keep(stream: Iterable[str], kept: list[str]) -> None:
        kept.extend(line.rstrip("\n") for line in stream)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._process.poll()

    def line_with(self, text: str, seconds: float = 20.0) -> str:
        """The first line of its output that holds `text`."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            for line in list(self.lines):
                if text in line:
                    return line
            if self._process.poll() is not None:
                break
            time.sleep(0.01)
        raise AssertionError(f"no {text!r}; out: {self.lines}; err: {self.errors[-20:]}")

    def terminate(self, seconds: float = 30.0) -> int:
        """SIGTERM; its exit code."""
        return self._end(signal.SIGTERM, seconds)

    def kill(self) -> int:
        """SIGKILL; its exit code."""
        return self._end(signal.SIGKILL, 10.0)

    def send(self, number: signal.Signals) -> None:
        """A signal, to this process alone."""
        self._process.send_signal(number)

    def _end(self, number: signal.Signals, seconds: float) -> int:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(number)
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
            raise AssertionError(
                f"did not end within {seconds} s; err: {self.errors[-20:]}"
            ) from None
        for reader in self._readers:
            reader.join(5)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        return code


class Fleet:
    """Starts processes with a common environment; `close` ends those that still run."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = {**LENIENT, **environment}
        self._processes: list[Process] = []

    def _start(self, command: list[str], more: Mapping[str, str]) -> Process:
        process = Process(command, {**self.environment, **more})
        self._processes.append(process)
        return process

    def simulator(self, **more: str) -> Process:
        """A simulator on a free port; RC_SERVER_URL and the key are set for those that follow."""
        process = self._start(SIMULATOR, {"RINGOUT_SIMULATOR_PORT": "0", **more})
        url = process.line_with("simulator listening on").rsplit(" ", 1)[1]
        self.environment |= {"RC_SERVER_URL": url, "RINGCENTRAL_API_KEY": "simulator-key"}
        return process

    def worker(self, **more: str) -> Process:
        """A worker that is at work."""
        process = self._start([*CLI, "worker"], more)
        process.line_with("worker ready")
        return process

    def command(self, *arguments: str, **more: str) -> Process:
        """Any `ringout` command."""
        return self._start([*CLI, *arguments], more)

    def run(self, command: list[str], **more: str) -> Process:
        """Any other program."""
        return self._start(command, more)

    def close(self) -> None:
        """Ends what still runs; AssertionError where one of them has shown a number or a secret."""
        for process in self._processes:
            if process.code is None:
                process.kill()
            else:
                process.terminate()
        shown = [
            line
            for process in self._processes
            if process.command[: len(CLI)] == CLI
            for line in output.faults([*process.lines, *process.errors], process.command)
        ]
        assert not shown, "\n".join(shown[:20])
