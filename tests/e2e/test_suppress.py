"""`ringout suppress`: what a person asks never to be rung again is not, from then on."""

import asyncio
import json

import pytest
import redis

from orchestrator.domain.budget import Heard, Limit, Payer, Payment
from orchestrator.domain.errors import RefusedByPolicy
from orchestrator.runtime import FrontEnd, digests, now
from orchestrator.settings import Settings
from orchestrator.storage import keys, scripts
from orchestrator.storage.budget import RedisBudget
from orchestrator.storage.pauses import Pauses
from orchestrator.storage.suppression import Suppression
from tests.e2e.credentials_kit import ringout
from tests.harness.clients import accept, reaches
from tests.harness.processes import Fleet
from tests.harness.proxy import proxied
from tests.harness.redis import RedisServer
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

NUMBER, OTHER = "+16505550123", "+16505550124"
KEY = "a key that all processes have in common"


def test_a_number_is_added_checked_and_removed(fleet: Fleet) -> None:
    added = ringout(fleet, "suppress", "add", "+1 650 555-0123", "--json")
    assert (added.code, added.document) == (
        0,
        {"number": "+16*****0123", "suppressed": True, "changed": True},
    )
    assert ringout(fleet, "suppress", "add", NUMBER, "--json").document["changed"] is False
    assert ringout(fleet, "suppress", "check", NUMBER).lines == ["+16*****0123  is suppressed"]
    assert ringout(fleet, "suppress", "remove", NUMBER).code == 0
    assert ringout(fleet, "suppress", "check", NUMBER, "--json").document["suppressed"] is False
    assert ringout(fleet, "suppress", "remove", NUMBER).code == 1


@pytest.mark.parametrize("number", ["", "911", "16505550123", "tel:+16505550123", "+1650555CALL"])
def test_what_is_no_number_is_wrong_usage(fleet: Fleet, number: str) -> None:
    ended = ringout(fleet, "suppress", "add", number)

    assert ended.code == 2
    assert "NUMBER: should be in E.164 form" in " ".join(ended.errors)


def test_redis_holds_a_digest_and_the_audit_stream_tells(fleet: Fleet, redis_url: str) -> None:
    ringout(fleet, "suppress", "add", NUMBER)

    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        (digest,) = client.smembers("ringout:v1:{ringout}:suppressed")
        ((_, entry),) = client.xrange("ringout:v1:{ringout}:audit")
    assert NUMBER[1:] not in json.dumps([digest, entry])
    assert (entry["action"], entry["about"]) == ("number.suppressed", digest)
    assert (entry["via"], entry["actor"] != "") == ("cli", True)


@pytest.mark.parametrize(("first", "then"), [("", KEY), (KEY, ""), (KEY, KEY + "!")])
def test_another_key_would_forget_who_is_suppressed_and_is_refused(
    fleet: Fleet, first: str, then: str
) -> None:
    fleet.environment["RINGOUT_NUMBERS_KEY"] = first
    assert ringout(fleet, "suppress", "add", NUMBER).code == 0
    assert ringout(fleet, "suppress", "check", NUMBER).lines == ["+16*****0123  is suppressed"]

    ended = ringout(fleet, "suppress", "check", NUMBER, RINGOUT_NUMBERS_KEY=then)

    assert ended.code == 2
    assert ended.errors[0].startswith("ringout: RINGOUT_NUMBERS_KEY: ")
    assert ringout(fleet, "suppress", "check", NUMBER).code == 0


def test_without_redis_it_fails_and_says_so(fleet: Fleet, own_redis: RedisServer) -> None:
    own_redis.kill()

    ended = ringout(fleet, "suppress", "add", NUMBER, REDIS_URL=own_redis.url)

    assert (ended.code, "REDIS_URL" in " ".join(ended.errors)) == (1, True)


async def test_a_number_suppressed_right_before_its_placing_is_not_rung(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, settings: Settings
) -> None:
    commands = front.backend.commands
    async with proxied(fleet.environment["REDIS_URL"]) as to_redis:
        fleet.worker(REDIS_URL=to_redis.url)
        await reaches(front, await accept(front, OTHER), "ended")
        limited = Heard(limit=Limit(10, 9, 60))
        await RedisBudget(commands).settle(Payment(Payer(), "heavy", "earlier"), limited)
        paid = await commands.redis.zcard(keys.spent("default", "heavy"))
        to_redis.hold_replies_after(scripts.ENTER_LANE.digest)
        call_id = await accept(front, NUMBER)
        await wait_until(to_redis.held.is_set)
        assert await Suppression(commands, digests(settings, commands)).add(NUMBER)
        to_redis.let_go()
        call = await reaches(front, call_id, "ended")
    assert (call["outcome"], call["reason"]["code"]) == ("blocked", "suppressed")
    assert await simulated.dialled(NUMBER) == []
    assert await commands.redis.zcard(keys.spent("default", "heavy")) == paid
    assert not await commands.redis.zcard(keys.lane("default"))


async def test_a_number_suppressed_after_redis_has_lost_its_data_is_not_rung(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    fleet.worker()
    await reaches(front, await accept(front, OTHER), "ended")
    await front.backend.commands.redis.flushall()
    assert (await asyncio.to_thread(ringout, fleet, "suppress", "add", NUMBER)).code == 0

    async def is_refused() -> bool:
        try:
            await accept(front, NUMBER)
        except RefusedByPolicy as refusal:
            return refusal.policy == "suppression"
        return False

    pauses = Pauses(front.backend.commands)
    await pauses.begin(None, "", "me", now())
    await wait_until(is_refused, 1.5)
    call_id = await accept(front, OTHER)
    await asyncio.to_thread(ringout, fleet, "suppress", "add", OTHER)
    await pauses.end(None)
    call = await reaches(front, call_id, "ended")
    assert (call["outcome"], call["reason"]["code"]) == ("blocked", "suppressed")
    assert len(await simulated.dialled(OTHER)) == 1
