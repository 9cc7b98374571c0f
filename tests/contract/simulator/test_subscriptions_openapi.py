"""Subscriptions against RingCentral's own OpenAPI document, where that is beside the checkout."""

import json
from typing import Any

import pytest

from tests.contract.simulator.push_kit import (
    ALL_SESSIONS,
    SCOPE,
    SESSIONS,
    SUBSCRIPTION,
    greeted,
    hook,
    subscribe,
    unavailable,
)
from tests.contract.simulator.simulator_kit import Answer, box
from tests.contract.simulator.test_simulator_openapi import DOCUMENT, ERROR, check, success
from tests.harness.waiting import wait_until

ONE = f"{SUBSCRIPTION}/{{subscriptionId}}"


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    if not DOCUMENT.is_file():
        pytest.skip(f"RingCentral's OpenAPI document is not at {DOCUMENT}")
    loaded: dict[str, Any] = json.loads(DOCUMENT.read_text())
    return loaded


async def test_subscriptions(described: dict[str, Any]) -> None:
    tuning: dict[str, Any] = {"account_events": False, "blacklist_after": 0}
    async with hook() as told, box(scope=SCOPE, **tuning) as api:
        made = await subscribe(api, told, SESSIONS, ALL_SESSIONS)
        assert made.json["disabledFilters"]
        check(described, success(SUBSCRIPTION, "post"), made)
        path = f"{SUBSCRIPTION}/{made.json['id']}"
        check(described, success(ONE, "put"), await api.ask("PUT", path))
        check(described, success(f"{ONE}/renew", "post"), await api.ask("POST", f"{path}/renew"))
        told.reply = unavailable
        await api.made()

        async def blacklisted() -> Answer | None:
            read = await api.get(path)
            return read if read.json["status"] == "Blacklisted" else None

        check(described, success(ONE), await wait_until(blacklisted))
        check(described, success(SUBSCRIPTION), await api.get(SUBSCRIPTION))


async def test_one_of_a_websocket(described: dict[str, Any]) -> None:
    async with box(scope=SCOPE) as api, greeted(api) as (socket, _):
        meta, one = await socket.subscribe()
        answer = Answer(meta["status"], {}, json.dumps(one))
        check(described, success(SUBSCRIPTION, "post"), answer)
        check(described, success(ONE), await api.get(f"{SUBSCRIPTION}/{one['id']}"))


async def test_refusals(described: dict[str, Any]) -> None:
    async with hook() as told, box(scope=SCOPE) as api:
        told.reply = unavailable
        for answer in (
            await subscribe(api, told),
            await subscribe(api, told, "x"),
            await subscribe(api, told, expiresIn=0),
            await api.get(f"{SUBSCRIPTION}/x"),
        ):
            assert answer.status in {400, 404}
            check(described, ERROR, answer)
