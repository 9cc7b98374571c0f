"""RingCentral's notifications by webhook: a subscription that is looked after, and a door that
opens to RingCentral alone."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import aiohttp
import pytest

from orchestrator.rest.problems import SAFE
from orchestrator.runtime import FrontEnd
from orchestrator.settings import Settings
from orchestrator.settings.derived import notification_secret
from tests.e2e.notifications_kit import (
    QUICK,
    RARELY,
    SCOPE,
    SOON_S,
    asked,
    conversation,
    feed,
    hang_up,
    stands,
    subscriptions,
)
from tests.harness.clients import reaches
from tests.harness.processes import Fleet
from tests.harness.raw import sent
from tests.harness.redis import free_port
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

PATH = "/v1/ringcentral/notifications/default"
OFTEN = {"RINGOUT_CADENCE_FACTOR": "0.02"}
"""The subscription is looked after every 1.2 s."""


@pytest.fixture
async def telling(simulated: Simulated) -> Simulated:
    """A simulator whose app may be told of everything."""
    await simulated.tune(scope=SCOPE, **QUICK)
    return simulated


@pytest.fixture
def address(fleet: Fleet) -> str:
    """Where REST is to listen, and all processes know it."""
    port = str(free_port())
    url = f"http://127.0.0.1:{port}"
    fleet.environment |= {
        "RINGOUT_NOTIFICATIONS": "webhook",
        "RINGOUT_PUBLIC_URL": url,
        "RINGOUT_REST_PORT": port,
    }
    return url


Start = Callable[[], Any]


@pytest.fixture
def rest(fleet: Fleet, telling: Simulated, address: str) -> Start:
    """Starts REST."""

    def start() -> Any:
        process = fleet.command("rest")
        process.line_with("rest listening on")
        return process

    return start


async def test_what_happens_is_seen_by_notices(
    fleet: Fleet, telling: Simulated, rest: Start, front: FrontEnd
) -> None:
    rest()
    fleet.worker(**{**RARELY, "RINGOUT_NOTIFICATIONS": "webhook"})
    standing = await stands(front, "listening")
    [one] = await subscriptions(telling)
    assert standing["subscription"] == f"rc_{one['id']}"
    call_id = await conversation(front)
    read = await asked(telling, "status")
    await hang_up(telling)
    await reaches(front, call_id, "ended", seconds=SOON_S)
    assert await asked(telling, "status") <= read + 2
    assert (await feed(front))["lastEvent"]


async def test_a_subscription_outlives_its_workers_and_there_is_one(
    fleet: Fleet, telling: Simulated, rest: Start, front: FrontEnd
) -> None:
    rest()
    first = fleet.worker(**OFTEN)
    await stands(front, "listening")
    [before] = await subscriptions(telling)
    first.kill()
    fleet.worker(**OFTEN)
    looked = await asked(telling, "subscription")

    async def is_looked_after() -> bool:
        return await asked(telling, "subscription") > looked + 1

    await wait_until(is_looked_after, 40)
    [after] = await subscriptions(telling)
    assert after["id"] == before["id"]


async def test_a_blacklisted_subscription_is_made_anew(
    fleet: Fleet, telling: Simulated, rest: Start, front: FrontEnd
) -> None:
    """REST is away for a while; what happened meanwhile is looked for."""
    await telling.tune(blacklist_failures=1, blacklist_after=0)
    process = rest()
    fleet.worker(**OFTEN)
    await stands(front, "listening")
    call_id = await conversation(front)
    [before] = await subscriptions(telling)
    process.terminate()
    await hang_up(telling)
    await reaches(front, call_id, "ended")

    async def is_gone() -> bool:
        return before["id"] not in [one["id"] for one in await subscriptions(telling)]

    await wait_until(is_gone)
    assert (await stands(front, "lost"))["detail"] == "SUB-521"
    rest()
    await stands(front, "listening")
    [after] = await subscriptions(telling)
    assert after["status"] == "Active"


async def test_a_subscription_is_renewed_before_it_ends(
    fleet: Fleet, telling: Simulated, rest: Start, front: FrontEnd
) -> None:
    rest()
    worker = fleet.worker(**OFTEN)
    await stands(front, "listening")
    [one] = await subscriptions(telling)
    worker.terminate()
    key = {"Authorization": "Bearer simulator-key"}
    url = f"{telling.url}/restapi/v1.0/subscription/{one['id']}"
    async with aiohttp.ClientSession(headers=key) as client:
        async with client.put(url, json={"expiresIn": 3_600}) as answer:
            assert (await answer.json())["expiresIn"] <= 3_600
        fleet.worker(**OFTEN)

        async def is_renewed() -> bool:
            async with client.get(url) as answer:
                return bool((await answer.json())["expiresIn"] > 3_600)

        await wait_until(is_renewed, 40)
    assert [one["id"]] == [each["id"] for each in await subscriptions(telling)]


async def _post(url: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with (
        aiohttp.ClientSession() as client,
        client.post(url, data=data, headers=named) as answer,
    ):
        return answer.status, (dict(answer.headers), await answer.read())


async def _is_counted(address: str, outcome: str, count: int) -> bool:
    line = f'ringout_notifications_total{{outcome="{outcome}",transport="webhook"}} {count}.0'
    async with aiohttp.ClientSession() as client, client.get(f"{address}/metrics") as answer:
        return line in await answer.text()


async def test_the_door_opens_to_ringcentral_alone(
    fleet: Fleet, telling: Simulated, rest: Start, address: str, settings: Settings
) -> None:
    rest()
    secret = notification_secret(settings, "default")
    url, elsewhere = address + PATH, f"{address}/v1/ringcentral/notifications/other"
    told = {"telephonySessionId": "s-1", "sequence": 1, "parties": [{"id": "p-1"}]}
    event = {"uuid": "1", "event": "x", "body": told}
    nobody = (await _post(url, event))[0]
    forged = (await _post(url, event, Verification_Token="0" * 64))[0]
    other = (await _post(elsewhere, event, Verification_Token=secret))[0]
    forged_as_handshake = await _post(url, event, Verification_Token="0", Validation_Token="a")
    assert {nobody, forged, other, forged_as_handshake[0]} == {404}
    for name in ("Verification-Token", "Validation-Token"):
        assert (await _post(url, event, **{name: secret}))[0] == 200
    for unreadable in (b"", b"{", b"[]", b"\xff", json.dumps(event).encode() + b" " * 70_000):
        assert (await _post(url, unreadable, Verification_Token=secret))[0] == 200
    for outcome, count in (("unreadable", 5), ("unknown", 1), ("old", 1)):
        await wait_until(partial(_is_counted, address, outcome, count))


async def test_a_handshake_is_answered_within_its_bounds(
    fleet: Fleet, telling: Simulated, rest: Start, address: str
) -> None:
    rest()
    token = "t" * 512
    status, (headers, body) = await _post(address + PATH, b"", Validation_Token=token)
    size = sum(len(name) + len(value) + 4 for name, value in headers.items()) + len(body)
    assert (status, headers["Validation-Token"]) == (200, token)
    assert headers["Content-Type"].startswith("application/json")
    assert size + 19 <= 1_024
    assert (await _post(address + PATH, b"", Validation_Token=token + "t"))[0] == 404
    assert (await _post(address + PATH + "s", b"", Validation_Token=token))[0] == 404


async def test_what_is_no_text_finds_nothing_at_the_door(
    fleet: Fleet, telling: Simulated, rest: Start, address: str
) -> None:
    process = rest()
    for name in (b"Verification-Token", b"Validation-Token"):
        for value in (b"\xff", b"\xd9\xa1"):
            head = b"POST %b HTTP/1.1\r\nHost: localhost\r\n%b: %b\r\nContent-Length: 0\r\n\r\n"
            reply = await sent(address, head % (PATH.encode(), name, value))
            assert (reply.status, reply.headers["Server"]) == (404, "ringout")
    assert not [line for line in process.errors if '"level": "error"' in line]


async def test_answers_at_the_door_have_the_headers_of_all_others(
    fleet: Fleet, telling: Simulated, rest: Start, address: str, settings: Settings
) -> None:
    rest()
    secret = notification_secret(settings, "default")
    for headers in ({"Validation_Token": "t"}, {"Verification_Token": secret}):
        status, (answered, _) = await _post(address + PATH, b"", **headers)
        assert (status, SAFE.items() <= answered.items()) == (200, True)


async def test_nothing_is_heard_where_another_way_was_chosen(
    fleet: Fleet, telling: Simulated, rest: Start, address: str, settings: Settings
) -> None:
    fleet.environment["RINGOUT_NOTIFICATIONS"] = "websocket"
    rest()
    secret = notification_secret(settings, "default")
    assert (await _post(address + PATH, {}, Verification_Token=secret))[0] == 404
    assert (await _post(address + PATH, b"", Validation_Token="t"))[0] == 404
