"""API keys and what stands in their place, in Redis."""

from collections.abc import Callable

import pytest
from redis.asyncio import Redis

from orchestrator.domain import tokens
from orchestrator.domain.access import Quota, Scope
from orchestrator.domain.errors import StorageUnavailable, TooManyFailures, Unauthenticated
from orchestrator.domain.tokens import Shown
from orchestrator.runtime import now
from orchestrator.service.gate import Gatekeeper
from orchestrator.service.logins import Logins
from orchestrator.storage.api_keys import ApiKeys, Wanted
from orchestrator.storage.connection import FRONT_END, WORKER, Commands, connect
from orchestrator.storage.grants import ACCESS_S
from tests.harness.api_keys import made
from tests.harness.redis import RedisServer
from tests.harness.twice import SentTwice
from tests.harness.waiting import wait_until

HERE = "192.0.2.1"


@pytest.fixture
def commands(redis: Redis) -> Commands:
    return Commands(redis, WORKER)


def gate_of(commands: Commands, clock: Callable[[], int] = now, most: int = 3) -> Gatekeeper:
    return Gatekeeper.over(commands, clock, may_open=True, most_failures=most)


async def test_a_key_is_kept_as_it_was_made(commands: Commands) -> None:
    keys = ApiKeys(commands, now)
    wanted = Wanted(
        "crm", frozenset({Scope.READ}), now() + 60_000, frozenset({"d"}), None, "1/60,5/3600"
    )
    token = await keys.create(wanted)
    key = await keys.read(token.key)
    assert key is not None
    principal = key.principal
    assert (principal.owner, principal.name) == (token.key, "crm")
    assert principal.scopes == frozenset({Scope.READ})
    assert (principal.callers, principal.forwarding_numbers) == (frozenset({"d"}), frozenset())
    assert principal.quotas == (Quota(1, 60), Quota(5, 3600))


async def test_writes_that_are_sent_twice_are_done_once(commands: Commands) -> None:
    twice = SentTwice(commands.redis, WORKER)
    keys, gate = ApiKeys(twice, now), gate_of(twice)
    token = await made(twice)
    newer = await keys.rotate(token.key, 60_000)
    assert newer is not None
    key = await keys.read(token.key)
    assert key is not None
    assert len(key.secrets) == 2
    pair = await gate.grants.pair(token.key, newer.digest)
    again = await gate.grants.renewed(pair.refresh)
    assert again is not None
    assert await gate.by_token(again.access) is not None
    assert await keys.revoke(token.key)
    assert await keys.any_made()
    assert not await keys.any_usable()


async def test_an_overlap_ends_and_so_do_expired_keys_and_tokens(commands: Commands) -> None:
    moment = now()
    clock = lambda: moment  # noqa: E731
    keys, gate = ApiKeys(commands, clock), gate_of(commands, clock)
    token = await keys.create(Wanted("", frozenset({Scope.READ}), moment + 10_000_000))
    newer = await keys.rotate(token.key, 1_000)
    assert newer is not None
    pair = await gate.grants.pair(token.key, newer.digest)
    old = await gate.grants.pair(token.key, token.digest)
    for text in (token, newer, pair.access, old.access):
        assert await gate.by_token(text) is not None
    moment += 1_000
    assert [await gate.by_token(one) for one in (token, old.access)] == [None, None]
    moment += 1_000 * ACCESS_S - 1_000
    assert await gate.by_token(pair.access) is None
    assert await gate.by_token(newer) is not None
    moment += 10_000_000
    assert await gate.by_token(newer) is None


async def test_a_refresh_token_renews_nothing_after_its_secret(commands: Commands) -> None:
    gate = gate_of(commands)
    token = await made(commands)
    proof = await gate.proved(Shown(token.text), HERE)
    pair = await Logins(gate).pair(proof)
    await gate.keys.rotate(token.key, 0)
    with pytest.raises(Unauthenticated):
        await Logins(gate).renewed(proof, pair.refresh.text, HERE)


