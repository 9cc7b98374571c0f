"""Who listens, and how a feed stands, on a real server."""

import pytest
from redis.asyncio import Redis

from orchestrator.runtime import now
from orchestrator.storage import keys, notice_keys
from orchestrator.storage.connection import WORKER, Commands
from orchestrator.storage.feeds import Feeds, FeedState, Standing
from orchestrator.storage.notices import NoticeBook
from orchestrator.storage.stats import Stats, Worker
from tests.harness.twice import SentTwice

SPAN_MS = 65_000
FIELDS = {"transport": "websocket", "detail": ""}


@pytest.fixture(params=[Commands, SentTwice], ids=["sent once", "sent twice"])
def commands(request: pytest.FixtureRequest, redis: Redis) -> Commands:
    made: Commands = request.param(redis, WORKER)
    return made


@pytest.fixture
def feeds(commands: Commands) -> Feeds:
    return Feeds(commands)


async def field(commands: Commands, name: str, value: int | None = None) -> str:
    """A field of the feed, after it was set where a value is given."""
    if value is not None:
        await commands.execute("HSET", notice_keys.feed("desk"), name, value)
    found: bytes = await commands.execute("HGET", notice_keys.feed("desk"), name)
    return found.decode()


async def listening(feeds: Feeds, owner: str = "me", credential: str = "desk") -> None:
    assert await feeds.hold(credential, owner)
    assert await feeds.tell(credential, owner, FeedState.LISTENING, FIELDS)


async def test_one_listens_at_a_time(feeds: Feeds, redis: Redis) -> None:
    assert await feeds.unheld(["desk", "bell"]) == ["desk", "bell"]
    assert await feeds.hold("desk", "me")
    assert await feeds.hold("desk", "me")
    assert not await feeds.hold("desk", "you")
    assert await feeds.unheld(["desk", "bell"]) == ["bell"]
    assert 0 < await redis.pttl(notice_keys.listening("desk")) <= 15_000
    await feeds.release("desk", "you")
    assert not await feeds.hold("desk", "you")
    await feeds.release("desk", "me")
    assert await feeds.hold("desk", "you")
    assert await feeds.unheld([]) == []


async def test_who_listens_says_how_the_feed_stands(feeds: Feeds, redis: Redis) -> None:
    assert await feeds.standing("desk") == Standing()
    await listening(feeds)
    standing = await feeds.standing("desk")
    assert (standing.state, standing.missed) == ("listening", None)
    assert not await feeds.tell("desk", "you", FeedState.LOST, FIELDS)
    assert (await feeds.standing("desk")).state == "listening"
    assert 0 < await redis.pttl(notice_keys.feed("desk")) <= 20_000
    assert (await feeds.all(["desk", "bell"]))["desk"]["transport"] == "websocket"
    assert list(await feeds.all(["desk", "bell"])) == ["desk"]


async def test_since_when_it_stands_like_this(feeds: Feeds, commands: Commands) -> None:
    await listening(feeds)
    await field(commands, "sinceAt", now() - 60_000)
    await feeds.tell("desk", "me", FeedState.LISTENING, FIELDS)
    assert (await feeds.standing("desk")).since >= 60_000
    await feeds.tell("desk", "me", FeedState.LOST, FIELDS)
    assert (await feeds.standing("desk")).since < 60_000


async def test_the_feeds_by_which_notices_come_are_counted(
    feeds: Feeds, commands: Commands
) -> None:
    stats = Stats(commands)
    await listening(feeds)
    await listening(feeds, credential="bell")
    await stats.count()
    assert (await stats.read())["feedsHealthy"] == "2"
    await feeds.tell("bell", "me", FeedState.REFUSED, FIELDS)
    await stats.count()
    assert (await stats.read())["feedsHealthy"] == "1"


async def test_an_end_that_was_not_told_of_is_remembered(
    feeds: Feeds, commands: Commands, redis: Redis
) -> None:
    await feeds.suspect("desk", "call_1", SPAN_MS)
    assert not await redis.exists(notice_keys.feed("desk"))
    await listening(feeds)
    await feeds.suspect("desk", "call_1", SPAN_MS)
    await feeds.suspect("desk", "call_2", SPAN_MS)
    assert await field(commands, "suspect") == "call_1"
    missed = (await feeds.standing("desk")).missed
    assert missed is not None
    assert missed < SPAN_MS
    await field(commands, "suspectAt", now() - SPAN_MS)
    await feeds.suspect("desk", "call_3", SPAN_MS)
    assert await field(commands, "suspect") == "call_3"


async def test_a_notice_that_comes_late_clears_the_feed(
    feeds: Feeds, commands: Commands, redis: Redis
) -> None:
    book = NoticeBook(commands)
    await commands.execute("HSET", keys.call("call_1"), "revision", "1")
    await redis.expire(keys.call("call_1"), 60)
    await listening(feeds)
    await feeds.suspect("desk", "call_1", SPAN_MS)
    await book.hurry_look("call_2", "desk", "over")
    await book.hurry_look("call_1", "desk")
    assert (await feeds.standing("desk")).missed is not None
    await book.hurry_look("call_1", "desk", "over")
    assert (await feeds.standing("desk")).missed is None


async def test_a_feed_that_is_there_again_starts_without_doubt(feeds: Feeds) -> None:
    await listening(feeds)
    await feeds.suspect("desk", "call_1", SPAN_MS)
    await feeds.tell("desk", "me", FeedState.CONNECTING, FIELDS)
    await listening(feeds)
    assert (await feeds.standing("desk")).missed is None


async def test_the_workers_that_share_them_out(feeds: Feeds, commands: Commands) -> None:
    assert await feeds.workers() == 1
    for name in ("one", "two", "three"):
        await Stats(commands).beat(Worker(name, "host:1", "0", now()), now(), {})
    assert await feeds.workers() == 3
