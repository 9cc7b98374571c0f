"""Redis: whether it keeps what it is given, and has room for it."""

from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import StorageUnavailable
from orchestrator.domain.findings import Finding
from orchestrator.service.checkup import clocks
from orchestrator.storage.condition import Condition, condition
from orchestrator.storage.connection import Commands

_OLDEST = (6, 2)
_FULL = 0.9
_NEARLY_FULL = 0.75
_MIB = 1 << 20


async def server(commands: Commands, clock: Clock) -> list[Finding]:
    """What there is to say of Redis; one finding where it does not answer."""
    try:
        asked_at = clock()
        found = await condition(commands)
    except StorageUnavailable as error:
        advice = (
            "start Redis, or set REDIS_URL (and RINGOUT_REDIS_SENTINELS) to where it is, as a user "
            "that may run INFO and TIME"
        )
        return [Finding("redis", "fail", f"does not answer: {error.__cause__ or error}", advice)]
    skew = (asked_at + clock()) / 2 - found.time
    return [*judged(found), clocks.agreement("redis clock", skew, "Redis's")]


def judged(found: Condition) -> list[Finding]:
    """What a server's condition means here."""
    return [_version(found), _memory(found), _eviction(found.eviction), _persistence(found)]


def _version(found: Condition) -> Finding:
    shown = f"answers; {found.name} {found.version}"
    if found.protocol_version[:2] < _OLDEST:
        return Finding("redis", "fail", shown, "use Redis 6.2 or later, or Valkey")
    if found.is_replica:
        advice = "name the master in REDIS_URL, or Sentinels in RINGOUT_REDIS_SENTINELS"
        return Finding("redis", "fail", f"{shown}; it is a replica, which takes no writes", advice)
    return Finding("redis", "ok", shown)


def _memory(found: Condition) -> Finding:
    used, allowed = found.memory_used, found.memory_allowed
    if not allowed:
        return Finding("memory", "ok", f"{used / _MIB:.0f} MiB used")
    shown = f"{used / _MIB:.0f} of {allowed / _MIB:.0f} MiB used"
    advice = "give Redis more memory, or keep less: RINGOUT_RETENTION, RINGOUT_EVENTS_KEPT"
    if used > _FULL * allowed:
        return Finding(
            "memory", "fail", f"{shown}: no call can be accepted when it is full", advice
        )
    if used > _NEARLY_FULL * allowed:
        return Finding("memory", "warn", shown, advice)
    return Finding("memory", "ok", shown)


def _eviction(policy: str | None) -> Finding:
    about = "eviction"
    if policy == "noeviction":
        return Finding(about, "ok", "Redis evicts nothing")
    advice = "set maxmemory-policy noeviction: what is evicted is a call that is forgotten"
    if policy is None:
        return Finding(about, "warn", "Redis does not say whether it evicts keys", advice)
    return Finding(about, "fail", f"Redis may evict calls: maxmemory-policy is {policy}", advice)


def _persistence(found: Condition) -> Finding:
    about, look = "persistence", "look at Redis's log and the disk's free space"
    if not found.keeps_log:
        advice = "set appendonly yes: a restart of Redis forgets calls and idempotency keys"
        return Finding(about, "warn", "Redis keeps no append-only file", advice)
    if not found.log_written:
        return Finding(about, "fail", "Redis could not write its append-only file", look)
    if not found.snapshot_written:
        return Finding(about, "warn", "Redis could not write its last snapshot", look)
    return Finding(about, "ok", "Redis keeps an append-only file")
