"""The front ends and the workers, as far as they can be asked."""

from collections.abc import Mapping
from typing import Any

import aiohttp

from orchestrator.domain.findings import Finding

AWAY = (aiohttp.ClientError, TimeoutError, OSError)
"""What an HTTP client raises where nobody answers."""

_QUEUE_NOTED_S = 10


async def front_end(
    session: aiohttp.ClientSession, name: str, url: str, variables: str
) -> list[Finding]:
    """Whether a front end is ready; `variables` say where it is."""
    try:
        async with session.get(url) as answer:
            status = answer.status
    except AWAY as error:
        what = f"nothing answers at {url} ({type(error).__name__})"
        return [Finding(name, "fail", what, f"start `ringout {name}`, or set {variables}")]
    if status == 503:
        return [Finding(name, "fail", f"{url} is not ready", "see what is said of redis")]
    if status != 200:
        return [Finding(name, "fail", f"{url} answers with status {status}", f"set {variables}")]
    return [Finding(name, "ok", f"{url} is ready")]


async def at_work(
    session: aiohttp.ClientSession, url: str, headers: Mapping[str, str]
) -> list[Finding]:
    """What the workers say of themselves; nothing where REST does not answer, which is said."""
    try:
        async with session.get(url, headers=headers) as answer:
            if answer.status in (401, 403):
                what = "what the workers say is not shown without a key that has the scope ops"
                return [Finding("workers", "warn", what, "set RINGOUT_API_KEY to one")]
            told = await answer.json() if answer.status == 200 else None
    except (*AWAY, ValueError):
        return []
    return [workers(told)] if isinstance(told, dict) and "workers" in told else []


def workers(told: Mapping[str, Any]) -> Finding:
    """What there is to say of the workers, by what REST says of the house."""
    alive, stats = told["workers"], told["stats"]
    if not alive:
        advice = "start `ringout worker`: calls stay queued until they expire"
        return Finding("workers", "fail", "none is at work", advice)
    shown = f"{len(alive)} at work"
    if stats is None:
        return Finding("workers", "ok", shown)
    queue, dead = stats["queue"], stats["deliveries"]["dead"]
    live = sum(count for state, count in stats["calls"].items() if state != "ended")
    shown += f"; {live} live calls, {queue['ready']} jobs ready, {queue['deferred']} deferred"
    if dead:
        advice = "see `ringout webhooks deliveries --state dead`"
        return Finding("workers", "warn", f"{shown}; {dead} webhook deliveries dead", advice)
    if queue["oldestSeconds"] > _QUEUE_NOTED_S:
        late = f"{shown}; the oldest has been ready for {queue['oldestSeconds']:.0f} s"
        return Finding("workers", "warn", late, "start more workers, or see why they are busy")
    return Finding("workers", "ok", shown)
