"""300 placings whose answer is lost, in each way in which it can be: what is made of them, beside
the simulator's ledger of what was dialled.

Life runs ten times as fast, and so do the limits: ten heavy and fifty light requests in a minute of
life for each of 60 extensions, which place five calls each. Times are seconds of life.
"""

import asyncio
import json
import statistics
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestrator.service.destinations import Destinations
from tests.bench.house import House, house, row
from tests.harness.numbers import number as number_of
from tests.harness.waiting import wait_until

_RUNG = Destinations(frozenset({"US"}))
AREAS = [area for area in range(200, 1000) if _RUNG.objection(f"+1{area}5550110") is None]

SPEED = 10
CALLS = 300
EACH = 5
ACCOUNT, FIRST = "400131425008", 400131426000
LIMITS = (
    f"heavy={10 * SPEED}/60,light={50 * SPEED}/60,medium={40 * SPEED}/60,auth=100000/60,penalty=6"
)
SCOPE = "ReadAccounts ReadCallLog ReadPresence RingOut"

WAYS: tuple[dict[str, Any], ...] = (
    {"kind": "reset_before"},
    {"kind": "reset_after"},
    {"kind": "truncated"},
    {"kind": "broken_off"},
    {"kind": "dialled_status", "status": 500},
    {"kind": "dialled_status", "status": 502, "body": "html"},
    {"kind": "dialled_status", "status": 504},
    {"kind": "status", "status": 503},
    {"kind": "hang_after"},
    {"kind": "hang_before"},
    {"kind": "dialled_status", "status": 200, "body": "empty"},
    {"kind": "dialled_status", "status": 200, "body": "html"},
)
OUTCOMES = {
    "0123": "completed",
    "0110": "busy",
    "0111": "no_answer",
    "0112": "rejected",
    "0113": "no_answer",
}
KINDS: Mapping[str, dict[str, Any]] = {
    "ids equal": {},
    "ids of their own": {"ids_equal": False},
    "ids of their own, CallControl": {"ids_equal": False, "scope": f"{SCOPE} CallControl"},
    "ids of their own, no presence": {
        "ids_equal": False,
        "scope": SCOPE.replace("ReadPresence ", ""),
    },
}


@dataclass(frozen=True, slots=True)
class Judged:
    """One call beside the truth: `right`, `open` (said to be unknown) or `wrong`; and after how
    many seconds of life it was known whether it had been placed."""

    verdict: str
    seconds: float | None
    was_dialled: bool


