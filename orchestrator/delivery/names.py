"""Names looked up so that one that nobody answers for keeps no other waiting.

The system's look-up blocks a thread for as long as a name's servers are silent, half a minute with
some, and an event loop has few threads for it, which everything in the process shares. Here each
name under way has a thread of its own.
"""

import asyncio
import socket
from contextlib import suppress
from threading import Thread
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

MOST_UNDER_WAY = 200
Found = list[tuple[Any, ...]]


class Names(AbstractResolver):
    """Asks once for a name, however many want it at a time; what is found is not kept."""

    def __init__(self, most: int = MOST_UNDER_WAY) -> None:
        self._most = most
        self._asked: dict[str, asyncio.Future[Found]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The name's addresses; OSError where there are none, or too many names are silent."""
        asked = self._asked.get(host)
        if asked is None:
            if len(self._asked) >= self._most:
                raise socket.gaierror(socket.EAI_AGAIN, "too many names are being looked up")
            asked = self._ask(host)
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in await asyncio.shield(asked)
            if family in (socket.AF_UNSPEC, kind)
        ]

    async def close(self) -> None:
        """Leaves what is under way to itself."""

    def _ask(self, host: str) -> asyncio.Future[Found]:
        loop = asyncio.get_running_loop()
        asked: asyncio.Future[Found] = loop.create_future()
        self._asked[host] = asked
        asked.add_done_callback(lambda _: self._asked.pop(host, None))
        # A daemon: an executor's threads are waited for when the process ends.
        Thread(target=_look_up, args=(host, loop, asked), daemon=True).start()
        return asked


def _look_up(host: str, loop: asyncio.AbstractEventLoop, asked: asyncio.Future[Found]) -> None:
    found: Found | OSError
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except OSError as error:
        found = error
    except UnicodeError:
        found = socket.gaierror(socket.EAI_NONAME, "not a name")
    with suppress(RuntimeError):  # the loop is closed: nobody waits
        loop.call_soon_threadsafe(_tell, asked, found)


def _tell(asked: asyncio.Future[Found], found: Found | OSError) -> None:
    if asked.done():
        return
    if isinstance(found, OSError):
        asked.set_exception(found)
        asked.exception()  # whoever asked may be gone
    else:
        asked.set_result(found)
