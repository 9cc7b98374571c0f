"""Webhooks that fail: when a subscription is blacklisted, and what brings it back."""

from typing import Any

import pytest
from aiohttp import web

from tests.contract.simulator.push_kit import (
    SCOPE,
    SUBSCRIPTION,
    Hook,
    counts,
    echo,
    hang_but_for_handshakes,
    hook,
    seen,
    subscribed,
    unavailable,
)
from tests.contract.simulator.simulator_kit import Box, box
from tests.harness.waiting import wait_until


async def is_blacklisted(api: Box, name: str) -> bool:
    return bool((await api.get(f"{SUBSCRIPTION}/{name}")).json["status"] == "Blacklisted")


async def blacklisted(api: Box, told: Hook) -> str:
    """The id of a subscription whose webhook failed twice."""
    name = await subscribed(api, told)
    told.reply = unavailable
    await api.made()
    await api.advance(2)
    await told.several(2)
    await wait_until(lambda: is_blacklisted(api, name))
    return name


FAILING: dict[str, Any] = {"blacklist_failures": 2, "blacklist_after": 0, "scope": SCOPE}


async def test_a_webhook_that_fails_is_blacklisted() -> None:
    async with hook() as told, box(**FAILING) as api:
        name = await blacklisted(api, told)
        told.reply = echo
        one = (await api.get(f"{SUBSCRIPTION}/{name}")).json
        assert one["blacklistedData"].keys() == {"blacklistedAt", "reason"}
        assert "503" in one["blacklistedData"]["reason"]
        await api.advance(13)
        assert (await counts(api))["sent"] == 3
        renewed = await api.ask("POST", f"{SUBSCRIPTION}/{name}/renew")
        assert renewed.json["status"] == "Blacklisted"
        again = await subscribed(api, told)
        await api.made()
        assert (await told.next())["subscriptionId"] == again


@pytest.mark.parametrize(
    "tuning", [{"blacklist_failures": 3}, {"blacklist_after": 60}], ids=["count", "time"]
)
async def test_a_webhook_that_fails_for_a_while_is_not(tuning: dict[str, Any]) -> None:
    async with hook() as told, box(**{**FAILING, **tuning}) as api:
        name = await subscribed(api, told)
        told.reply = unavailable
        await api.made()
        await api.advance(2)
        await told.several(2)
        told.reply = echo
        await api.advance(13)
        await told.next()
        now = await wait_until(lambda: all_delivered(api))
        assert (now["failed"], now["status"]) == (2, "Active")
        assert not await is_blacklisted(api, name)


async def all_delivered(api: Box) -> dict[str, Any] | None:
    now = await counts(api)
    return now if now["delivered"] == 1 else None


async def test_failures_that_are_not_in_a_row_do_not_count() -> None:
    async with hook() as told, box(**FAILING) as api:
        await subscribed(api, told)
        replies = iter([unavailable, echo, unavailable])

        async def reply(request: web.Request) -> web.StreamResponse:
            return await next(replies)(request)

        told.reply = reply
        await api.made()
        await api.advance(15)
        await told.several(3)

        async def failed_twice() -> dict[str, Any] | None:
            now = await counts(api)
            return now if now["failed"] == 2 else None

        assert (await wait_until(failed_twice))["status"] == "Active"


async def test_renewing_mends_where_so_tuned() -> None:
    async with hook() as told, box(**FAILING, renewal_mends=True) as api:
        name = await blacklisted(api, told)
        told.reply = echo
        renewed = await api.ask("PUT", f"{SUBSCRIPTION}/{name}")
        assert renewed.json["status"] == "Active"
        await api.advance(13)
        assert seen(await told.next()) == (4, ["Disconnected"])


async def test_it_comes_back_by_itself_where_so_tuned() -> None:
    async with hook() as told, box(**FAILING, blacklist_recovery=0.02) as api:
        name = await blacklisted(api, told)
        told.reply = echo

        async def active() -> bool:
            return not await is_blacklisted(api, name)

        await wait_until(active)
        assert told.handshakes >= 2
        await api.advance(13)
        assert seen(await told.next()) == (4, ["Disconnected"])


async def test_a_webhook_that_hangs_fails_with_its_reason() -> None:
    tuning = {**FAILING, "blacklist_failures": 1, "webhook_timeout": 0.05}
    async with hook() as told, box(**tuning) as api:
        name = await subscribed(api, told)

        told.reply = hang_but_for_handshakes
        await api.made()
        await wait_until(lambda: is_blacklisted(api, name))
        reason = (await api.get(f"{SUBSCRIPTION}/{name}")).json["blacklistedData"]["reason"]
        assert reason == "I/O operation is failed. Details: [Read timed out]"
