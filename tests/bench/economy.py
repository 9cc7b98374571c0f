"""What one call costs Redis, from accept to end: commands, and bytes in both directions."""

from typing import Any

import redis as redis_sync

from tests.bench.house import house, row
from tests.harness.numbers import number as number_of
from tests.harness.waiting import wait_until

CALLS = 200
IDLE_S = 5


async def run() -> list[str]:
    """The table; what an idle house asks of Redis in the same time is taken off."""
    async with house() as one:
        with redis_sync.Redis.from_url(one.redis.url) as client:
            for number in range(20):
                await one.accept(number_of(number))
            await _all_over(client, 20)
            before = _counters(client)
            for number in range(CALLS):
                await one.accept(number_of(100_000 + number))
            await _all_over(client, 20 + CALLS)
            after = _counters(client)
            looks = (await one.simulated.stats())["requests_by_operation"]["status"]
    spent = {name: (after[name] - before[name]) / CALLS for name in after}
    return [
        row("a call from accept to end", "per call"),
        row("commands inside scripts included", f"{spent['commands']:.1f}"),
        row("bytes to Redis", f"{spent['in']:.0f}"),
        row("bytes from Redis", f"{spent['out']:.0f}"),
        row("looks", f"{looks / (CALLS + 20):.1f}"),
    ]


async def _all_over(client: Any, count: int) -> None:
    ended = "ringout:v1:{ringout}:calls:state:ended"
    await wait_until(lambda: client.zcard(ended) >= count, 60, every=0.2)


def _counters(client: Any) -> dict[str, int]:
    stats = client.info("stats")
    per_command = client.info("commandstats")
    return {
        "commands": sum(int(one["calls"]) for one in per_command.values()),
        "in": int(stats["total_net_input_bytes"]),
        "out": int(stats["total_net_output_bytes"]),
    }
