"""Whether RingCentral answers at all, and by what clock."""

from email.utils import parsedate_to_datetime

import aiohttp

from orchestrator.cli.checks.house import AWAY
from orchestrator.domain.findings import Finding
from orchestrator.runtime import now
from orchestrator.service.checkup.clocks import agreement


async def reached(session: aiohttp.ClientSession, server_url: str) -> list[Finding]:
    """What a request that needs no credential and that no limit counts finds."""
    asked_at = now()
    try:
        async with session.get(f"{server_url}/restapi/v1.0") as answer:
            status, date = answer.status, answer.headers.get("Date", "")
    except AWAY as error:
        what = f"{server_url} does not answer ({type(error).__name__})"
        advice = "check RC_SERVER_URL, and the way out: DNS, proxy, firewall"
        return [Finding("ringcentral", "fail", what, advice)]
    if status != 200:
        what, advice = f"{server_url} answers with status {status}", "check RC_SERVER_URL"
        return [Finding("ringcentral", "fail", what, advice)]
    answers = Finding("ringcentral", "ok", f"{server_url} answers")
    return [answers, clock(date, (asked_at + now()) / 2)]


def clock(date: str, now_ms: float) -> Finding:
    """What RingCentral's `Date` says of this machine's clock, which showed `now_ms` then."""
    try:
        theirs = 1000 * parsedate_to_datetime(date).timestamp()
    except ValueError:
        return Finding("clock", "warn", "RingCentral's answer bears no date to compare with")
    return agreement("clock", now_ms - theirs, "RingCentral's")
