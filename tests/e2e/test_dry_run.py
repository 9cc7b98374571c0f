"""A dry run says why the call would wait, as the call says it then."""

from typing import Any

import pytest

from orchestrator.domain.access import HOUSE, Principal, Scope
from orchestrator.domain.calls import Reason
from orchestrator.runtime import FrontEnd, now
from orchestrator.service.models import parsed
from orchestrator.service.wishes import Wish
from orchestrator.storage.pauses import Pauses
from orchestrator.storage.records import from_json
from tests.harness.processes import Fleet
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

ONE, OTHER = (Principal(name, name, frozenset({Scope.CREATE})) for name in ("key_1", "key_2"))


def _soon() -> dict[str, Any]:
    """Hours that begin in ten minutes."""
    minute = now() // 60_000
    begin, end = (f"{at // 60:02}:{at % 60:02}" for at in ((minute + m) % 1440 for m in (10, 20)))
    return {"allowedHours": {"from": begin, "to": end, "timeZone": "Etc/UTC"}, "expiresIn": 3600}


class Wishes:
    """Asks for calls, in earnest and not."""

    def __init__(self, front: FrontEnd) -> None:
        self._front = front
        self.pauses = Pauses(front.backend.commands)

    async def _accepted(self, asker: Principal, **more: Any) -> Any:
        body = {"from": {"phoneNumber": "+16505550100"}, "to": {"phoneNumber": "+16505550123"}}
        accepted = await self._front.service.accept(asker, Wish(parsed({**body, **more})))
        return from_json(accepted.snapshot.document)

    async def would_wait(self, asker: Principal, **more: Any) -> dict[str, str] | None:
        """What a dry run says."""
        told = (await self._accepted(asker, validateOnly=True, **more))["validateOnly"]
        assert told["outcome"] == "accepted"
        waits: dict[str, str] | None = told["waits"]
        return waits

    async def waits(self, asker: Principal, **more: Any) -> dict[str, str]:
        """What the call says once a worker has seen it."""
        call_id = (await self._accepted(asker, **more))["id"]

        async def reason() -> Reason | None:
            record = await self._front.backend.store.record(call_id)
            return record.call.reason if record else None

        found: Reason = await wait_until(reason)
        return {"code": found.code, "message": found.message}


@pytest.fixture
def wishes(fleet: Fleet, simulated: Simulated, front: FrontEnd) -> Wishes:
    fleet.worker()
    return Wishes(front)


async def test_while_the_house_is_paused(wishes: Wishes) -> None:
    assert await wishes.would_wait(HOUSE) is None
    await wishes.pauses.begin(None, "fire drill", "x", now())

    told = await wishes.would_wait(HOUSE)

    assert told == {"code": "paused", "message": "Placing has been paused: fire drill"}
    assert told == await wishes.waits(HOUSE)
    await wishes.pauses.end(None)
    assert await wishes.would_wait(ONE) is None


async def test_while_the_key_that_asks_is_paused(wishes: Wishes) -> None:
    await wishes.pauses.begin(ONE.owner, "", "x", now())

    told = await wishes.would_wait(ONE)

    assert told == {"code": "paused", "message": "Placing has been paused."}
    assert told == await wishes.waits(ONE)
    assert await wishes.would_wait(OTHER) is None


async def test_before_its_hours(wishes: Wishes) -> None:
    hours = _soon()

    told = await wishes.would_wait(HOUSE, **hours)

    assert told is not None
    assert told["code"] == "outside_allowed_hours"
    assert told == await wishes.waits(HOUSE, **hours)
    await wishes.pauses.begin(None, "", "x", now())
    assert (await wishes.would_wait(HOUSE, **hours) or {})["code"] == "paused"