def _credentials() -> list[dict[str, str]]:
    return [
        {
            "name": f"agent-{number}",
            "account": ACCOUNT,
            "extension": str(FIRST + number),
            "clientId": "simulator-client",
            "clientSecret": "simulator-secret",
            "jwt": f"simulator-jwt.{number}" if number > 1 else "simulator-jwt",
        }
        for number in range(1, CALLS // EACH + 1)
    ]


def _callee(number: int) -> str:
    """No two of an extension end alike; every way meets every outcome."""
    ending = list(OUTCOMES)[(number // len(WAYS)) % len(OUTCOMES)]
    return f"+1{AREAS[number]}555{ending}"


@asynccontextmanager
async def _fast_house(tuning: dict[str, Any]) -> AsyncIterator[House]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "credentials.json"
        path.write_text(json.dumps(_credentials()), encoding="utf-8")
        environment = {
            "RINGOUT_CREDENTIALS_FILE": str(path),
            "RINGOUT_LOGINS_A_MINUTE": "10000",
            "RINGOUT_UPSTREAM_TIMEOUT": "2",
            "RINGOUT_CADENCE_FACTOR": str(1 / SPEED),
        }
        async with house(workers=0, **environment) as one:
            clock = f"{one.simulated.url}/__sim/clock"
            async with one.session.post(clock, json={"speed": SPEED}) as response:
                response.raise_for_status()
            await one.simulated.tune(
                limits=LIMITS, leg1_ring=4, leg2_ring=3, talk=10, no_answer=20, **tuning
            )
            for _ in range(2):
                await asyncio.to_thread(one.fleet.worker)
            yield one


async def _place(one: House, number: int) -> str:
    """One call, whose answer will be lost; its id."""
    extension = 1 + number // EACH
    to = _callee(number)
    way = WAYS[number % len(WAYS)]
    await one.simulated.fault(operation="make", times=1, match={"to": to}, **way)
    path = f"/v1/restapi/v1-0/account/{ACCOUNT}/extension/{FIRST + extension}/ring-out"
    body = {
        "from": {"phoneNumber": number_of(extension)},
        "to": {"phoneNumber": to},
    }
    async with one.session.post(one.rest + path, json=body) as response:
        if response.status != 202:
            raise AssertionError(f"{response.status}: {await response.text()}")
        call_id: str = (await response.json())["id"]
        return call_id


async def _shown(one: House, call_id: str, suffix: str = "") -> dict[str, Any]:
    path = f"/v1/calls/{call_id}{suffix}"
    if not suffix:
        path = f"/v1/restapi/v1-0/account/~/extension/~/ring-out/{call_id}"
    async with one.session.get(one.rest + path) as response:
        answer: dict[str, Any] = await response.json()
        return answer


async def _ended(one: House, ids: list[str]) -> list[dict[str, Any]]:
    async def are_over() -> list[dict[str, Any]] | None:
        found = [await _shown(one, call_id) for call_id in ids]
        return found if all(call["state"] == "ended" for call in found) else None

    calls: list[dict[str, Any]] = await wait_until(are_over, 240, every=2.0)
    return calls


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _judged(call: dict[str, Any], story: dict[str, Any], dialled: list[dict[str, Any]]) -> Judged:
    """`story` is the call's time line."""
    outcome, code = call["outcome"], (call["reason"] or {}).get("code")
    expected = "failed" if not dialled else OUTCOMES[dialled[0]["to"][-4:]]
    is_right = outcome == expected and (code == "not_placed") == (not dialled)
    verdict = "open" if outcome == "unknown" else "right" if is_right else "wrong"
    events = {event["type"]: _moment(event["at"]) for event in story["events"][::-1]}
    known = [
        one["since"] / 1000 for one in story["evidence"] if one["verdict"] in ("placed", "over")
    ]
    if not known and outcome != "unknown":
        known = [_moment(call["endedAt"]) - events["call.placing"]]
    return Judged(verdict, SPEED * known[0] if known else None, bool(dialled))


async def _one_kind(name: str, tuning: dict[str, Any]) -> list[str]:
    async with _fast_house(tuning) as one:
        ids: list[str] = [""] * CALLS
        for turn in range(EACH):
            numbers = range(turn, CALLS, EACH)
            for number in numbers:
                ids[number] = await _place(one, number)
                await asyncio.sleep(0.02)
        calls = await _ended(one, ids)
        stories = [await _shown(one, call_id, "/timeline") for call_id in ids]
        ledger: dict[str, list[dict[str, Any]]] = {}
        for line in await one.simulated.dialled():
            ledger.setdefault(line["to"], []).append(line)
        stats = await one.simulated.stats()
    judged = [
        _judged(call, story, ledger.get(_callee(number), []))
        for number, (call, story) in enumerate(zip(calls, stories, strict=True))
    ]
    return _table(name, judged, ledger, stats)


def _table(
    name: str, judged: list[Judged], ledger: dict[str, list[dict[str, Any]]], stats: dict[str, Any]
) -> list[str]:
    verdicts = Counter(one.verdict for one in judged)
    known = [(one.seconds, one.was_dialled) for one in judged if one.seconds is not None]
    twice = sum(len(lines) > 1 for lines in ledger.values())
    asked = stats["requests_by_operation"]
    sources = ("presence", "session", "active-calls", "call-log")
    return [
        row(name, f"{len(judged)} placings"),
        row("  dialled, twice", f"{len(ledger)}, {twice}"),
        row("  resolved to the truth", f"{verdicts['right'] / len(judged):.1%}"),
        row("  said to be unknown, wrong", f"{verdicts['open']}, {verdicts['wrong']}"),
        row("  time to verdict p50, p95 (s)", _spread([seconds for seconds, _ in known])),
        row("  ... of those that were dialled", _spread([s for s, dialled in known if dialled])),
        row("  ... of those that were not", _spread([s for s, dialled in known if not dialled])),
        row("  " + ", ".join(sources), ", ".join(str(asked.get(one, 0)) for one in sources)),
        row("  refused by a limit, inside a penalty", _refused(stats)),
    ]


def _spread(seconds: list[float]) -> str:
    if len(seconds) < 2:
        return "-"
    cuts = statistics.quantiles(seconds, n=20, method="inclusive")
    return f"{cuts[9]:.1f}, {cuts[18]:.1f}"


def _refused(stats: dict[str, Any]) -> str:
    return f"{stats['requests_limited']}, {stats['requests_inside_penalty']}"


async def run() -> list[str]:
    """The table."""
    lines = []
    for name, tuning in KINDS.items():
        lines += await _one_kind(name, tuning)
    return lines
