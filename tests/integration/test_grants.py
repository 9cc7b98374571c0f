"""What a key has given out in its place: no more than a certain number, and the newest of it."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis

from orchestrator.domain.tokens import Shown, Token
from orchestrator.runtime import now
from orchestrator.service.gate import Gatekeeper
from orchestrator.service.logins import Logins
from orchestrator.storage import access_keys, grants
from orchestrator.storage.connection import WORKER, Commands
from orchestrator.storage.grants import MOST_GRANTS, REFRESH_S, SESSION_S, Pair
from orchestrator.storage.keys import PREFIX
from tests.harness.api_keys import made
from tests.harness.twice import SentTwice

PAIRS, SESSIONS = "tokens", "sessions"


@pytest.fixture
def commands(redis: Redis) -> Commands:
    return Commands(redis, WORKER)


def gate_of(commands: Commands) -> Gatekeeper:
    return Gatekeeper.over(commands, now, may_open=True, most_failures=3)


async def proven(gate: Gatekeeper, tokens: list[Token]) -> list[bool]:
    """Which of the tokens serve."""
    return [await gate.by_token(one) is not None for one in tokens]


async def count(commands: Commands, pattern: str = "grant:*") -> int:
    """How many keys of that name there are."""
    return len(await commands.execute("KEYS", f"{PREFIX}{pattern}"))


async def pairs(gate: Gatekeeper, key: Token, number: int) -> list[Pair]:
    """So many pairs, the oldest first."""
    return [await gate.grants.pair(key.key, key.digest) for _ in range(number)]


async def test_a_key_has_so_many_pairs_and_the_oldest_ends_for_a_new_one(
    commands: Commands,
) -> None:
    gate, key, other = gate_of(commands), await made(commands), await made(commands)
    (kept,) = await pairs(gate, other, 1)
    session = await gate.grants.session(key.key, key.digest)
    given = await pairs(gate, key, MOST_GRANTS)
    assert await proven(gate, [given[0].access, given[-1].access]) == [True, True]
    newer = await pairs(gate, key, 2)
    assert await proven(gate, [one.access for one in given[:3]]) == [False, False, True]
    assert await proven(gate, [one.access for one in newer]) == [True, True]
    assert await gate.grants.renewed(given[0].refresh) is None
    assert await proven(gate, [kept.access, session]) == [True, True]
    assert await count(commands) == MOST_GRANTS + 2


async def test_sessions_are_held_to_the_same_and_leave_the_pairs_alone(commands: Commands) -> None:
    gate, key = gate_of(commands), await made(commands)
    (pair,) = await pairs(gate, key, 1)
    given = [await gate.grants.session(key.key, key.digest) for _ in range(MOST_GRANTS + 1)]
    assert await proven(gate, given[:2] + given[-1:]) == [False, True, True]
    assert await proven(gate, [pair.access]) == [True]


async def test_many_at_once_are_held_to_it_and_the_newest_serve(commands: Commands) -> None:
    gate, key = gate_of(commands), await made(commands)
    for _ in range(3):
        some = await asyncio.gather(
            *(gate.grants.pair(key.key, key.digest) for _ in range(MOST_GRANTS))
        )
    assert await count(commands) == MOST_GRANTS
    assert all(await proven(gate, [one.access for one in some]))


async def test_a_pair_that_is_renewed_is_young_again(commands: Commands) -> None:
    gate, key = gate_of(commands), await made(commands)
    first, second, *_ = await pairs(gate, key, MOST_GRANTS)
    again = await gate.grants.renewed(first.refresh)
    assert again is not None
    await pairs(gate, key, 1)
    assert await proven(gate, [again.access, second.access]) == [True, False]


async def test_what_has_ended_takes_up_no_room(commands: Commands) -> None:
    gate, key = gate_of(commands), await made(commands)
    first, *_, last = await pairs(gate, key, MOST_GRANTS)
    await gate.grants.end(last.access)
    await pairs(gate, key, 1)
    assert await proven(gate, [first.access]) == [True]
    renewed = await gate.grants.renewed(first.refresh)
    assert renewed is not None
    assert await gate.grants.renewed(first.refresh) is None  # used again: the grant has ended
    assert await proven(gate, [renewed.access]) == [False]
    (index,) = await commands.execute("KEYS", f"{PREFIX}grants:*")
    assert await commands.execute("ZCARD", index) == await count(commands) == MOST_GRANTS - 1


async def test_a_pair_that_was_given_before_there_was_a_limit_is_counted_when_it_is_renewed(
    commands: Commands,
) -> None:
    gate, key = gate_of(commands), await made(commands)
    old, *_ = await pairs(gate, key, 2)
    await commands.execute("DEL", access_keys.grants(PAIRS, key.key))
    given = await pairs(gate, key, MOST_GRANTS)
    assert await gate.grants.renewed(old.refresh) is not None
    assert await proven(gate, [given[0].access, given[1].access]) == [False, True]


@pytest.mark.parametrize(("kind", "seconds"), [(PAIRS, REFRESH_S), (SESSIONS, SESSION_S)])
async def test_the_list_lives_as_long_as_the_last_of_it(
    commands: Commands, kind: str, seconds: int
) -> None:
    gate, key = gate_of(commands), await made(commands)
    given: Any = await (gate.grants.pair if kind == PAIRS else gate.grants.session)(
        key.key, key.digest
    )
    index = access_keys.grants(kind, key.key)
    assert seconds - 5 <= await commands.execute("TTL", index) <= seconds
    if kind == PAIRS:
        await commands.execute("EXPIRE", index, 5)
        assert await gate.grants.renewed(given.refresh) is not None
        assert seconds - 5 <= await commands.execute("TTL", index) <= seconds


async def test_what_has_expired_takes_up_no_room(commands: Commands) -> None:
    gate, key = gate_of(commands), await made(commands)
    first, *others = await pairs(gate, key, MOST_GRANTS)
    index = access_keys.grants(PAIRS, key.key)
    past = {one.access.grant: 1 for one in others}
    for name in past:
        await commands.execute("DEL", access_keys.grant(name))
    await commands.redis.zadd(index, past)
    await pairs(gate, key, 1)
    assert await proven(gate, [first.access]) == [True]
    assert await commands.execute("ZCARD", index) == 2


async def test_writes_that_are_sent_twice_count_once(commands: Commands) -> None:
    gate, key = gate_of(SentTwice(commands.redis, WORKER)), await made(commands)
    given = await pairs(gate, key, MOST_GRANTS)
    assert all(await proven(gate, [one.access for one in given]))
    again = await gate.grants.renewed(given[-1].refresh)
    assert again is not None
    assert await proven(gate, [given[0].access, again.access]) == [True, True]


@pytest.mark.parametrize("renewals", [1, 2, 20])
async def test_a_refresh_token_of_any_age_that_comes_again_ends_the_grant(
    commands: Commands, renewals: int
) -> None:
    gate, key = gate_of(commands), await made(commands)
    (stolen,) = await pairs(gate, key, 1)
    latest: Pair | None = stolen
    for _ in range(renewals):
        assert latest is not None
        latest = await gate.grants.renewed(latest.refresh)
    assert latest is not None
    made_up = replace(stolen.refresh, secret=key.secret)
    assert await gate.grants.renewed(made_up) is None
    assert await proven(gate, [latest.access]) == [True]
    assert await gate.grants.renewed(stolen.refresh) is None
    assert await proven(gate, [latest.access]) == [False]
    assert await gate.grants.renewed(latest.refresh) is None


async def test_a_grant_is_renewed_so_often_and_no_more(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grants, "MOST_RENEWALS", 3)
    gate, key = gate_of(commands), await made(commands)
    (latest,) = await pairs(gate, key, 1)
    for _ in range(3):
        renewed = await gate.grants.renewed(latest.refresh)
        assert renewed is not None
        latest = renewed
    assert await proven(gate, [latest.access]) == [True]
    assert await gate.grants.renewed(latest.refresh) is None
    assert await proven(gate, [latest.access]) == [False]


async def test_who_logs_out_with_an_expired_access_token_ends_its_grant(commands: Commands) -> None:
    gate, key = gate_of(commands), await made(commands)
    given, other = await pairs(gate, key, 2)
    proof = await gate.proved(Shown(key.text), "192.0.2.1")
    await commands.execute("HSET", access_keys.grant(given.access.grant), "until", now() - 1)
    assert await proven(gate, [given.access, given.refresh]) == [False, True]
    wrong = replace(given.access, secret=key.secret)
    await Logins(gate).revoke(proof, wrong.text)
    assert await proven(gate, [given.refresh]) == [True]
    await Logins(gate).revoke(proof, given.access.text)
    assert await gate.grants.renewed(given.refresh) is None
    assert await proven(gate, [other.access]) == [True]
