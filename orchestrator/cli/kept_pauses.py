"""What `ringout pause` and `ringout resume` do in Redis."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from orchestrator import runtime
from orchestrator.cli.ending import WRONG, Ended
from orchestrator.cli.operator import actor, audit, commands
from orchestrator.domain.errors import InvalidRequest
from orchestrator.service.pausing import PauseQuery, PauseRequest, Pausing
from orchestrator.service.webhook_models import parsed_as
from orchestrator.settings import Settings
from orchestrator.storage.api_keys import ApiKeys
from orchestrator.storage.pauses import Pauses


async def pause(settings: Settings, key: str | None, reason: str) -> dict[str, Any]:
    """What is paused then, and how many placings were under way."""
    with _options_named():
        wish = parsed_as(PauseRequest, {"key": key, "reason": reason})
        async with _pausing(settings) as pausing:
            return await pausing.shown(await pausing.pause(actor(), wish))


async def resume(settings: Settings, key: str | None) -> dict[str, Any]:
    """What is paused then; `ended` says whether this was."""
    with _options_named():
        wish = parsed_as(PauseQuery, {"key": key})
    async with _pausing(settings) as pausing:
        ended = await pausing.resume(actor(), wish.key)
        return {**await pausing.shown(), "ended": ended}


@asynccontextmanager
async def _pausing(settings: Settings) -> AsyncIterator[Pausing]:
    async with commands(settings) as redis:
        yield Pausing(
            Pauses(redis), ApiKeys(redis, runtime.now), audit(settings, redis), runtime.now
        )


@contextmanager
def _options_named() -> Iterator[None]:
    """What is wrong with a field is wrong usage of the option of its name."""
    try:
        yield
    except InvalidRequest as error:
        wrong = error.errors[0]
        raise Ended(f"--{wrong.field}: {wrong.detail}", WRONG) from None
