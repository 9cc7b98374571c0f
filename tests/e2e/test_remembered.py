"""What Redis holds while calls live and when they are over: full numbers only where needed.

Every key is read, whatever it is for: only the request of a call that has not ended names a phone.
"""

import asyncio
import re
from functools import partial

import pytest
import redis as sync_redis

from orchestrator.domain import calls
from orchestrator.domain.calls import Call, Change
from orchestrator.domain.words import Outcome
from orchestrator.runtime import FrontEnd, now
from orchestrator.settings import Settings, load
from orchestrator.storage import keys
from tests.e2e.credentials_kit import ringout
from tests.e2e.webhook_kit import QUICK, none_pending, subscribed
from tests.harness.clients import accept, reaches
from tests.harness.processes import Fleet
from tests.harness.receiver import receiving
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

CALLEES = {"+16505550123": "completed", "+16505550110": "busy", "+16505550130": "blocked"}
GOES_ON, LOST, FORGOTTEN = "+16505550126", "+16505550124", "+16505550123"
_ANY = re.compile(rb"(?<![0-9])(?:1650555[0-9]{4}|1650556[0-9]{4})(?![0-9])")


def holders(redis_url: str) -> set[str]:
    """The keys that hold a full number of the tests', in their name or in any value."""
    with sync_redis.Redis.from_url(redis_url) as client:
        return {
            key.decode()
            for key in client.scan_iter("*")
            if _ANY.search(key + _content(client, key))
        }


def _content(client: sync_redis.Redis, name: bytes) -> bytes:
    key = name.decode()
    found: object
    match client.type(key):
        case b"string":
            found = client.get(key)
        case b"hash":
            found = client.hgetall(key)
        case b"list":
            found = client.lrange(key, 0, -1)
        case b"set":
            found = client.smembers(key)
        case b"zset":
            found = client.zrange(key, 0, -1)
        case b"stream":
            found = client.xrange(key)
        case _:
            found = b""
    return repr(found).encode()


@pytest.fixture
def settings(fleet: Fleet, simulated: Simulated) -> Settings:
    """All that tells of calls is on."""
    assert simulated is not None
    fleet.environment |= {**QUICK, "RINGOUT_NOTIFICATIONS": "websocket"}
    return load(fleet.environment)


def _over(call: Call) -> Change | None:
    return calls.ended(call, now(), Outcome.FAILED)


async def test_only_the_request_of_a_living_call_names_a_phone(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, redis_url: str
) -> None:
    await simulated.fault(operation="make", kind="reset_after", times=1)
    async with receiving() as receiver:
        await subscribed(front, receiver.url)
        fleet.worker()
        lost = await accept(front, LOST)
        ended = [await accept(front, to, f"key-{to}") for to in CALLEES]
        talks = await accept(front, GOES_ON)
        await reaches(front, talks, "connected")
        seen: set[str] = set()

        async def all_over() -> bool:
            seen.update(await asyncio.to_thread(holders, redis_url))
            states = [(await reaches(front, one, *_ANY_STATE))["state"] for one in (lost, *ended)]
            return states == ["ended"] * len(states)

        await wait_until(all_over, 60.0)
        await none_pending(front)

    assert await asyncio.to_thread(holders, redis_url) == {keys.request(talks)}
    assert seen <= {keys.request(one) for one in (lost, *ended, talks)}


_ANY_STATE = ("queued", "placing", "unconfirmed", "ringing", "connected", "ended")


async def test_a_phone_is_forgotten_by_command(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, redis_url: str
) -> None:
    assert simulated is not None
    fleet.worker()
    over = await accept(front, FORGOTTEN, clientReference=f"about {FORGOTTEN}")
    await reaches(front, over, "ended")
    talks = await accept(front, GOES_ON)
    await reaches(front, talks, "connected")
    assert await asyncio.to_thread(holders, redis_url) > {keys.request(talks)}

    forget = partial(ringout, fleet, "forget")
    done = await asyncio.to_thread(forget, "+1 650 555-0123", "--json")

    told = done.document
    assert (done.code, done.errors, told["number"]) == (0, [], "+16*****0123")
    assert (told["calls"], told["found"], told["inUse"]) == (1, [], [])
    assert (told["events"] > 2, told["keys"] > 10) == (True, True)
    assert await asyncio.to_thread(holders, redis_url) == {keys.request(talks)}

    busy = await asyncio.to_thread(forget, GOES_ON)
    assert busy.code == 1
    assert f"{talks}  is under way: again when it has ended" in busy.lines
    await front.service.store.change(talks, _over)
    assert (await asyncio.to_thread(forget, GOES_ON)).code == 0
    assert await asyncio.to_thread(holders, redis_url) == set()

    listed = await asyncio.to_thread(ringout, fleet, "audit", "--limit", "9", "--json")
    actions = [entry["action"] for entry in listed.document["entries"]]
    assert actions.count("number.forgotten") == 3


def test_what_others_wrote_is_a_line_of_the_audit_stream(fleet: Fleet, redis_url: str) -> None:
    with sync_redis.Redis.from_url(redis_url, decode_responses=True) as client:
        client.xadd(keys.AUDIT, {"a": "b"}, id="7-1")
    ringout(fleet, "suppress", "add", FORGOTTEN)

    lines = ringout(fleet, "audit").lines

    assert len(lines) == 2
    assert "  number.suppressed  " in lines[0]
    assert lines[1] == "entry 7-1  unreadable"
