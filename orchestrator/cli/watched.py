"""All calls, watched: a table that stays up to date, or a line a change."""

import asyncio
import json
from collections.abc import AsyncIterator

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from orchestrator.cli import shown
from orchestrator.cli.rest_client import Call, NoAnswer, RestClient

_EVERY_S = 1.0
_MOST = 50
_AROUND_THE_TABLE = 4


async def as_table(client: RestClient) -> None:
    """Shows the newest calls that fit the terminal, for ever."""
    console = Console()
    with Live(console=console, auto_refresh=False, screen=False) as live:
        async for calls, problem in _pages(client):
            fitting = calls[: max(1, console.height - _AROUND_THE_TABLE)]
            view = Text(problem) if problem else shown.table(fitting)
            live.update(view if fitting or problem else Text("no calls yet"), refresh=True)


async def as_lines(client: RestClient, *, as_json: bool) -> None:
    """Writes a line for each call, and for each change from then on, for ever."""
    known: dict[str, int] = {}
    async for calls, problem in _pages(client):
        if problem:
            typer.echo(f"ringout: {problem}", err=True)
        for call in reversed(calls):
            if known.get(call["id"]) != call["sequence"]:
                typer.echo(json.dumps(call) if as_json else shown.line(call))
        known = {call["id"]: call["sequence"] for call in calls}


async def _pages(client: RestClient) -> AsyncIterator[tuple[list[Call], str]]:
    calls = await client.newest(_MOST)
    yield calls, ""
    while True:
        await asyncio.sleep(_EVERY_S)
        try:
            calls = await client.newest(_MOST)
        except NoAnswer as error:
            yield calls, error.reason
        else:
            yield calls, ""
