"""The evidence of a call: what each source said that was asked for it.

A list in Redis, bounded and kept as long as its call. Where it is full, what could not be asked is
dropped before what was said.
"""

from typing import Any

from orchestrator.domain.clock import from_rfc3339, rfc3339
from orchestrator.domain.verdicts import MOST_KEPT, Source, Statement, Told
from orchestrator.storage import keys, scripts
from orchestrator.storage.connection import Commands
from orchestrator.storage.records import as_json, from_json


class EvidenceBook:
    """Every method raises StorageUnavailable when Redis does not answer in time."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def note(self, call_id: str, statement: Statement) -> None:
        """Adds one; nothing where the call is not kept any more."""
        listed = [keys.evidence(call_id), keys.call(call_id)]
        text = as_json(as_document(statement))
        await self._commands.run(scripts.NOTE_EVIDENCE, listed, text, MOST_KEPT)

    async def of(self, call_id: str) -> list[Statement]:
        """All that is kept, oldest first."""
        texts = await self._commands.execute("LRANGE", keys.evidence(call_id), 0, -1)
        return [_statement(from_json(text)) for text in texts]


def as_document(statement: Statement) -> dict[str, Any]:
    """A statement as it is kept, and shown."""
    return {
        "at": rfc3339(statement.at),
        "source": statement.source,
        "since": statement.since,
        "found": statement.found,
        "doubtful": statement.doubtful,
        "fault": statement.fault or None,
        "session": statement.session_id or None,
        "verdict": statement.told,
    }


def _statement(kept: dict[str, Any]) -> Statement:
    return Statement(
        at=from_rfc3339(kept["at"]),
        source=Source(kept["source"]),
        since=kept["since"],
        found=kept["found"],
        doubtful=kept["doubtful"],
        fault=kept["fault"] or "",
        session_id=kept["session"] or "",
        told=Told(kept["verdict"]) if kept["verdict"] else None,
    )
