"""The checks that `ringout doctor` makes; each asks as the processes themselves would."""

import asyncio
import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import aiohttp
from redis.exceptions import RedisError

from orchestrator import runtime
from orchestrator.cli.addresses import Address
from orchestrator.domain.errors import (
    RingOutError,
    StorageUnavailable,
    UpstreamGated,
    UpstreamRefused,
)
from orchestrator.settings import ConfigurationError, Settings, require_credentials
from orchestrator.storage.connection import FRONT_END, connect

_WITHIN = aiohttp.ClientTimeout(total=5)
_QUEUE_NOTED_S = 10
_SKEW_NOTED_S = 5
_SKEW_HARMFUL_S = 60
_OLDEST_REDIS = (6, 2)
_AWAY = (aiohttp.ClientError, TimeoutError, OSError)


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one thing, and what to do where it is not right."""

    about: str
    verdict: Literal["ok", "warn", "fail"]
    what: str
    advice: str = ""


async def findings(settings: Settings) -> list[Finding]:
    """Everything that was found, made at the same time, in the order in which to mend it."""
    async with aiohttp.ClientSession(timeout=_WITHIN) as session:
        rest = f"{settings.base_url}/readyz"
        mcp = Address(settings.mcp_host, settings.mcp_port, "RINGOUT_MCP").url + "/readyz"
        checks: list[Awaitable[list[Finding]]] = [
            _redis(settings),
            _ringcentral(session, settings.server_url),
            _credential(settings),
            _front_end(session, "rest", rest, "RINGOUT_PUBLIC_URL or RINGOUT_REST_PORT"),
            _front_end(session, "mcp", mcp, "RINGOUT_MCP_PORT"),
            _house(session, f"{settings.base_url}/v1/stats"),
        ]
        found = await asyncio.gather(*checks)
    first = Finding("settings", "ok", "every variable is known and well-formed")
    return [first, *(finding for group in found for finding in group)]


async def _redis(settings: Settings) -> list[Finding]:
    redis = connect(settings.redis_url, FRONT_END, settings.sentinels)
    try:
        facts = await redis.info()
    except (RedisError, OSError) as error:
        advice = "start Redis, or set REDIS_URL (and RINGOUT_REDIS_SENTINELS) to where it is"
        return [Finding("redis", "fail", f"does not answer: {error}", advice)]
    finally:
        await redis.aclose()
    return [_version(facts), _eviction(facts.get("maxmemory_policy")), _kept(facts)]


def _version(facts: Mapping[str, Any]) -> Finding:
    version = str(facts.get("redis_version", "0"))
    shown = f"answers; {facts.get('server_name', 'redis')} {facts.get('valkey_version', version)}"
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if numbers < _OLDEST_REDIS:
        return Finding("redis", "fail", shown, "use Redis 6.2 or later, or Valkey")
    return Finding("redis", "ok", shown)


def _eviction(policy: str | None) -> Finding:
    about = "eviction"
    if policy == "noeviction":
        return Finding(about, "ok", "Redis evicts nothing")
    advice = "set maxmemory-policy noeviction: what is evicted is a call that is forgotten"
    if policy is None:
        return Finding(about, "warn", "Redis does not say whether it evicts keys", advice)
    return Finding(about, "fail", f"Redis may evict calls: maxmemory-policy is {policy}", advice)


def _kept(facts: Mapping[str, Any]) -> Finding:
    about = "persistence"
    if not facts.get("aof_enabled"):
        advice = "set appendonly yes: a restart of Redis forgets calls and idempotency keys"
        return Finding(about, "warn", "Redis keeps no append-only file", advice)
    if facts.get("aof_last_write_status", "ok") != "ok":
        advice = "look at Redis's log and the disk's free space"
        return Finding(about, "fail", "Redis could not write its append-only file", advice)
    return Finding(about, "ok", "Redis keeps an append-only file")


async def _ringcentral(session: aiohttp.ClientSession, server_url: str) -> list[Finding]:
    asked_at = time.time()
    try:
        async with session.get(f"{server_url}/restapi/v1.0") as answer:
            status, date = answer.status, answer.headers.get("Date", "")
    except _AWAY as error:
        what = f"{server_url} does not answer ({type(error).__name__})"
        advice = "check RC_SERVER_URL, and the way out: DNS, proxy, firewall"
        return [Finding("ringcentral", "fail", what, advice)]
    if status != 200:
        what, advice = f"{server_url} answers with status {status}", "check RC_SERVER_URL"
        return [Finding("ringcentral", "fail", what, advice)]
    middle = (asked_at + time.time()) / 2
    return [Finding("ringcentral", "ok", f"{server_url} answers"), _clock(date, middle)]


def _clock(date: str, now: float) -> Finding:
    try:
        skew = now - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return Finding("clock", "warn", "RingCentral's answer bears no date to compare with")
    off = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} RingCentral's"
    if abs(skew) < _SKEW_NOTED_S:
        return Finding("clock", "ok", "agrees with RingCentral's")
    verdict: Literal["warn", "fail"] = "warn" if abs(skew) < _SKEW_HARMFUL_S else "fail"
    return Finding("clock", verdict, off, "let this machine's clock be set by NTP")


async def _credential(settings: Settings) -> list[Finding]:
    try:
        require_credentials(settings)
    except ConfigurationError as error:
        return [Finding("credential", "fail", str(error), "see docs/settings.md")]
    try:
        async with (
            runtime.backend(settings, FRONT_END) as parts,
            runtime.ringcentral(settings, parts.commands) as upstream,
        ):
            await upstream.ready()
            return [await _accepted(upstream.status("~", "~", "doctor"))]
    except StorageUnavailable:
        return [Finding("credential", "warn", "not checked: that needs Redis")]
    except UpstreamGated as error:
        return [Finding("credential", "warn", f"not checked: {error.detail}", "try again later")]
    except RingOutError as error:
        advice = "check RINGCENTRAL_API_KEY, or RC_APP_CLIENT_ID, RC_APP_CLIENT_SECRET, RC_USER_JWT"
        return [Finding("credential", "fail", error.detail, advice)]


async def _accepted(asking: Awaitable[object]) -> Finding:
    """Asks for a ring-out that there cannot be: a credential that is good gets a 404."""
    try:
        await asking
    except UpstreamRefused as refusal:
        if refusal.http_status == 401:
            raise
        if refusal.http_status == 403:
            advice = "give the RingCentral app the RingOut permission"
            return Finding("credential", "fail", refusal.detail, advice)
    return Finding("credential", "ok", "RingCentral accepts it")


async def _front_end(
    session: aiohttp.ClientSession, name: str, url: str, variables: str
) -> list[Finding]:
    try:
        async with session.get(url) as answer:
            status = answer.status
    except _AWAY as error:
        what = f"nothing answers at {url} ({type(error).__name__})"
        return [Finding(name, "fail", what, f"start `ringout {name}`, or set {variables}")]
    if status == 503:
        return [Finding(name, "fail", f"{url} is not ready", "see what is said of redis")]
    if status != 200:
        return [Finding(name, "fail", f"{url} answers with status {status}", f"set {variables}")]
    return [Finding(name, "ok", f"{url} is ready")]


async def _house(session: aiohttp.ClientSession, url: str) -> list[Finding]:
    """What the workers say of themselves; nothing where REST does not answer, which is said."""
    try:
        async with session.get(url) as answer:
            told = await answer.json() if answer.status == 200 else None
    except (*_AWAY, ValueError):
        return []
    return [_workers(told)] if isinstance(told, dict) and "workers" in told else []


def _workers(told: Mapping[str, Any]) -> Finding:
    workers, stats = told["workers"], told["stats"]
    if not workers:
        advice = "start `ringout worker`: calls stay queued until they expire"
        return Finding("workers", "fail", "none is at work", advice)
    shown = f"{len(workers)} at work"
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
