"""Processes that share a store, and the server that they log in at."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

from orchestrator.telephony.auth import JwtTokens
from tests.integration.telephony.world import (
    ManualClock,
    MemoryBudget,
    MemoryTokens,
    OddServer,
    Received,
    Reply,
    Script,
    odd_server,
    reply,
)

LIFE = 1000
SECRET = "hidden-secret"


@dataclass
class App:
    """Processes that share a store, and the server that they log in at."""

    server: OddServer
    clock: ManualClock = field(default_factory=ManualClock)
    store: MemoryTokens = field(default_factory=MemoryTokens)
    budget: MemoryBudget = field(default_factory=MemoryBudget)

    def process(self, secret: str = SECRET, patience: float = 5.0) -> JwtTokens:
        return JwtTokens(
            server_url=self.server.url,
            client_id="app",
            client_secret=secret,
            jwt="hidden-jwt",
            store=self.store,
            budget=self.budget,
            timeout=patience,
            clock=self.clock,
        )

    @property
    def logins(self) -> int:
        return len(self.server.received)


def granting() -> Script:
    """A new token for each login: token-1, token-2, …"""
    numbers = count(1)

    def script(_request: Received) -> Reply:
        body = {"access_token": f"token-{next(numbers)}", "expires_in": LIFE}
        return reply(200, body)

    return script


@asynccontextmanager
async def app(script: Script | None = None) -> AsyncIterator[App]:
    clock = ManualClock()
    async with odd_server(script or granting()) as server:
        yield App(server, clock, MemoryTokens(clock), MemoryBudget(clock, logins_a_minute=4))
