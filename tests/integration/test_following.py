"""Following the events where what is kept and the tail of the stream meet."""

from contextlib import aclosing

from redis.asyncio import Redis

from orchestrator.runtime import FrontEnd
from orchestrator.storage.events import START, Entry, EventLog
from orchestrator.storage.feed import Feed, nothing
from orchestrator.storage.following import Follower, Reached, Told
from tests.harness.clients import accept
from tests.harness.proxy import proxied
from tests.harness.simulated import Simulated

CALLEE = "+16505550123"


def _any(_: Entry) -> bool:
    return True


async def test_who_has_read_further_than_the_tail_is_not_sent_back(
    redis_url: str, front: FrontEnd, simulated: Simulated
) -> None:
    async with proxied(redis_url) as proxy, Redis.from_url(proxy.url) as behind:
        feed = Feed(behind)
        await feed.ready()
        proxy.hold_replies_after("XREAD")
        await accept(front, CALLEE)
        await proxy.held.wait()
        for _ in range(3):
            await accept(front, CALLEE)
        follower = Follower(feed, EventLog(front.backend.commands), 0.01)
        told: list[Told] = []
        async with aclosing(follower.all(START, _any, nothing)) as stream:
            async for items in stream:
                told.extend(items)
                if any(isinstance(item, Reached) for item in items):
                    break
        *entries, last = told
        assert len(entries) == 4
        assert isinstance(last, Reached)
        assert isinstance(entries[-1], Entry)
        assert feed.place is not None
        assert feed.place < entries[-1].place == last.place
        proxy.let_go()
        await feed.close()
