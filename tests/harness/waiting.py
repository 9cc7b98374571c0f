"""Waiting for a condition, instead of sleeping for a time."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any


async def wait_until(
    condition: Callable[[], Any | Awaitable[Any]], seconds: float = 15.0, every: float = 0.02
) -> Any:
    """The first truthy answer of `condition`; AssertionError when none comes in time."""
    give_up = time.monotonic() + seconds
    while True:
        answer = condition()
        if inspect.isawaitable(answer):
            answer = await answer
        if answer:
            return answer
        if time.monotonic() > give_up:
            raise AssertionError(f"{condition} did not hold within {seconds} s; last: {answer!r}")
        await asyncio.sleep(every)
