"""Webhooks and whose they are: how many a key may have, who is told, and what becomes of them."""

from dataclasses import replace

import pytest

from orchestrator.domain.access import HOUSE
from orchestrator.domain.errors import TooManyWebhooks
from orchestrator.runtime import now
from orchestrator.service.webhooks import shown
from orchestrator.storage.api_keys import ApiKeys, Wanted
from orchestrator.storage.webhooks import MOST_OF_ONE_KEY
from tests.harness.owners import ONE, OPERATOR, OTHER, House
from tests.harness.waiting import wait_until
from workers.retired import Retired


@pytest.fixture
def house(owned_house: House) -> House:
    """An empty house."""
    return owned_house


async def test_one_key_cannot_take_up_all_the_room(house: House) -> None:
    for asker in (ONE, OPERATOR):
        for _ in range(MOST_OF_ONE_KEY):
            await house.webhook(asker)
        with pytest.raises(TooManyWebhooks, match="This key has 10 webhooks"):
            await house.webhook(asker)
    await house.webhook(OTHER)
    for _ in range(MOST_OF_ONE_KEY + 1):
        await house.webhook(HOUSE)
    one = (await house.webhooks.all(ONE))[0].id
    await house.webhooks.delete(ONE, one)
    await house.webhook(ONE)


async def test_only_who_runs_the_house_is_told_whose_a_webhook_is(house: House) -> None:
    webhook = await house.webhooks.get(ONE, await house.webhook(ONE))
    assert "owner" not in shown(ONE, webhook)
    assert shown(OPERATOR, webhook)["owner"] == ONE.owner
    of_house = await house.webhooks.get(HOUSE, await house.webhook(HOUSE))
    assert shown(HOUSE, of_house)["owner"] is None
    assert of_house.hears_all
    assert not webhook.hears_all


@pytest.mark.parametrize("end", ["revoked", "expired"])
async def test_the_webhooks_of_a_key_that_ended_are_found(house: House, end: str) -> None:
    apikeys = ApiKeys(house.commands, now)
    expires_at = now() + 300 if end == "expired" else None
    token = await apikeys.create(Wanted("app", ONE.scopes, expires_at))
    mine = await house.webhook(replace(ONE, owner=token.key))
    of_provider = await house.webhook(replace(OTHER, owner="oidc_1"))
    async with house.dispatched(Retired(apikeys, house.webhooks.webhooks, now)):
        if end == "revoked":
            await apikeys.revoke(token.key)

        async def code() -> str | None:
            disabled = (await house.webhooks.get(OPERATOR, mine)).disabled
            return disabled.code if disabled else None

        assert await wait_until(code) == f"key_{end}"
    assert (await house.webhooks.get(OPERATOR, of_provider)).disabled is None
