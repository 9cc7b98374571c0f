"""The feeds of several credentials, shared out among the workers."""

import json
from pathlib import Path

import pytest

from orchestrator.domain.access import HOUSE
from orchestrator.runtime import FrontEnd
from orchestrator.storage import notice_keys
from tests.e2e.credentials_kit import accept, entry, extension_id
from tests.e2e.notifications_kit import QUICK, SCOPE, asked, feed, sockets, stands
from tests.harness.processes import Fleet
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

DESKS = ("desk-1", "desk-2")


@pytest.fixture
async def telling(fleet: Fleet, simulated: Simulated, tmp_path: Path) -> Simulated:
    """A simulator that tells of the calls of two extensions, each with its own credential."""
    await simulated.tune(scope=SCOPE, **QUICK)
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps([entry(1), entry(2)]), encoding="utf-8")
    fleet.environment |= {
        "RINGOUT_CREDENTIALS_FILE": str(path),
        "RINGOUT_NOTIFICATIONS": "websocket",
    }
    del fleet.environment["RINGCENTRAL_API_KEY"]
    return simulated


async def holder(front: FrontEnd, credential: str) -> bytes | None:
    found: bytes | None = await front.backend.commands.execute(
        "GET", notice_keys.listening(credential)
    )
    return found


async def placed(front: FrontEnd, number: int) -> None:
    """A call of the Nth extension is connected, and its feed there."""
    call_id = await accept(front, number, f"+1650555500{number}")
    await connected(front, number, call_id)
    await stands(front, "listening", credential=f"desk-{number}")


async def connected(front: FrontEnd, number: int, call_id: str) -> None:
    """Waits until a call of the Nth extension is connected."""

    async def is_connected() -> bool:
        glance = await front.service.read(HOUSE, "~", extension_id(number), call_id)
        return bool(json.loads(glance.snapshot.document)["state"] == "connected")

    await wait_until(is_connected)


async def test_a_credential_is_listened_to_from_its_first_login_on(
    fleet: Fleet, telling: Simulated, front: FrontEnd
) -> None:
    fleet.worker()
    await placed(front, 1)
    assert await feed(front, "desk-2") == {}
    assert await asked(telling, "wstoken") == 1
    assert await asked(telling, "token") == 1


async def test_two_workers_listen_to_one_each(
    fleet: Fleet, telling: Simulated, front: FrontEnd
) -> None:
    first = fleet.worker()
    for number in (1, 2):
        await placed(front, number)
    assert len({await holder(front, desk) for desk in DESKS}) == 1
    fleet.worker()

    async def are_shared() -> bool:
        return len({await holder(front, desk) for desk in DESKS} - {None}) == 2

    await wait_until(are_shared, 30)
    first.terminate()

    async def are_back() -> bool:
        return len({await holder(front, desk) for desk in DESKS} - {None}) == 1

    await wait_until(are_back, 30)
    for desk in DESKS:
        await stands(front, "listening", credential=desk)
    assert await sockets(telling) == 2
