"""Events, a line each, over a stream that is taken up again where it broke."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import typer

from orchestrator.cli import shown
from orchestrator.cli.rest_client import NoAnswer, RestClient
from orchestrator.cli.stream import Told

_PAUSE_S = 1.0
_GIVE_UP_S = 60.0
_GAP = "gap"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: of one call (None: of all), of these types (none: all), after this id."""

    call_id: str | None
    types: tuple[str, ...]
    since: str


async def as_lines(client: RestClient, *, wanted: Wanted, as_json: bool) -> None:
    """Writes a line for every event; ends with the one call that is wanted, or never.

    NoAnswer where nothing answers at first, or for a minute.
    """
    async for event in _events(client, wanted):
        if as_json:
            data = json.loads(event.data)
            typer.echo(json.dumps({"id": event.id, "type": event.kind, "data": data}))
        elif event.kind == _GAP:
            oldest = json.loads(event.data)["oldest"]
            typer.echo(f"ringout: some events are not kept; it goes on from {oldest}", err=True)
        else:
            typer.echo(f"{event.id}  {event.kind:<21} {shown.line(json.loads(event.data))}")


class _Reached:
    """Where to go on from, and since when nobody answers."""

    def __init__(self, since: str) -> None:
        self.id = since
        self._was_heard = False
        self._away_since: float | None = None

    def note(self, event: Told) -> None:
        """An event was received."""
        self.id = event.id or self.id
        self._was_heard, self._away_since = True, None

    def is_lost(self) -> bool:
        """Nobody answered: whether there is no use in asking again."""
        now = asyncio.get_running_loop().time()
        if self._away_since is None:
            self._away_since = now
        return not self._was_heard or now - self._away_since > _GIVE_UP_S


async def _events(client: RestClient, wanted: Wanted) -> AsyncIterator[Told]:
    """The events, whatever happens to the connection meanwhile."""
    reached = _Reached(wanted.since)
    while True:
        try:
            async for event in client.told(reached.id, wanted.call_id, wanted.types):
                reached.note(event)
                if event.kind and _is_wanted(event, wanted):
                    yield event
            if wanted.call_id is not None and await _has_ended(client, wanted.call_id):
                return
        except NoAnswer:
            if reached.is_lost():
                raise
        await asyncio.sleep(_PAUSE_S)


def _is_wanted(event: Told, wanted: Wanted) -> bool:
    return event.kind == _GAP or not wanted.types or event.kind in wanted.types


async def _has_ended(client: RestClient, call_id: str) -> bool:
    """Whether the stream of a call has ended with the call, and not with the server."""
    call = await client.read(call_id)
    return bool(call["state"] == "ended")
