"""How fresh the status is: a change at RingCentral -> our event, under RingCentral's limits.

Calls of a minute or so on a few extensions, each with fifty light requests a minute: with
notifications, without them at 10 and at 30 live calls an extension, and beside a plain client that
asks for each live call every two seconds. Heavy requests are not limited here, so that there can
be that many calls.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.house import House, house, percentiles, row
from tests.harness.numbers import number as number_of
from tests.harness.sse import Listener, listening

EXTENSIONS = 3
ROUNDS_S = 90.0
LEG1, LEG2, TALK = 4.0, 6.0, 40.0
LASTS = LEG1 + LEG2 + TALK
LIMITS = "heavy=100000/60,light=50/60,medium=40/60,auth=100000/60,penalty=60"
ACCOUNT, FIRST = "400131425008", 400131426000
SCOPE = "ReadAccounts ReadCallLog ReadPresence RingOut CallControl WebSocketsSubscription"
PLAIN_EVERY_S = 2.0


@dataclass(slots=True)
class Seen:
    """Delays in ms by what changed, and how many requests were refused of how many."""

    delays: dict[str, list[float]] = field(default_factory=dict)
    asked: int = 0
    refused: int = 0

    def add(self, what: str, delay: float) -> None:
        """One change that was seen."""
        self.delays.setdefault(what, []).append(delay)

    @property
    def all(self) -> list[float]:
        """All delays."""
        return [delay for some in self.delays.values() for delay in some]


def _member(number: int) -> dict[str, str]:
    return {
        "name": f"agent-{number}",
        "account": ACCOUNT,
        "extension": str(FIRST + number),
        "clientId": "simulator-client",
        "clientSecret": "simulator-secret",
        "jwt": f"simulator-jwt.{number}" if number > 1 else "simulator-jwt",
    }


def _body(number: int) -> dict[str, Any]:
    return {
        "from": {"phoneNumber": number_of(200_000 + number)},
        "to": {"phoneNumber": number_of(number)},
    }


def _changes(dialled_ms: float) -> dict[str, float]:
    """When a call changes, by the wall clock in ms."""
    return {
        "answered": dialled_ms + 1000 * LEG1,
        "connected": dialled_ms + 1000 * (LEG1 + LEG2),
        "ended": dialled_ms + 1000 * LASTS,
    }


def _what(status: dict[str, str]) -> str | None:
    words = (status["callStatus"], status["callerStatus"], status["calleeStatus"])
    return {
        ("InProgress", "Success", "InProgress"): "answered",
        ("Success", "Success", "Success"): "connected",
        ("Success", "Finished", "Finished"): "ended",
    }.get(words)


async def _dialled(one: House) -> dict[str, float]:
    ahead = time.time_ns() - time.monotonic_ns()
    return {
        line["to"]: (line["received_monotonic_ns"] + ahead) / 1e6
        for line in await one.simulated.dialled()
    }


async def _paced(live: int) -> Any:
    """Yields the numbers of calls, so many that `live` go on at the same time."""
    began, gap, number = time.monotonic(), LASTS / live, 0
    while number * gap < ROUNDS_S:
        await asyncio.sleep(max(0.0, began + number * gap - time.monotonic()))
        yield number
        number += 1


async def _ours(one: House, live: int) -> Seen:
    seen = Seen()
    numbers: dict[str, str] = {}

    async def place() -> None:
        async for index in _paced(live):
            for number in range(1, EXTENSIONS + 1):
                owner = f"account/{ACCOUNT}/extension/{FIRST + number}"
                body = _body(index * EXTENSIONS + number)
                url = f"{one.rest}/v1/restapi/v1-0/{owner}/ring-out"
                async with one.session.post(url, json=body) as response:
                    numbers[(await response.json())["id"]] = body["to"]["phoneNumber"]

    async with listening(one.session, f"{one.rest}/v1/events") as stream:
        events: list[tuple[str, str, float]] = []
        told = asyncio.create_task(_told(stream, events))
        await place()
        await asyncio.sleep(LASTS + 45)
        told.cancel()
        await asyncio.gather(told, return_exceptions=True)
    dialled = await _dialled(one)
    for what, call_id, at in events:
        seen.add(what, at - _changes(dialled[numbers[call_id]])[what])
    stats = await one.simulated.stats()
    seen.asked, seen.refused = stats["requests"], stats["requests_limited"]
    return seen


async def _told(stream: Listener, events: list[tuple[str, str, float]]) -> None:
    known: set[tuple[str, str]] = set()
    while True:
        event = await stream.next(600)
        if event is None:
            return
        what = _what(event.data["status"])
        if what is not None and (what, event.data["id"]) not in known:
            known.add((what, event.data["id"]))
            events.append((what, event.data["id"], int(event.id.partition("-")[0])))


async def _plain(one: House, live: int) -> Seen:
    """A client that asks for each live call every two seconds, and tries on when refused."""
    seen = Seen()
    url = f"{one.simulated.url}/restapi/v1.0/account/~/extension/~/ring-out"

    async def follow(index: int, number: int) -> None:
        key = "simulator-key" + (f".{number}" if number > 1 else "")
        headers = {"Authorization": f"Bearer {key}"}
        body = _body(index * EXTENSIONS + number)
        async with one.session.post(url, json=body, headers=headers) as response:
            ringout_id = (await response.json())["id"]
        found: dict[str, float] = {}
        give_up = time.monotonic() + LASTS + 60
        while "ended" not in found and time.monotonic() < give_up:
            await asyncio.sleep(PLAIN_EVERY_S)
            async with one.session.get(f"{url}/{ringout_id}", headers=headers) as response:
                seen.asked += 1
                seen.refused += response.status == 429
                if response.status == 200:
                    what = _what((await response.json())["status"])
                    if what is not None:
                        found.setdefault(what, time.time_ns() / 1e6)
        changes = _changes((await _dialled(one))[body["to"]["phoneNumber"]])
        for what, change in changes.items():
            # What was never seen counts as if it had been seen when the client gave up.
            seen.add(what, found.get(what, time.time_ns() / 1e6) - change)

    following: list[asyncio.Task[None]] = []
    async for index in _paced(live):
        following += [
            asyncio.create_task(follow(index, number)) for number in range(1, EXTENSIONS + 1)
        ]
    await asyncio.gather(*following)
    return seen


def _row(name: str, seen: Seen) -> list[str]:
    lines = [row(name, *_figures(seen.all or [0.0]), f"{seen.refused}/{seen.asked}")]
    return lines + [
        row(f"    {what}", *_figures(delays), "")
        for what in ("answered", "connected", "ended")
        if (delays := seen.delays.get(what))
    ]


def _figures(delays: Sequence[float]) -> tuple[str, str, int]:
    p50, p99 = percentiles(delays) if len(delays) > 1 else (delays[0], delays[0])
    return f"{p50 / 1000:.2f}", f"{p99 / 1000:.2f}", len(delays)


async def _measured(live: int, notifications: str, *, plain: bool = False) -> Seen:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "credentials.json"
        members = [_member(number) for number in range(1, EXTENSIONS + 1)]
        path.write_text(json.dumps(members), encoding="utf-8")
        environment = {
            "RINGOUT_CREDENTIALS_FILE": str(path),
            "RINGOUT_LOGINS_A_MINUTE": "10000",
            "RINGOUT_NOTIFICATIONS": notifications,
        }
        async with house(workers=0, **environment) as one:
            await one.simulated.tune(
                limits=LIMITS, leg1_ring=LEG1, leg2_ring=LEG2, talk=TALK, scope=SCOPE
            )
            for _ in range(0 if plain else 2):
                one.fleet.worker()
            return await (_plain if plain else _ours)(one, live)


async def run() -> list[str]:
    """The table."""
    lines = [row("in seconds", "p50", "p99", "changes", "refused")]
    for live, notifications in ((10, "websocket"), (10, "off"), (30, "off")):
        seen = await _measured(live, notifications)
        lines += _row(f"notifications {notifications}, {live} live calls each", seen)
    for live in (10, 30):
        seen = await _measured(live, "off", plain=True)
        lines += _row(f"a plain client, every 2 s, {live} live calls each", seen)
    return lines
