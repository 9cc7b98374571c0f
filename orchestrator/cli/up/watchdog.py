"""Ends what `ringout up` started when `up` itself is gone, killed so that it could not.

A program of its own, run by its path with the standard library only. Its standard input is a pipe
that only `up` holds; a line a fact: `started PID`, `ended PID`, `folder PATH`. The pipe's end is
the end of `up`: then what has started and not ended gets SIGTERM, SIGKILL after a while, and the
folders are removed. Each process leads a group of its own, and it is the group that is ended.
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable

_PATIENCE_S = 10.0
_EVERY_S = 0.05


def main() -> None:
    """Waits for the end of standard input, then ends and removes what is left."""
    running, folders = _facts(sys.stdin)
    _end(running)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _facts(lines: Iterable[str]) -> tuple[set[int], set[str]]:
    running: set[int] = set()
    folders: set[str] = set()
    for line in lines:
        fact, _, what = line.rstrip("\n").partition(" ")
        if fact == "started":
            running.add(int(what))
        elif fact == "ended":
            running.discard(int(what))
        elif fact == "folder":
            folders.add(what)
    return running, folders


def _end(groups: set[int]) -> None:
    left = {group for group in groups if _signalled(group, signal.SIGTERM)}
    give_up = time.monotonic() + _PATIENCE_S
    while left and time.monotonic() < give_up:
        time.sleep(_EVERY_S)
        left = {group for group in left if _signalled(group, 0)}
    for group in left:
        _signalled(group, signal.SIGKILL)


def _signalled(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    main()
