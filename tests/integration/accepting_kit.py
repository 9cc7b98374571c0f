"""A house that accepts calls by its rules, on a real server."""

from redis.asyncio import Redis

from orchestrator.domain.access import HOUSE, Principal, Quota, Scope
from orchestrator.domain.clock import Clock
from orchestrator.jobs import follow_ups
from orchestrator.runtime import now
from orchestrator.service.accepting import Accepted, Accepting, ServiceOptions
from orchestrator.service.destinations import Destinations
from orchestrator.service.how_often import HowOften
from orchestrator.service.models import parsed
from orchestrator.service.whom import Whom
from orchestrator.service.wishes import Wish
from orchestrator.storage import keys
from orchestrator.storage.calls import CallStore, StoreOptions
from orchestrator.storage.connection import WORKER, Commands
from orchestrator.storage.digests import Digests
from tests.integration.test_service import Payers

FROM, TO = "+16505550100", "+16505550123"
HOURS = (Quota(1, 60), Quota(3, 900), Quota(5, 3600))


def asker(owner: str, *quotas: Quota) -> Principal:
    """A key."""
    return Principal(owner, f"the {owner}", frozenset({Scope.CREATE}), quotas=quotas)


class House:
    """Accepts calls by its rules; `accept` with fewer words."""

    def __init__(self, redis: Redis, clock: Clock = now) -> None:
        self.redis, self.clock = redis, clock
        self.commands = Commands(redis, WORKER)
        self.store = CallStore(self.commands, clock, follow_ups(), StoreOptions())
        self.digests = Digests(self.commands, "k" * 32)
        self.often = HowOften()

    async def accept(
        self,
        to: str = TO,
        caller: str | None = FROM,
        by: Principal = HOUSE,
        key: str | None = None,
        **more: object,
    ) -> Accepted:
        """Asks for a call."""
        body = {"to": {"phoneNumber": to}, **more}
        if caller is not None:
            body["from"] = {"phoneNumber": caller}
        return await self.accepting().accept(by, Wish(parsed(body), idempotency_key=key, via="mcp"))

    def accepting(self) -> Accepting:
        """What accepts calls by the rules as they are now."""
        whom = Whom(Destinations(frozenset({"US"})), self.digests)
        options = ServiceOptions(base_url="http://x")
        return Accepting(self.store, Payers(), whom, self.clock, options, self.often)

    async def windows(self) -> list[str]:
        """The keys that count."""
        found = await self.redis.keys(f"{keys.PREFIX}velocity:*")
        return sorted(key.decode() for key in found)

    async def ago(self, seconds: float) -> None:
        """Whatever was counted was counted so much earlier."""
        for key in await self.windows():
            for member, score in await self.redis.zrange(key, 0, -1, withscores=True):
                await self.redis.zadd(key, {member: score - 1000 * seconds})

    async def audited(self) -> int:
        """How many entries the audit stream has."""
        return int(await self.redis.xlen(keys.AUDIT))
