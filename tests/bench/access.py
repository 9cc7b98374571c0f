"""What proving who asks, and the rules of whom and how often, cost a POST: with and without, side
by side in one run."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from itertools import count

from tests.bench.house import RING_OUT, House, house, row
from tests.bench.throughput import encoded, rate
from tests.harness.numbers import number as number_of
from tests.harness.processes import LENIENT

ROUNDS = 5
STRICT = dict.fromkeys(LENIENT, "")
"""The rules as they are where nothing is set."""


def _posts(key: str) -> Iterator[bytes]:
    shown = f"Authorization: Bearer {key}\r\n" if key else ""
    for number in map(number_of, count()):
        ends = {"from": {"phoneNumber": "+16505550100"}, "to": {"phoneNumber": number}}
        yield encoded("POST", RING_OUT, json.dumps(ends).encode(), shown)


async def _key(one: House) -> str:
    made = one.fleet.command("keys", "create", "--json")
    line = await asyncio.to_thread(made.line_with, "ringout_live_")
    key: str = json.loads(line)["key"]
    return key


async def run() -> list[str]:
    """The table: medians of five rounds, each of all four in turn."""
    async with AsyncExitStack() as stack:
        kinds = {
            "no key, rules off": (LENIENT, False),
            "a key, rules off": (LENIENT, True),
            "no key, rules as they are by default": (STRICT, False),
            "a key and the rules": (STRICT, True),
        }
        targets = {}
        for name, (rules, is_guarded) in kinds.items():
            one = await stack.enter_async_context(house(workers=0, **rules))
            key = await _key(one) if is_guarded else ""
            targets[name] = (int(one.rest.rpartition(":")[2]), _posts(key))
        rounds = [
            {name: await rate(*target) for name, target in targets.items()} for _ in range(ROUNDS)
        ]
    median = {name: sorted(one[name] for one in rounds)[ROUNDS // 2] for name in kinds}
    plain = median["no key, rules off"]
    lines = [row("POST 202, one process, 32 connections", "a second", "to without")]
    return lines + [
        row(name, f"{each:.0f}", f"{each / plain:.2f}") for name, each in median.items()
    ]
