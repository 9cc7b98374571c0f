"""`ringout events tail`: a line for every event, as it happens."""

from functools import partial
from importlib import import_module
from typing import Annotated

import typer

from orchestrator.cli.calls import AsJson, asked

Of = Annotated[
    str | None, typer.Option("--call", help="Only this call: as it is, and until it has ended.")
]
Types = Annotated[
    list[str] | None,
    typer.Option("--type", help="Only this type, such as call.ended; may be repeated."),
]
Since = Annotated[
    str,
    typer.Option(help="Go on after this event's id; 0 is from the first that is kept."),
]

_group = typer.Typer(help="Events: what happens to calls.", rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    """Adds these commands to the command line."""
    app.add_typer(_group, name="events")


@_group.callback()
def _events() -> None:
    """Keeps `tail` a command of its own where it is the only one."""


@_group.command()
def tail(
    *, call_id: Of = None, types: Types = None, since: Since = "", as_json: AsJson = False
) -> None:
    """Write a line for every event, until Ctrl-C, or until the one call has ended."""
    tailed = import_module("orchestrator.cli.tailed")
    wanted = tailed.Wanted(call_id, tuple(types or ()), since)
    try:
        asked(partial(tailed.as_lines, wanted=wanted, as_json=as_json))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
