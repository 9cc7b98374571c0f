"""All calls, watched: a table that stays up to date, or a line a change."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import typer
from rich.console import Console
from rich.live import Live

from orchestrator.cli import live as views
from orchestrator.cli import shown
from orchestrator.cli.rest_client import Call, NoAnswer, RestClient

_AGAIN_S = 1.0
_DRAWN_EVERY_S = 0.25
_MOST = 50
_MOST_KNOWN = 2_000
_AROUND_THE_TABLE = 3


@dataclass(frozen=True, slots=True)
class _Update:
    """Calls that changed, oldest change first; `problem` while nobody answers."""

    calls: Sequence[Call] = ()
    problem: str = ""


class _Board:
    """The calls that are known, each as it was told last."""

    def __init__(self) -> None:
        self.problem = ""
        self.known: dict[str, Call] = {}

    def take(self, update: _Update) -> list[Call]:
        """Takes what changed; the calls that were not known so yet."""
        self.problem = update.problem
        fresh = [call for call in update.calls if self._is_news(call)]
        self.known.update((call["id"], call) for call in fresh)
        if len(self.known) > _MOST_KNOWN:
            kept = self.sorted()[: _MOST_KNOWN // 2]
            self.known = {call["id"]: call for call in kept}
        return fresh

    def _is_news(self, call: Call) -> bool:
        known = self.known.get(call["id"])
        return known is None or known["sequence"] < call["sequence"]

    def sorted(self) -> list[Call]:
        """Live calls first, newest first."""
        newest = sorted(self.known.values(), key=lambda call: str(call["acceptedAt"]), reverse=True)
        return sorted(newest, key=lambda call: call["state"] == "ended")

    @property
    def live(self) -> int:
        """How many of them are live."""
        return sum(call["state"] != "ended" for call in self.known.values())


async def as_table(client: RestClient) -> None:
    """Shows live calls, and the newest of the others that fit the terminal, for ever."""
    console, board = Console(), _Board()
    with Live(console=console, auto_refresh=False) as live:
        drawing = asyncio.create_task(_drawn(live, board, console))
        try:
            async for update in _updates(client):
                board.take(update)
        finally:
            drawing.cancel()
            with suppress(asyncio.CancelledError):
                await drawing


async def _drawn(live: Live, board: _Board, console: Console) -> None:
    while True:
        fitting = board.sorted()[: max(1, console.height - _AROUND_THE_TABLE)]
        view = views.board(fitting, board.live, board.problem, console.width)
        live.update(view, refresh=True)
        await asyncio.sleep(_DRAWN_EVERY_S)


async def as_lines(client: RestClient, *, as_json: bool) -> None:
    """Writes a line for each call, and for each change from then on, for ever."""
    board = _Board()
    async for update in _updates(client):
        if update.problem:
            typer.echo(f"ringout: {update.problem}", err=True)
        for call in board.take(update):
            typer.echo(json.dumps(call) if as_json else shown.line(call))


async def _updates(client: RestClient) -> AsyncIterator[_Update]:
    """The newest calls, and every change from then on; through restarts of REST."""
    place, is_away = _Place(), False
    while True:
        try:
            async for update in _told(client, place):
                yield update
                is_away = False
        except NoAnswer as error:
            if not place.is_known:
                raise
            if not is_away:
                yield _Update(problem=error.reason)
            is_away = True
        await asyncio.sleep(_AGAIN_S)


@dataclass(slots=True)
class _Place:
    """The last event that was told, and whether there was ever an answer."""

    id: str = ""
    is_known: bool = False


async def _told(client: RestClient, place: _Place) -> AsyncIterator[_Update]:
    async for event in client.told(place.id):
        place.is_known = True
        if event.kind == "gap" or not (event.kind or event.id):
            yield _Update((await client.newest(_MOST))[::-1])
        else:
            yield _Update([json.loads(event.data)] if event.kind else ())
        place.id = event.id or place.id
