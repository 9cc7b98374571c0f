"""The command: start in order, say where everything is, wait, end in the reverse order."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from orchestrator.cli.ending import FAILED, WRONG, Ended
from orchestrator.cli.up import banner, embedded, probes
from orchestrator.cli.up.children import Child, Children
from orchestrator.cli.up.plan import Plan, planned
from orchestrator.cli.up.screen import Screen

_READY_WITHIN_S = 30.0
_PROBED_EVERY_S = 0.05
_CLI = (sys.executable, "-P", "-m", "orchestrator.cli")
_SIMULATOR = (sys.executable, "-P", "-m", "simulator")
_FRONT = ("rest", "mcp", "worker")
_BEHIND = ("simulator", "redis")
"""What the front needs until its end."""


async def run(environment: Mapping[str, str]) -> int:
    """Everything, until Ctrl-C or SIGTERM; the exit code, 0 after either of them."""
    plan = planned(environment, is_terminal=sys.stderr.isatty())
    told, hurry = asyncio.Event(), asyncio.Event()
    _heed_signals(told, hurry)
    screen = Screen()
    children = Children(screen, hurry)
    with ExitStack() as folders:
        await children.guard()
        try:
            return await _Up(plan, screen, children, folders).until(told)
        finally:
            await children.stop(_FRONT)
            for name in _BEHIND:
                await children.stop((name,))
            folders.close()
            await children.unguard()


def _heed_signals(told: asyncio.Event, hurry: asyncio.Event) -> None:
    def heed() -> None:
        (hurry if told.is_set() else told).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, heed)


@dataclass(frozen=True, slots=True)
class _Up:
    """One run: what is planned, and where it has got to."""

    plan: Plan
    screen: Screen
    children: Children
    folders: ExitStack

    async def until(self, told: asyncio.Event) -> int:
        """Starts everything and answers the exit code once it is to end."""
        starting = asyncio.create_task(self._start())
        lost = asyncio.create_task(self.children.lost.get())
        enough = [asyncio.create_task(event.wait()) for event in (told, self.screen.closed)]
        try:
            await _first_of(starting, lost, *enough)
            if starting.done() and not lost.done():
                starting.result()
                await _first_of(lost, *enough)
            if lost.done():
                return self._told_of(lost.result())
            self.screen.tell("Ending everything; once more, and it is killed.")
            return 0
        finally:
            for task in (starting, lost, *enough):
                task.cancel()

    def _told_of(self, child: Child) -> int:
        code = child.ended.result()
        child.confess()
        self.screen.warn(f"{child.name} ended unexpectedly (exit code {code}); ending the others")
        return WRONG if code == WRONG else FAILED

    async def _start(self) -> None:
        environment = dict(self.plan.environment)
        if self.plan.embedded:
            environment["REDIS_URL"] = await self._embedded()
        else:
            await probes.require_redis(self.plan.settings)
        ready: list[Awaitable[None]] = []
        if self.plan.simulator is not None:
            simulator = await self.children.start("simulator", _SIMULATOR, environment)
            ready.append(_until("the simulator", lambda: probes.has_said(simulator, "listening")))
        for name in _FRONT:
            child = await self.children.start(name, (*_CLI, name), environment)
            ready.append(_until(name, self._probe(child)))
        await asyncio.gather(*ready)
        self.screen.tell(banner.text(self.plan, environment["REDIS_URL"]))

    def _probe(self, child: Child) -> "_Probe":
        if child.name == "rest":
            return lambda: probes.answers(self.plan.rest, "/readyz")
        if child.name == "mcp":
            return lambda: probes.answers(self.plan.mcp, "/readyz")
        return lambda: probes.has_said(child, "ready")

    async def _embedded(self) -> str:
        server = self.folders.enter_context(embedded.prepared())
        self.children.remember(server.folder)
        await self.children.start(
            "redis", server.command, self.plan.environment, stdin=server.configuration, quiet=True
        )
        await _until("the embedded server", server.is_ready)
        return server.url


_Probe = Callable[[], Awaitable[bool]]


async def _until(what: str, is_ready: _Probe) -> None:
    try:
        async with asyncio.timeout(_READY_WITHIN_S):
            while True:
                if await is_ready():
                    return
                await asyncio.sleep(_PROBED_EVERY_S)
    except TimeoutError as error:
        raise Ended(f"{what} was not ready within {_READY_WITHIN_S:.0f} s") from error


async def _first_of(*tasks: asyncio.Task[object]) -> None:
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
