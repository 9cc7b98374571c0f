"""Events through a receiver that fails 3 times in 10 while a worker is killed every second.

BENCH_EVENTS=10000 sends that many; 2,000 otherwise.
"""

import asyncio
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import redis as redis_sync
from aiohttp import web

from orchestrator.domain import calls
from orchestrator.domain.access import HOUSE
from orchestrator.domain.calls import Call, Change, Endpoint
from orchestrator.domain.events import entered
from orchestrator.domain.status import NOT_SPOKEN, Reading
from orchestrator.runtime import FrontEnd, front_end, now
from orchestrator.service.webhook_models import WebhookRequest
from orchestrator.settings import load
from orchestrator.storage.keys import EVENTS
from orchestrator.storage.records import event_items, shown_json
from tests.bench.house import percentiles, row
from tests.harness.processes import Fleet
from tests.harness.receiver import Got, Receiver, receiving, status
from tests.harness.redis import RedisServer, free_port
from tests.harness.waiting import wait_until

COUNT = int(os.environ.get("BENCH_EVENTS", "2000"))
FAILS = 0.3
WORKERS = 3
LADDER = ",".join(["0.2", "0.5", "1", *["2"] * 12])
"""Long enough that none of 10,000 is given up by chance."""


def _life(number: int) -> list[Change]:
    """The changes of one call, as they would be written."""
    call = Call(f"call_{number:032x}", "/x", "~", "~", now(), now(), to=Endpoint("+16*****0123"))
    talking = Reading("Success", "Success", "Success")
    over = Reading("Success", "Finished", "Finished")
    steps = [Change(call, entered(call.state))]
    moves: tuple[Callable[[Call], Change | None], ...] = (
        lambda one: calls.placing(one, 0, "f"),
        lambda one: calls.placed(one, now(), "f", f"s-{number}", NOT_SPOKEN),
        lambda one: calls.observed(one, talking, now(), now()),
        lambda one: calls.observed(one, over, now(), now()),
    )
    for move in moves:
        change = move(steps[-1].call)
        if change is None:
            raise AssertionError(f"a call that is {steps[-1].call.state} does not move")
        steps.append(change)
    return steps


def _written(url: str) -> dict[str, float]:
    """Writes the events; when each was written, by its id."""
    changes = [change for number in range(COUNT // 5) for change in _life(number)]
    sent: dict[str, float] = {}
    with redis_sync.Redis.from_url(url) as client:
        for at in range(0, len(changes), 500):
            pipeline = client.pipeline(transaction=False)
            for change in changes[at : at + 500]:
                items = event_items(change, shown_json(change.call), now())
                pipeline.execute_command("XADD", EVENTS, "*", *items)
            written = time.monotonic()
            sent |= {entry.decode(): written for entry in pipeline.execute()}
    return sent


async def _kill_one_a_second(fleet: Fleet, stop: asyncio.Event) -> int:
    workers = [fleet.worker() for _ in range(WORKERS)]
    kills = 0
    while not stop.is_set():
        try:
            async with asyncio.timeout(1.0):
                await stop.wait()
        except TimeoutError:
            workers.pop(0).kill()
            kills += 1
            workers.append(await asyncio.to_thread(fleet.worker))
    return kills


class _Judge:
    """Says no 3 times in 10, and notes when it first said yes."""

    def __init__(self, receiver: Receiver) -> None:
        self.said_yes: dict[str, float] = {}
        self.order: dict[str, list[int]] = {}
        self._attempted: set[str] = set()
        receiver.answer = self.answer
        self._chance = random.Random(7)  # noqa: S311

    async def answer(self, got: Got, request: web.Request) -> web.StreamResponse:
        if got.id not in self._attempted:
            self._attempted.add(got.id)
            call = got.json["data"]
            self.order.setdefault(call["id"], []).append(call["sequence"])
        if self._chance.random() < FAILS:
            return await status(500)(got, request)
        self.said_yes.setdefault(got.id, time.monotonic())
        return await status(204)(got, request)


async def _drained(front: FrontEnd, judge: _Judge, sent: dict[str, float]) -> float:
    pending = "ringout:v1:{ringout}:deliveries:pending"

    async def done() -> bool:
        left = await front.backend.commands.execute("ZCARD", pending)
        return judge.said_yes.keys() >= sent.keys() and not left

    await wait_until(done, 900, every=0.1)
    return time.monotonic() - min(sent.values())


async def run() -> list[str]:
    """The table."""
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder) / "redis")
        server.start()
        fleet = Fleet(
            {
                "REDIS_URL": server.url,
                "RINGCENTRAL_API_KEY": "k",
                "RC_SERVER_URL": f"http://127.0.0.1:{free_port()}",
                "RINGOUT_LOG_LEVEL": "error",
                "RINGOUT_WEBHOOK_TARGETS": "any",
                "RINGOUT_WEBHOOK_TIMEOUT": "2",
                "RINGOUT_WEBHOOK_LADDER": LADDER,
            }
        )
        try:
            return await _measured(fleet, server)
        finally:
            fleet.close()
            server.kill()


async def _measured(fleet: Fleet, server: RedisServer) -> list[str]:
    async with receiving() as receiver, front_end(load(fleet.environment)) as front:
        judge = _Judge(receiver)
        await front.webhooks.create(HOUSE, WebhookRequest.model_validate({"url": receiver.url}))
        stop = asyncio.Event()
        killing = asyncio.create_task(_kill_one_a_second(fleet, stop))
        sent = await asyncio.to_thread(_written, server.url)
        took = await _drained(front, judge, sent)
        stop.set()
        kills = await killing
    attempts = Counter(one.id for one in receiver.got)
    late = [1000 * (judge.said_yes[name] - at) for name, at in sent.items()]
    p50, p99 = percentiles(late)
    in_order = sum(1 for seen in judge.order.values() if seen == sorted(seen))
    missing, strange = sent.keys() - judge.said_yes.keys(), judge.said_yes.keys() - sent.keys()
    return [
        row(
            "events sent / received / missing / strange",
            len(sent),
            len(judge.said_yes),
            len(missing),
            len(strange),
        ),
        row("workers killed", kills),
        row("attempts", sum(attempts.values())),
        row("calls whose first attempts came in order", f"{in_order} / {len(judge.order)}"),
        row("seconds until all had arrived", f"{took:.1f}"),
        row("written -> arrived, p50 / p99 ms", f"{p50:.0f}", f"{p99:.0f}"),
    ]
