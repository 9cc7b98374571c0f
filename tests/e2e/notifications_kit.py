"""What the tests of RingCentral's notifications share."""

from typing import Any

from orchestrator.runtime import FrontEnd
from orchestrator.storage import notice_keys
from tests.harness.clients import accept, reaches
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

CALLEE = "+16505550126"
SCOPE = (
    "ReadAccounts ReadCallLog ReadPresence RingOut "
    "CallControl SubscriptionWebhook WebSocketsSubscription"
)
RARELY = {"RINGOUT_NOTIFICATIONS": "websocket", "RINGOUT_CADENCE_FACTOR": "10"}
"""The first look at a call after 7 s, the next 10 s later and, while notifications come, 60 s: what
is seen within a few seconds was seen by a notice."""

SOON_S = 6.0
"""Before the first look that is not hurried."""

QUICK = {"leg1_ring": 1, "leg2_ring": 1, "talk": 6000, "target_leg": "report"}
"""Answered within a fifth of a second, on a clock ten times as fast; both phones are told of."""


async def feed(front: FrontEnd, credential: str = "default") -> dict[str, str]:
    """How a credential's feed stands, as Redis shows it."""
    found = await front.backend.commands.execute("HGETALL", notice_keys.feed(credential))
    return {name.decode(): value.decode() for name, value in found.items()}


async def stands(
    front: FrontEnd, *states: str, credential: str = "default", seconds: float = 20.0
) -> dict[str, str]:
    """The feed once it is in one of the states."""

    async def is_there() -> dict[str, str] | None:
        found = await feed(front, credential)
        return found if found.get("state") in states else None

    found: dict[str, str] = await wait_until(is_there, seconds)
    return found


async def subscriptions(simulated: Simulated) -> list[dict[str, Any]]:
    """The subscriptions at the simulator, with their counts."""
    answer = await simulated._ask("GET", "/__sim/subscriptions")
    rows: list[dict[str, Any]] = answer["subscriptions"] if isinstance(answer, dict) else answer
    return rows


async def sockets(simulated: Simulated) -> int:
    """How many WebSockets there are."""
    answer = await simulated._ask("GET", "/__sim/sockets")
    count: int = answer["sockets"]
    return count


async def drop(simulated: Simulated, *, forget: bool = False) -> None:
    """Breaks all WebSockets now."""
    await simulated._ask("POST", "/__sim/sockets/drop", {"how": "abort", "forget": forget})


async def hang_up(simulated: Simulated, to: str = CALLEE) -> None:
    """Ends the one call to a number that goes on."""
    [dialled] = [one for one in await simulated.dialled(to) if one["state"] != "ended"]
    await simulated._ask("POST", "/__sim/hangup", {"id": dialled["id"]})


async def asked(simulated: Simulated, operation: str) -> int:
    """How many requests of a kind RingCentral has had."""
    return sum(row["operation"] == operation for row in await simulated.requests())


async def conversation(front: FrontEnd, to: str = CALLEE, seconds: float = SOON_S) -> str:
    """A call that is connected."""
    call_id = await accept(front, to)
    await reaches(front, call_id, "connected", seconds=seconds)
    return call_id
