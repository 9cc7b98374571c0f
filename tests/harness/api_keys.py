"""API keys as the command line makes them."""

from collections.abc import Iterable
from typing import Any

from orchestrator.domain.access import EVERYTHING, Scope
from orchestrator.domain.tokens import Token
from orchestrator.runtime import now
from orchestrator.storage.api_keys import ApiKeys, Wanted
from orchestrator.storage.connection import Commands


async def made(commands: Commands, scopes: Iterable[Scope] = EVERYTHING, **more: Any) -> Token:
    """A new key with these scopes."""
    return await ApiKeys(commands, now).create(Wanted("a key", frozenset(scopes), **more))


def bearer(text: str) -> dict[str, str]:
    """The header that shows it."""
    return {"Authorization": f"Bearer {text}"}
