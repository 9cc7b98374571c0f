"""1,000 placings while a worker is killed every second: how often was each call dialled?"""

import asyncio
from collections import Counter
from typing import Any

from tests.bench.house import House, house, row
from tests.harness.numbers import number as number_of
from tests.harness.waiting import wait_until

CALLS = 1_000
PER_SECOND = 60
WORKERS = 3


async def _kill_one_a_second(one: House, stop: asyncio.Event) -> int:
    workers = [one.fleet.worker() for _ in range(WORKERS)]
    kills = 0
    while not stop.is_set():
        try:
            async with asyncio.timeout(1.0):
                await stop.wait()
        except TimeoutError:
            workers.pop(0).kill()
            kills += 1
            workers.append(await asyncio.to_thread(one.fleet.worker))
    return kills


async def _pages(one: House) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = []
    cursor = ""
    while True:
        url = f"{one.rest}/v1/calls?limit=200" + (f"&cursor={cursor}" if cursor else "")
        async with one.session.get(url) as response:
            page = await response.json()
        calls += page["calls"]
        cursor = page["next"]
        if not cursor:
            return calls


async def run() -> list[str]:
    """The table."""
    environment = {"RINGOUT_UPSTREAM_TIMEOUT": "2", "RINGOUT_CADENCE_FACTOR": "0.5"}
    async with house(workers=0, **environment) as one:
        await one.simulated.tune(leg1_ring=1, leg2_ring=1, talk=2)
        await one.simulated.fault(operation="make", kind="delay", ms=60, times=None)
        stop = asyncio.Event()
        killing = asyncio.create_task(_kill_one_a_second(one, stop))
        ids: dict[str, str] = {}
        for number in range(CALLS):
            to = number_of(number)
            ids[to] = await one.accept(to)
            await asyncio.sleep(1 / PER_SECOND)
        stop.set()
        kills = await killing

        async def all_over() -> list[dict[str, Any]] | None:
            calls = await _pages(one)
            return calls if all(call["state"] == "ended" for call in calls) else None

        calls = await wait_until(all_over, 200, every=1.0)
        dialled = await one.simulated.dialled()
    return _judged(calls, ids, dialled, kills)


def _judged(
    calls: list[dict[str, Any]], ids: dict[str, str], dialled: list[dict[str, Any]], kills: int
) -> list[str]:
    by_id = {call["id"]: call for call in calls}
    dials = Counter(line["to"] for line in dialled)
    known = sum(
        1
        for line in dialled
        if (call := by_id[ids[line["to"]]])["ringoutId"] == line["id"]
        or call["outcome"] == "unknown"
        or line["telephonySessionId"] in str(call["reason"])
    )
    outcomes = Counter(call["outcome"] for call in calls)
    return [
        row("workers killed", kills),
        row("calls accepted / ended", f"{len(ids)} / {len(calls)}"),
        row("calls dialled 0, 1, more times", _spread(ids, dials)),
        row("dialled and known by id, or unknown", f"{known} / {len(dialled)}"),
        row("outcomes", ", ".join(f"{name} {n}" for name, n in sorted(outcomes.items()))),
    ]


def _spread(ids: dict[str, str], dials: Counter[str]) -> str:
    never = sum(1 for to in ids if dials[to] == 0)
    once = sum(1 for to in ids if dials[to] == 1)
    return f"{never}, {once}, {len(ids) - never - once}"
