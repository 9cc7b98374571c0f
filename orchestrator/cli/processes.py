"""`ringout up`, and the processes it is made of: rest, mcp, worker and simulator."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import Any, TypeVar

import typer

from orchestrator import logs, settings
from orchestrator.settings import Settings

Answer = TypeVar("Answer")

SIMULATOR = (sys.executable, "-P", "-m", "simulator")


_PROCESSES = {
    "rest": "orchestrator.rest.app",
    "mcp": "orchestrator.mcp.server",
    "worker": "workers.main",
}
"""Where each process's `async def run(settings)` is."""


def add_to(app: typer.Typer) -> None:
    """Adds these commands to the command line."""
    app.command()(up)
    app.command()(rest)
    app.command()(mcp)
    app.command()(worker)
    app.command()(simulator)


def up() -> None:
    """Start everything here until Ctrl-C: an embedded Redis-compatible server where REDIS_URL is
    not set, a simulated RingCentral where no credential is set, REST, MCP and a worker."""
    run_up = import_module("orchestrator.cli.up").run
    raise typer.Exit(in_loop(run_up(os.environ)))


def rest() -> None:
    """Run the REST front end."""
    _run("rest")


def mcp() -> None:
    """Run the MCP front end."""
    _run("mcp")


def worker() -> None:
    """Run a worker."""
    _run("worker")


def simulator() -> None:
    """Run a simulated RingCentral."""
    os.execv(SIMULATOR[0], SIMULATOR)  # ours, no shell  # noqa: S606  # nosec B606


def in_loop(work: Coroutine[Any, Any, Answer]) -> Answer:
    """What `work` answers, run in a loop of its own."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(work)


def _run(name: str) -> None:
    chosen = settings.load()
    settings.require_credentials(chosen)
    logs.configure(chosen.log_level, chosen.log_format)
    run: Callable[[Settings], Coroutine[Any, Any, None]] = import_module(_PROCESSES[name]).run
    in_loop(run(chosen))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        factory: Callable[[], asyncio.AbstractEventLoop] = import_module("uvloop").new_event_loop
    except ImportError:
        return None
    return factory
