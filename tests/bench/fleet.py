"""A fleet inside its budget: many extensions at three times what they may, workers killed.

`BENCH_EXTENSIONS` and `BENCH_SECONDS` make it smaller. Every extension may dial ten times a minute
and is asked for three times as much; the calls last for two seconds.
"""

import asyncio
import json
import os
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.bench.house import House, house, row
from tests.harness.numbers import number as number_of
from tests.harness.waiting import wait_until

EXTENSIONS = int(os.environ.get("BENCH_EXTENSIONS", "200"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "60"))
HEAVY = 10
TIMES = 3
WORKERS = 4
KILL_EVERY_S = 5.0
LIMITS = f"heavy={HEAVY}/60,light=50/60,medium=40/60,auth=100000/60,penalty=60"


def _credentials(account: str, first: int) -> list[dict[str, str]]:
    """By the simulator's rule: the Nth extension's JWT is `simulator-jwt.N`."""
    return [
        {
            "name": f"agent-{number}",
            "account": account,
            "extension": str(first + number),
            "clientId": "simulator-client",
            "clientSecret": "simulator-secret",
            "jwt": f"simulator-jwt.{number}" if number > 1 else "simulator-jwt",
        }
        for number in range(1, EXTENSIONS + 1)
    ]


async def _kill(one: House, workers: list[Any], until: float) -> int:
    kills = 0
    while time.monotonic() + KILL_EVERY_S < until:
        await asyncio.sleep(KILL_EVERY_S)
        workers.pop(0).kill()
        kills += 1
        workers.append(await asyncio.to_thread(one.fleet.worker))
    return kills


async def _offer(one: House, owners: list[tuple[str, str]], until: float, expires: int) -> int:
    """Calls for every extension in turn, at three times the rate that they may have."""
    gap = 60 / (HEAVY * TIMES * len(owners))
    began, offered, waiting = time.monotonic(), 0, set[asyncio.Task[None]]()
    while time.monotonic() < until:
        account, extension = owners[offered % len(owners)]
        task = asyncio.create_task(_post(one, account, extension, offered, expires))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
        offered += 1
        await asyncio.sleep(max(0.0, began + offered * gap - time.monotonic()))
    await asyncio.gather(*waiting)
    return offered


async def _post(one: House, account: str, extension: str, number: int, expires: int) -> None:
    url = f"{one.rest}/v1/restapi/v1-0/account/{account}/extension/{extension}/ring-out"
    body = {
        "from": {"phoneNumber": number_of(300_000 + int(extension) % 10_000)},
        "to": {"phoneNumber": number_of(number)},
        "expiresIn": expires,
    }
    async with one.session.post(url, json=body) as response:
        if response.status != 202:
            raise AssertionError(f"{response.status}: {await response.text()}")


async def _usage(one: House) -> dict[str, dict[str, dict[str, int]]]:
    async with one.session.get(f"{one.simulated.url}/__sim/usage") as response:
        usage: dict[str, dict[str, dict[str, int]]] = (await response.json())["usage"]
        return usage


def _fairness(shares: list[int]) -> float:
    """Jain's index: 1 where all have the same."""
    squares = sum(share * share for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 0.0


async def run() -> list[str]:
    """The table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "credentials.json"
        account, first = "400131425008", 400131426000
        rows = _credentials(account, first)
        path.write_text(json.dumps(rows), encoding="utf-8")
        environment = {
            "RINGOUT_CREDENTIALS_FILE": str(path),
            "RINGOUT_LOGINS_A_MINUTE": "10000",
            "RINGOUT_UPSTREAM_TIMEOUT": "5",
        }
        async with house(workers=0, **environment) as one:
            await one.simulated.tune(limits=LIMITS, leg1_ring=0.5, leg2_ring=0.5, talk=1)
            return await _measured(one, [(row["account"], row["extension"]) for row in rows])


async def _measured(one: House, owners: list[tuple[str, str]]) -> list[str]:
    workers = [await asyncio.to_thread(one.fleet.worker) for _ in range(WORKERS)]
    until = time.monotonic() + SECONDS
    offered, kills = await asyncio.gather(
        _offer(one, owners, until, SECONDS), _kill(one, workers, until)
    )
    usage = await _usage(one)
    stats = await one.simulated.stats()

    async def is_over() -> bool:
        async with one.session.get(f"{one.rest}/v1/stats") as response:
            counted = (await response.json())["stats"]
        return counted is not None and counted["calls"].get("queued", 0) == 0

    await wait_until(is_over, 2 * SECONDS + 60, every=1.0)
    dials = Counter(line["to"] for line in await one.simulated.dialled())
    later = await one.simulated.stats()
    heavy = [
        usage.get(extension, {}).get("heavy", {}).get("accepted", 0) for _, extension in owners
    ]
    may = HEAVY * len(owners) * max(1, SECONDS / 60)
    return [
        row("extensions, workers, seconds", f"{len(owners)}, {WORKERS}, {SECONDS}"),
        row("workers killed", kills),
        row("calls offered", offered),
        row("heavy requests / what may be", f"{sum(heavy)} / {may:.0f} = {sum(heavy) / may:.3f}"),
        row("fewest, most of an extension", f"{min(heavy)}, {max(heavy)}"),
        row("Jain's fairness index", f"{_fairness(heavy):.4f}"),
        row("refused by a limit", stats["requests_limited"]),
        row("inside a penalty", f"{stats['requests_inside_penalty']}"),
        row("... and until all was over", f"{later['requests_inside_penalty']}"),
        row("calls dialled, more than once", f"{len(dials)}, {sum(n > 1 for n in dials.values())}"),
    ]
