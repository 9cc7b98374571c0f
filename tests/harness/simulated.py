"""The simulator's admin routes, as a test uses them."""

from typing import Any

import aiohttp


class Simulated:
    """A running simulator, by its URL."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.url = url
        self._session = session

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        async with self._session.request(method, self.url + path, json=body) as response:
            if response.status >= 300:
                raise AssertionError(f"{method} {path}: {response.status} {await response.text()}")
            return await response.json() if response.status != 204 else None

    async def dialled(self, to: str | None = None) -> list[dict[str, Any]]:
        """The ledger of what was dialled."""
        query = "" if to is None else "?to=" + to.replace("+", "%2B")
        ledger = await self._ask("GET", f"/__sim/calls{query}")
        calls: list[dict[str, Any]] = ledger["calls"] if isinstance(ledger, dict) else ledger
        return calls

    async def hang_up(self, ringout_id: str) -> None:
        """Ends a conversation, as one of the two would."""
        await self._ask("POST", "/__sim/hangup", {"id": ringout_id})

    async def fault(self, **fault: Any) -> None:
        """One more fault."""
        await self._ask("POST", "/__sim/faults", fault)

    async def no_faults(self) -> None:
        """Normal again."""
        await self._ask("DELETE", "/__sim/faults")

    async def tune(self, **settings: Any) -> None:
        """Other settings from now on."""
        await self._ask("POST", "/__sim/settings", settings)

    async def stats(self) -> dict[str, Any]:
        """Counts since the start."""
        answer: dict[str, Any] = await self._ask("GET", "/__sim/stats")
        return answer

    async def requests(self, since: int = 0) -> list[dict[str, Any]]:
        """Every request received."""
        journal = await self._ask("GET", f"/__sim/requests?since={since}")
        rows: list[dict[str, Any]] = journal["requests"] if isinstance(journal, dict) else journal
        return rows
