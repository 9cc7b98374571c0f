"""Server-sent events as the command line reads them, and what it makes of the house."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from orchestrator.cli import tailed
from orchestrator.cli.checks.house import workers
from orchestrator.cli.stream import Told, events


async def _lines(text: str) -> AsyncIterator[bytes]:
    for line in text.splitlines(keepends=True):
        yield line.encode()


async def test_a_long_silence_is_no_reason_to_give_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tailed, "_GIVE_UP_S", 0.0)
    reached = tailed._Reached("")
    assert reached.is_lost(), "nobody has ever answered"
    reached.note(Told("", "", ""))
    assert not reached.is_lost()
    assert reached.is_lost()
    reached.note(Told("", "", ""))
    assert not reached.is_lost()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id: 1-0\nevent: call.queued\ndata: {}\n\n", [Told("call.queued", "1-0", "{}")]),
        ("event:a\ndata:1\ndata: 2\n\n", [Told("a", "", "1\n2")]),
        (": ping\n\nretry: 5\n\n", []),
        ("retry: 5\nid: 7-0\n\n", [Told("", "7-0", "")]),
        ("id: 1-0\ndata: x\n\ndata: y\n\n", [Told("", "1-0", "x"), Told("", "1-0", "y")]),
        ("id: 1-0\r\ndata: x\r\n\r\n", [Told("", "1-0", "x")]),
        ("data: cut off", []),
    ],
)
async def test_events_are_read(text: str, told: list[Told]) -> None:
    assert [event async for event in events(_lines(text))] == told


def _house(**changes: Any) -> dict[str, Any]:
    queue = {"ready": 0, "deferred": 3, "oldestSeconds": changes.pop("oldest", 0.0)}
    stats = {
        "calls": {"queued": 1, "ringing": 2, "ended": 9},
        "queue": queue,
        "deliveries": {"dead": changes.pop("dead", 0)},
    }
    return {"workers": [{}, {}], "stats": stats, **changes}


@pytest.mark.parametrize(
    ("told", "verdict", "what"),
    [
        (_house(), "ok", "2 at work; 3 live calls, 0 jobs ready, 3 deferred"),
        (_house(stats=None), "ok", "2 at work"),
        (_house(workers=[]), "fail", "none is at work"),
        (_house(dead=4), "warn", "4 webhook deliveries dead"),
        (_house(oldest=60.0), "warn", "ready for 60 s"),
    ],
)
def test_what_doctor_makes_of_the_house(told: dict[str, Any], verdict: str, what: str) -> None:
    finding = workers(told)
    assert finding.verdict == verdict
    assert what in finding.what
    assert (finding.advice == "") == (verdict == "ok")
