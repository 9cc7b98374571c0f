"""`ringout forget` and `ringout audit`: what is remembered of a phone, and of who did what."""

from importlib import import_module
from typing import Annotated, Any

import typer

from orchestrator import settings
from orchestrator.cli.answers import show
from orchestrator.cli.calls import AsJson
from orchestrator.cli.ending import FAILED
from orchestrator.cli.numbers import e164
from orchestrator.cli.processes import in_loop
from orchestrator.cli.suppression import Number

Limit = Annotated[int, typer.Option(min=1, max=1_000_000, help="The most entries.")]


def add_to(app: typer.Typer) -> None:
    """Adds these commands to the command line."""
    app.command()(forget)
    app.command()(audit)


def forget(number: Number, *, as_json: AsJson = False) -> None:
    """Forget a phone: mask or remove whatever names it, and look through Redis to prove it."""
    answer = _kept("forget", e164(number))
    show(answer, _told(answer), as_json=as_json)
    if answer["inUse"] or answer["found"] or answer["unread"]:
        raise typer.Exit(FAILED)


def audit(*, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List who did what, newest first."""
    entries = _kept("audit", limit)
    show({"entries": entries}, [_line(entry) for entry in entries], as_json=as_json)


def _told(answer: dict[str, Any]) -> list[str]:
    number, keys, found = answer["number"], answer["keys"], answer["found"]
    what = ", ".join(f"{answer[name]} {name}" for name in ("calls", "events", "deliveries"))
    lines = [f"{number}  forgotten in {what}"]
    lines += [f"{call_id}  was waiting, and is cancelled" for call_id in answer["cancelled"]]
    lines += [f"{call_id}  is under way: again when it has ended" for call_id in answer["inUse"]]
    lines += [f"{key}  holds the number still" for key in found]
    lines += [
        f"{kind}  cannot be read: whether it holds the number is not proved"
        for kind in answer["unread"]
    ]
    lines += answer["advice"]
    lines.append(f"{keys} keys looked at, the number found in {len(found)}")
    return lines


def _line(entry: dict[str, str]) -> str:
    at = entry["at"] or f"entry {entry['id']}"
    via = f" ({entry['via']})" if entry["via"] else ""
    who = f"by {entry['actor']}{via}" if entry["actor"] else ""
    told = (at, entry["action"], entry["about"], who, entry["detail"])
    return "  ".join(part for part in told if part)


def _kept(work: str, *arguments: Any) -> Any:
    """What a function of `orchestrator.cli.kept_numbers` answers, which takes its time to
    import."""
    kept = import_module("orchestrator.cli.kept_numbers")
    return in_loop(getattr(kept, work)(settings.load(), *arguments))
