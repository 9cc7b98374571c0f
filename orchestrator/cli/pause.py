"""`ringout pause` and `ringout resume`: the switch that stops the placing of calls.

Both work on Redis directly, so that they do when no front end does.
"""

from importlib import import_module
from typing import Annotated, Any

import typer

from orchestrator import settings
from orchestrator.cli.answers import show
from orchestrator.cli.calls import AsJson
from orchestrator.cli.processes import in_loop

Key = Annotated[
    str | None, typer.Option(metavar="ID", help="Only the calls of the key with this id.")
]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Shown wherever a call waits for this.")]


def add_to(app: typer.Typer) -> None:
    """Adds these commands to the command line."""
    app.command()(pause)
    app.command()(resume)


def pause(*, key: Key = None, reason: Reason = "", as_json: AsJson = False) -> None:
    """Place no calls until `ringout resume`: those that are accepted wait, or expire."""
    document = _done("pause", key, reason)
    lines = [f"{_named(key)}  paused"]
    if left := document["underWay"]:
        lines.append(f"{left} placings were under way already and have not ended yet")
    show(document, lines, as_json=as_json)


def resume(*, key: Key = None, as_json: AsJson = False) -> None:
    """Place calls again, those that waited first."""
    document = _done("resume", key)
    told = "resumed" if document["ended"] else "was not paused"
    if document["paused"] or document["keys"]:
        told += "; other pauses hold: " + ", ".join(_others(document))
    show(document, [f"{_named(key)}  {told}"], as_json=as_json)


def _named(key: str | None) -> str:
    return "house" if key is None else key


def _others(document: dict[str, Any]) -> list[str]:
    found = [one["key"] for one in document["keys"]]
    return ["house", *found] if document["paused"] else found


def _done(work: str, *arguments: Any) -> Any:
    """What a function of `orchestrator.cli.kept_pauses` answers, which takes its time to import."""
    kept = import_module("orchestrator.cli.kept_pauses")
    return in_loop(getattr(kept, work)(settings.load(), *arguments))
