"""`python -m simulator`: serves until SIGTERM or SIGINT, then exits 0.

Exits 2 for a setting that is unknown or malformed, 1 where it cannot listen; one line says why.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable

from simulator.app import serving
from simulator.settings import SettingsRefused, SimulatorSettings, from_environment


def main() -> int:
    """Runs one simulator as the environment says; answers the exit code."""
    try:
        settings = from_environment(os.environ)
    except SettingsRefused as error:
        return _failed(str(error), 2)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(settings))
    except OSError as error:
        return _failed(f"cannot listen on {settings.host}:{settings.port}: {error}", 1)
    return 0


async def _serve(settings: SimulatorSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with serving(settings) as simulator:
        sys.stdout.write(f"simulator listening on {simulator.url}\n")
        sys.stdout.flush()
        await stop.wait()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415  (not there on every platform)
    except ImportError:
        return None
    return uvloop.new_event_loop


def _failed(reason: str, code: int) -> int:
    sys.stderr.write(f"simulator: {reason}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
