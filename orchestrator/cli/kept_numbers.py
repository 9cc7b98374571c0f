"""What `ringout suppress`, `ringout forget` and `ringout audit` do in Redis."""

from collections.abc import Mapping
from typing import Any

from orchestrator import runtime
from orchestrator.cli import operator
from orchestrator.cli.operator import actor, commands
from orchestrator.domain.access import HOUSE
from orchestrator.service.forgotten import shown
from orchestrator.settings import Settings
from orchestrator.storage.audit import SUPPRESSED, UNSUPPRESSED
from orchestrator.storage.connection import WORKER
from orchestrator.storage.suppression import Suppression


async def add(settings: Settings, number: str) -> bool:
    """Whether the number was not suppressed before."""
    async with commands(settings) as redis:
        digests = runtime.digests(settings, redis)
        await operator.audit(settings, redis).note(SUPPRESSED, actor(), await digests.of(number))
        return await Suppression(redis, digests).add(number)


async def remove(settings: Settings, number: str) -> bool:
    """Whether the number was suppressed before."""
    async with commands(settings) as redis:
        digests = runtime.digests(settings, redis)
        await operator.audit(settings, redis).note(UNSUPPRESSED, actor(), await digests.of(number))
        return await Suppression(redis, digests).remove(number)


async def check(settings: Settings, number: str) -> bool:
    """Whether the number is suppressed."""
    async with commands(settings) as redis:
        (is_suppressed,) = await Suppression(redis, runtime.digests(settings, redis)).holds(number)
        return is_suppressed


async def forget(settings: Settings, number: str) -> dict[str, Any]:
    """What was done to forget the number, as REST shows it."""
    async with operator.parts(settings, WORKER) as parts:
        done = await runtime.forgetter(settings, parts).forget(HOUSE, number, actor())
    return shown(done)


async def audit(settings: Settings, limit: int) -> list[Mapping[str, str]]:
    """The newest entries of the audit stream, newest first."""
    async with commands(settings) as redis:
        return await operator.audit(settings, redis).newest(limit)
