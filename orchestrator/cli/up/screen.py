"""What a person sees of `ringout up`: its own lines, and each process's behind its name."""

import asyncio
import sys
from typing import TextIO

_NAME_WIDTH = 9


class Screen:
    """Writes lines; `closed` is set once nobody reads them any more."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()

    def tell(self, text: str) -> None:
        """Text of our own, to stdout."""
        self._write(text, sys.stdout)

    def warn(self, text: str) -> None:
        """What went wrong, to stderr."""
        self._write(f"ringout: {text}", sys.stderr)

    def relay(self, name: str, line: str, stream: TextIO) -> None:
        """A line of a process's, to the stream that it came from."""
        self._write(f"{name:<{_NAME_WIDTH}}| {line}", stream)

    def _write(self, text: str, stream: TextIO) -> None:
        try:
            stream.write(f"{text}\n")
            stream.flush()
        except (OSError, ValueError):
            self.closed.set()
