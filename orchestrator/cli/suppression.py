"""`ringout suppress`: the phones that are never rung, because somebody asked for it."""

from importlib import import_module
from typing import Annotated, Any

import typer

from orchestrator import settings
from orchestrator.cli.answers import show
from orchestrator.cli.calls import AsJson
from orchestrator.cli.ending import FAILED, Ended
from orchestrator.cli.numbers import e164
from orchestrator.cli.processes import in_loop
from orchestrator.domain import phones

Number = Annotated[
    str, typer.Argument(metavar="NUMBER", help="In E.164 form, such as +16505550123.")
]

_group = typer.Typer(help="Phones that are never rung.", rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    """Adds these commands to the command line."""
    app.add_typer(_group, name="suppress")


@_group.command()
def add(number: Number, *, as_json: AsJson = False) -> None:
    """Ring this phone no more: calls with it are refused, and those that wait end blocked."""
    was_new = _done("add", number)
    told = "suppressed" if was_new else "was suppressed already"
    _show(number, told, {"suppressed": True, "changed": was_new}, as_json=as_json)


@_group.command()
def remove(number: Number, *, as_json: AsJson = False) -> None:
    """Let this phone be rung again."""
    if not _done("remove", number):
        raise Ended(f"{phones.masked(e164(number))} is not suppressed", FAILED)
    _show(number, "may be rung again", {"suppressed": False, "changed": True}, as_json=as_json)


@_group.command()
def check(number: Number, *, as_json: AsJson = False) -> None:
    """Say whether this phone is suppressed."""
    is_suppressed = _done("check", number)
    told = "is suppressed" if is_suppressed else "is not suppressed"
    _show(number, told, {"suppressed": is_suppressed}, as_json=as_json)


def _done(work: str, number: str) -> bool:
    kept = import_module("orchestrator.cli.kept_numbers")
    answer: bool = in_loop(getattr(kept, work)(settings.load(), e164(number)))
    return answer


def _show(number: str, told: str, answer: dict[str, Any], *, as_json: bool) -> None:
    masked = phones.masked(e164(number))
    show({"number": masked, **answer}, [f"{masked}  {told}"], as_json=as_json)
