"""The evidence in Redis: bounded, kept as long as its call, and counted once however it is sent."""

import pytest
from redis.asyncio import Redis

from orchestrator.domain.calls import Call
from orchestrator.domain.verdicts import MOST_KEPT, Source, Statement, Told
from orchestrator.jobs import follow_ups
from orchestrator.runtime import now
from orchestrator.storage import keys
from orchestrator.storage.calls import CallStore, StoreOptions
from orchestrator.storage.connection import WORKER, Commands
from orchestrator.storage.evidence import EvidenceBook
from tests.harness.twice import SentTwice

SEEN = Statement(1_700_000_000_123, Source.PRESENCE, 7_000, 2, 1, "", "s-1", Told.AMBIGUOUS)


def failed(since: int) -> Statement:
    return Statement(1_700_000_000_000 + since, Source.CALL_LOG, since, fault="HTTP-503")


@pytest.fixture(params=[Commands, SentTwice], ids=["once", "twice"])
async def book(request: pytest.FixtureRequest, redis: Redis) -> EvidenceBook:
    commands: Commands = request.param(redis, WORKER)
    store = CallStore(Commands(redis, WORKER), now, follow_ups(1.0), StoreOptions())
    await store.accept(Call("call_1", "u", "~", "~", now(), now() + 60_000), {})
    return EvidenceBook(commands)


async def test_what_was_said_is_kept_in_order_and_as_long_as_the_call(
    book: EvidenceBook, redis: Redis
) -> None:
    said = [SEEN, failed(35_000), Statement(1_700_000_000_500, Source.SESSION, 90_000, 0)]
    for one in said:
        await book.note("call_1", one)
    assert await book.of("call_1") == said
    of_the_call = await redis.ttl(keys.call("call_1"))
    assert of_the_call - 2 <= await redis.ttl(keys.evidence("call_1")) <= of_the_call


async def test_of_too_many_what_was_not_answered_goes_first(book: EvidenceBook) -> None:
    await book.note("call_1", SEEN)
    for number in range(MOST_KEPT + 5):
        await book.note("call_1", failed(number))
    kept = await book.of("call_1")
    assert len(kept) == MOST_KEPT
    assert kept[0] == SEEN
    assert kept[-1] == failed(MOST_KEPT + 4)
    for number in range(MOST_KEPT):
        await book.note("call_1", Statement(1_800_000_000_000 + number, Source.PRESENCE, number, 1))
    kept = await book.of("call_1")
    assert len(kept) == MOST_KEPT
    assert SEEN not in kept


async def test_nothing_is_kept_of_a_call_that_is_not(book: EvidenceBook, redis: Redis) -> None:
    await book.note("call_2", SEEN)
    assert await book.of("call_2") == []
    assert not await redis.exists(keys.evidence("call_2"))