async def test_another_address_is_not_held_for_one_that_has_failed(commands: Commands) -> None:
    gate, token = gate_of(commands), await made(commands)
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            await gate.admitted(Shown("x"), HERE)
    with pytest.raises(TooManyFailures):
        await gate.admitted(Shown(token.text), HERE)
    assert (await gate.admitted(Shown(token.text), "192.0.2.2")).owner == token.key
    assert (await gate.admitted(Shown(token.text), HERE)).owner == token.key


@pytest.mark.parametrize(
    ("there", "status"),
    [
        ("2001:db8:0:1:ffff::9", TooManyFailures),
        ("2001:db8:0:1::1%eth0", TooManyFailures),
        ("2001:db8:0:2::1", None),
        ("::ffff:192.0.2.1", None),
        ("192.0.2.1", None),
    ],
)
async def test_all_addresses_of_an_ipv6_network_fail_together(
    commands: Commands, there: str, status: type[Exception] | None
) -> None:
    gate, token = gate_of(commands), await made(commands)
    for number in range(3):
        with pytest.raises(Unauthenticated):
            await gate.admitted(Shown("x"), f"2001:db8:0:1::{number}")
        with pytest.raises(Unauthenticated):
            await gate.admitted(Shown("x"), f"::ffff:198.51.100.{number}")
    if status is None:
        await gate.admitted(Shown(token.text), there)
    else:
        with pytest.raises(status):
            await gate.admitted(Shown(token.text), there)


async def test_nothing_secret_and_no_address_is_in_redis(commands: Commands) -> None:
    gate, token = gate_of(commands), await made(commands)
    proof = await gate.proved(Shown(token.text), HERE)
    pair = await Logins(gate).pair(proof)
    session = await Logins(gate).session(token.text, HERE)
    with pytest.raises(Unauthenticated):
        await gate.admitted(Shown("x"), HERE)
    kept = await everything(commands)
    assert token.key in kept
    for one in (token, pair.access, pair.refresh, session):
        assert one.secret not in kept
    assert HERE not in kept


async def everything(commands: Commands) -> str:
    reads = {"hash": ("HGETALL",), "string": ("GET",), "zset": ("ZRANGE", 0, -1)}
    found = []
    for key in await commands.execute("KEYS", "*"):
        kind = (await commands.execute("TYPE", key)).decode()
        name, *rest = reads[kind]
        found.append((key, await commands.execute(name, key, *rest)))
    return repr(found)


async def test_use_is_noted_once_a_minute(commands: Commands) -> None:
    moment = now()
    gate, token = gate_of(commands, lambda: moment), await made(commands)

    async def used() -> str | None:
        return (await gate.keys.last_used()).get(token.key)

    await gate.admitted(Shown(token.text), HERE)
    first = await wait_until(used)
    moment += 59_000
    await gate.admitted(Shown(token.text), HERE)
    assert await used() == first
    moment += 1_000
    await gate.admitted(Shown(token.text), HERE)

    async def is_later() -> bool:
        return bool(await used() != first)

    await wait_until(is_later)


async def test_the_house_is_as_it_was_known_last_when_redis_is_away(
    own_redis: RedisServer,
) -> None:
    client = connect(own_redis.url, FRONT_END)
    commands = Commands(client, FRONT_END)
    known, unknown = gate_of(commands), gate_of(commands)
    assert await known.is_open(None)
    own_redis.kill()
    assert await known.is_open(None)
    assert not await unknown.is_open(None)
    with pytest.raises(StorageUnavailable):
        await unknown.admitted(None, HERE)
    await client.aclose()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ringout_live_",
        "ringout_live_aaaaaaaaaaaa_" + "x" * 32,
        "ringout_live_aaaaaaaaaaaa_" + "x" * 34,
        "ringout_live_AAAAAAAAAAAA_" + "x" * 33,
        "ringout_at_aaaaaaaaaaaa_" + "x" * 33,
        "ringout_live_aaaaaaaaaaaa_" + "a" * 16 + "_" + "x" * 33,
        "ringout_live_aaaaaaaaaaaa_" + "x" * 32 + "٣",
        "ringout_live_aaaaaaaaaaaa_" + "x" * 33 + "\n",
    ],
)
def test_what_is_no_token_by_its_looks(text: str) -> None:
    assert tokens.parsed(text) is None
