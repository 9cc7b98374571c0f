"""A change at RingCentral -> its event in the stream -> a client of server-sent events, and a
receiver of webhooks; and how many events a second one process tells 500 clients."""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis as redis_sync
from aiohttp import web

from tests.bench.house import House, house, percentiles, row
from tests.bench.listeners import LAST
from tests.harness.numbers import number as number_of
from tests.harness.receiver import Got, receiving
from tests.harness.sse import Listener, listening
from tests.harness.waiting import wait_until

EVENTS = "ringout:v1:{ringout}:events"
LISTENERS = [sys.executable, "-m", "tests.bench.listeners"]
CLIENTS = 500
BURST = 2_000
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Load:
    """So many live calls: `calls` placed over `over` seconds, each phase `ring` or `talk` long."""

    live: int
    calls: int
    over: float
    ring: float
    talk: float


LOADS = (Load(10, 40, 20.0, 1.3, 2.45), Load(1_000, 1_200, 24.0, 5.3, 12.1))


@dataclass(frozen=True, slots=True)
class Heard:
    """An event, when it was written (ms) and when a client had it (ns), both since the epoch."""

    call: dict[str, Any]
    written: int
    received: int


async def _heard(stream: Listener, calls: int) -> list[Heard]:
    heard: list[Heard] = []
    ended = 0
    while ended < calls:
        event = await stream.next(60)
        assert event is not None
        heard.append(Heard(event.data, int(event.id.partition("-")[0]), time.time_ns()))
        ended += event.type == "call.ended"
    return heard


class _Arrivals:
    """When a receiver had each event of a call (ns since the epoch), by call and sequence."""

    def __init__(self) -> None:
        self.at: dict[tuple[str, int], int] = {}

    async def answer(self, got: Got, _: web.Request) -> web.StreamResponse:
        """Notes the time, and accepts."""
        call = got.json["data"]
        self.at.setdefault((call["id"], call["sequence"]), time.time_ns())
        return web.Response(status=204)


async def _followed(one: House, load: Load) -> tuple[list[float], list[float], list[float]]:
    """From change to event, and from event to client and to receiver, in ms."""
    arrivals = _Arrivals()
    async with receiving() as receiver:
        receiver.answer = arrivals.answer
        body = {"url": receiver.url}
        async with one.session.post(f"{one.rest}/v1/webhooks", json=body) as response:
            webhook = await response.json()
        seen, told, heard = await _streamed(one, load)

        async def all_there() -> bool:
            return all(_name(event) in arrivals.at for event in heard)

        await wait_until(all_there, 60)
        await one.session.delete(f"{one.rest}/v1/webhooks/{webhook['id']}")
    sent = [arrivals.at[_name(event)] / 1e6 - event.written for event in heard]
    return seen, told, sent


def _name(event: Heard) -> tuple[str, int]:
    return event.call["id"], event.call["sequence"]


async def _streamed(one: House, load: Load) -> tuple[list[float], list[float], list[Heard]]:
    durations = {"leg1_ring": load.ring, "leg2_ring": load.ring, "talk": load.talk}
    await one.simulated.tune(**durations, prompt_press=0.0)
    async with listening(one.session, f"{one.rest}/v1/events") as stream:
        listens = asyncio.create_task(_heard(stream, load.calls))
        begin = time.monotonic()
        numbers: dict[str, str] = {}
        for index in range(load.calls):
            await asyncio.sleep(max(0, begin + index * load.over / load.calls - time.monotonic()))
            to = number_of(index)
            numbers[await one.accept(to)] = to
        heard = await listens
    ahead = time.time_ns() - time.monotonic_ns()
    dialled = {
        line["to"]: (line["received_monotonic_ns"] + ahead) / 1e6
        for line in await one.simulated.dialled()
    }
    seen = [_delay(event, dialled[numbers[event.call["id"]]], load) for event in heard]
    told = [event.received / 1e6 - event.written for event in heard]
    return [delay for delay in seen if delay is not None], told, heard


def _delay(event: Heard, dialled: float, load: Load) -> float | None:
    """How long after the change that it tells of an event was written; None: not such a change."""
    call = event.call
    phases = {
        ("ringing", "Success"): load.ring,
        ("connected", "Success"): 2 * load.ring,
        ("ended", "Finished"): 2 * load.ring + load.talk,
    }
    after = phases.get((call["state"], call["status"]["callerStatus"]))
    return None if after is None else event.written - dialled - after * 1_000


def _write(one: House, sample: dict[bytes, bytes], count: int) -> None:
    """Events as large as real ones; the last is marked."""
    with redis_sync.Redis.from_url(one.redis.url) as client:
        pipeline = client.pipeline(transaction=False)
        for number in range(count):
            data = sample[b"data"] if number < count - 1 else json.dumps(LAST.decode()).encode()
            pipeline.xadd(EVENTS, {**sample, b"data": data})
        pipeline.execute()


async def _fanned_out(one: House) -> float:
    """Events a second that all clients have."""
    listeners = one.fleet.run([*LISTENERS, one.rest.rpartition(":")[2], str(CLIENTS)])
    await asyncio.to_thread(listeners.line_with, "listening", 60)
    with redis_sync.Redis.from_url(one.redis.url) as client:
        sample: dict[bytes, bytes] = client.xrange(EVENTS, count=1)[0][1]
    began = time.monotonic_ns()
    await asyncio.to_thread(_write, one, sample, BURST)
    line = await asyncio.to_thread(listeners.line_with, "all told", 120)
    done, least = line.split()[2:]
    assert int(least) > (BURST - 1) * len(sample[b"data"]), line
    await wait_until(lambda: listeners.code is not None)
    return BURST / ((int(done) - began) / 1e9)


def _rows(
    load: Load, seen: Sequence[float], told: Sequence[float], sent: Sequence[float]
) -> list[str]:
    found = (
        ("change -> event in the stream", seen),
        ("event in the stream -> client", told),
        ("event in the stream -> webhook receiver", sent),
    )
    return [
        row(f"{load.live} live calls, {name}", *(f"{one:.1f}" for one in percentiles(ms)), len(ms))
        for name, ms in found
    ]


async def run() -> list[str]:
    """The table."""
    lines = [row("in ms", "p50", "p99", "samples")]
    async with house(workers=2, RINGOUT_WEBHOOK_TARGETS="any") as one:
        for load in LOADS:
            lines += _rows(load, *await _followed(one, load))
    async with house(workers=0) as one:
        await one.accept(number_of(399_999))
        rates = sorted([await _fanned_out(one) for _ in range(ROUNDS)])
    rate = rates[ROUNDS // 2]
    lines += [
        row(f"one process, {CLIENTS} clients, a burst of {BURST}", "events/s", "deliveries/s"),
        row("all of them have all", f"{rate:.0f}", f"{rate * CLIENTS:.0f}"),
    ]
    return lines
