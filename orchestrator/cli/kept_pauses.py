"""What `ringout pause` and `ringout resume` do in Redis."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from pydantic import BaseModel

from orchestrator import runtime
from orchestrator.cli.ending import WRONG, Ended
from orchestrator.cli.operator import actor, audit, commands
from orchestrator.domain.errors import InvalidRequest
from orchestrator.service.pausing import PauseQuery, PauseRequest, Pausing
from orchestrator.service.webhook_models import parsed_as
from orchestrator.settings import Settings
from orchestrator.storage.pauses import Pauses

Model = TypeVar("Model", bound=BaseModel)


async def pause(settings: Settings, key: str | None, reason: str) -> dict[str, Any]:
    """What is paused then, and how many placings were under way."""
    wish = _read(PauseRequest, {"key": key, "reason": reason})
    async with _pausing(settings) as pausing:
        return await pausing.shown(await pausing.pause(actor(), wish))


async def resume(settings: Settings, key: str | None) -> dict[str, Any]:
    """What is paused then; `ended` says whether this was."""
    wish = _read(PauseQuery, {"key": key})
    async with _pausing(settings) as pausing:
        ended = await pausing.resume(actor(), wish.key)
        return {**await pausing.shown(), "ended": ended}


@asynccontextmanager
async def _pausing(settings: Settings) -> AsyncIterator[Pausing]:
    async with commands(settings) as redis:
        yield Pausing(Pauses(redis), audit(settings, redis), runtime.now)


def _read(model: type[Model], options: Mapping[str, Any]) -> Model:
    try:
        return parsed_as(model, options)
    except InvalidRequest as error:
        wrong = error.errors[0]
        raise Ended(f"--{wrong.field}: {wrong.detail}", WRONG) from None
