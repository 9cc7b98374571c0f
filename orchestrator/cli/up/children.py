"""The processes that `ringout up` starts: what they say, their end, and nobody left behind."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from orchestrator.cli.up.screen import Screen

_WATCHDOG = Path(__file__).with_name("watchdog.py")
_LONGEST_LINE = 1 << 20
_LINES_KEPT = 20
_DRAINED_WITHIN_S = 31.0
"""A process that drains takes up to 30 s."""


class Child:
    """A process that was started; it leads a group of its own, so that Ctrl-C reaches `up` alone.

    `said` is what it said last on stdout; `ended` answers its exit code.
    """

    def __init__(self, name: str, process: Process, screen: Screen, *, quiet: bool) -> None:
        self.name = name
        self.process = process
        self.said: deque[str] = deque(maxlen=_LINES_KEPT)
        self._screen = screen
        self._quiet = quiet
        self._streams = [
            asyncio.create_task(self._relay(process.stdout, sys.stdout, self.said)),
            asyncio.create_task(self._relay(process.stderr, sys.stderr, deque(maxlen=1))),
        ]
        self.ended = asyncio.create_task(self._end())

    async def stop(self, hurry: asyncio.Event) -> None:
        """SIGTERM, and SIGKILL where that has not ended it in time, or there is a hurry."""
        if self.process.returncode is None:
            self.process.terminate()
        hurrying = asyncio.create_task(hurry.wait())
        waiting = (self.ended, hurrying)
        await asyncio.wait(waiting, timeout=_DRAINED_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        hurrying.cancel()
        if not self.ended.done():
            self._screen.warn(f"{self.name} did not end by itself")
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.ended

    def confess(self) -> None:
        """Shows what a quiet process said last."""
        for line in self.said if self._quiet else ():
            self._screen.relay(self.name, line, sys.stderr)

    async def _end(self) -> int:
        code = await self.process.wait()
        await asyncio.gather(*self._streams)
        return code

    async def _relay(
        self, source: asyncio.StreamReader | None, to: TextIO, kept: deque[str]
    ) -> None:
        while source is not None:
            try:
                line = await source.readline()
            except ValueError:
                continue
            if not line:
                return
            text = line.decode(errors="replace").rstrip("\n")
            kept.append(text)
            if not self._quiet:
                self._screen.relay(self.name, text, to)


class Children:
    """All processes of one `up`. They end with it, even where it is killed."""

    def __init__(self, screen: Screen, hurry: asyncio.Event) -> None:
        self._screen = screen
        self._hurry = hurry
        self._watchdog: Process | None = None
        self._running: dict[str, Child] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.lost: asyncio.Queue[Child] = asyncio.Queue()
        """Processes that ended though nobody had told them to."""

    async def guard(self) -> None:
        """Starts the watchdog, to be told of everything that is to end with this process."""
        self._watchdog = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", str(_WATCHDOG), stdin=PIPE, start_new_session=True
        )

    def remember(self, folder: Path) -> None:
        """A folder that is to go when this process does."""
        self._report(f"folder {folder}")

    async def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        stdin: bytes | None = None,
        quiet: bool = False,
    ) -> Child:
        """Starts a process, and relays what it says unless it is to be `quiet`; `stdin` is all
        that it gets to read."""
        process = await asyncio.create_subprocess_exec(
            *command,
            env=dict(environment),
            stdin=DEVNULL if stdin is None else PIPE,
            stdout=PIPE,
            stderr=PIPE,
            start_new_session=True,
            limit=_LONGEST_LINE,
        )
        self._report(f"started {process.pid}")
        if stdin is not None and process.stdin is not None:
            process.stdin.write(stdin)
            process.stdin.close()
        child = self._running[name] = Child(name, process, self._screen, quiet=quiet)
        watching = asyncio.create_task(self._outlive(child))
        self._tasks.add(watching)
        watching.add_done_callback(self._tasks.discard)
        return child

    async def stop(self, names: Collection[str] | None = None) -> None:
        """Ends the processes of these names, or all, at the same time."""
        ending = [
            self._running.pop(name)
            for name in list(self._running)
            if names is None or name in names
        ]
        await asyncio.gather(*(child.stop(self._hurry) for child in ending))
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=0)

    async def unguard(self) -> None:
        """Lets the watchdog go; there is nothing left for it to do."""
        if self._watchdog is not None and self._watchdog.stdin is not None:
            self._watchdog.stdin.close()
            await self._watchdog.wait()

    async def _outlive(self, child: Child) -> None:
        await child.ended
        self._report(f"ended {child.process.pid}")
        if self._running.get(child.name) is child:
            self.lost.put_nowait(child)

    def _report(self, fact: str) -> None:
        if self._watchdog is not None and self._watchdog.stdin is not None:
            self._watchdog.stdin.write(f"{fact}\n".encode())
