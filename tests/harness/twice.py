"""A connection that breaks after a script has run, before its answer: the script is sent again."""

from collections.abc import Sequence
from typing import Any

from orchestrator.storage.connection import Commands
from orchestrator.storage.scripts import Script


class SentTwice(Commands):
    """Sends every script twice; the second answer is the one that arrives."""

    async def run(self, script: Script, keys: Sequence[str], *args: Any) -> Any:
        """The answer of the second time."""
        await super().run(script, keys, *args)
        return await super().run(script, keys, *args)
