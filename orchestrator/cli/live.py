"""Calls as a terminal shows them while they change."""

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from orchestrator.cli.shown import Call, end_name, state_of

_STYLES = {
    "queued": "bright_black",
    "placing": "magenta",
    "unconfirmed": "yellow",
    "ringing": "blue",
    "connected": "green",
    "completed": "green",
    "cancelled": "bright_black",
    "expired": "bright_black",
}
_WIDE = 110
_TRYING = {"InProgress": "not answered yet", "Success": "answered", "Finished": "hung up"}


async def followed(changes: AsyncIterator[Call]) -> Call:
    """Shows one call and both its legs until it has ended; the call as it ended."""
    view = _View()
    with Live(view, console=Console(), refresh_per_second=8) as live:
        async for call in changes:
            view.call = call
            live.refresh()
    return view.call


class _View:
    """One call; rendered anew many times a second, so that its time goes on."""

    def __init__(self) -> None:
        self.call: Call = {}
        self._spinner = Spinner("dots")

    def __rich__(self) -> RenderableType:
        if not self.call:
            return Text("asking")
        call = self.call
        head = Table.grid(padding=(0, 1))
        turning: RenderableType = Text("  ") if call["outcome"] else self._spinner
        head.add_row(turning, _state(call), Text(elapsed(call), "dim"), Text(call["id"], "dim"))
        return Group(head, _legs(call), *_notes(call))


def _legs(call: Call) -> Table:
    shown = Table.grid(padding=(0, 1))
    status = call["status"]
    for name, end, word in (
        ("caller", "from", status["callerStatus"]),
        ("callee", "to", status["calleeStatus"]),
    ):
        shown.add_row("  ", Text(name, "dim"), Text(end_name(call[end])), *_leg(call, word))
    return shown


def _leg(call: Call, word: str) -> tuple[Text, Text]:
    if call["state"] in ("queued", "placing", "unconfirmed"):
        return Text("○", "bright_black"), Text("")
    if word == "InProgress":
        return Text("◌", "blue"), Text("" if call["outcome"] else _TRYING[word], "dim")
    style = {"Success": "green", "Finished": "dim"}.get(word, "red")
    return Text("●", style), Text(_TRYING.get(word, word), style)


def _notes(call: Call) -> Iterable[Text]:
    if call["reason"]:
        yield Text(f"   {call['reason']['message']} ({call['reason']['code']})", "yellow")
    if call["cancel"]:
        yield Text(f"   cancel {call['cancel']['outcome'] or 'requested'}", "yellow")


def board(calls: Iterable[Call], live: int, note: str, width: int) -> RenderableType:
    """Calls as a table that fits so many characters, under a line that says how many are live."""
    is_wide = width >= _WIDE
    shown = Table(box=None, pad_edge=False, header_style="dim", expand=True)
    for name in ("state", "caller", "callee", "reference") if is_wide else ("state", "callee"):
        shown.add_column(name, no_wrap=True, overflow="ellipsis")
    shown.add_column("time", no_wrap=True, justify="right")
    shown.add_column("call", no_wrap=True, style="dim", min_width=38)
    for call in calls:
        cells = _wide(call) if is_wide else (end_name(call["to"]),)
        texts = (Text(cell) for cell in (*cells, elapsed(call), call["id"]))
        shown.add_row(_word(call), *texts)
    return Group(Text.assemble(f"{live} live", ("   Ctrl-C ends   ", "dim"), (note, "red")), shown)


def _wide(call: Call) -> tuple[str, str, str]:
    status = call["status"]
    return (
        f"{end_name(call['from'])} {status['callerStatus']}",
        f"{end_name(call['to'])} {status['calleeStatus']}",
        call["clientReference"] or "",
    )


def _word(call: Call) -> Text:
    word = str(call["outcome"] or call["state"])
    return Text(word.replace("_", " "), _STYLES.get(word, "red"))


def _state(call: Call) -> Text:
    return Text(state_of(call), _STYLES.get(call["outcome"] or call["state"], "red"))


def elapsed(call: dict[str, Any]) -> str:
    """How long the call has been there, or was: `1:23`; empty where that is not known."""
    if call["acceptedAt"] is None:
        return ""
    begin = datetime.fromisoformat(call["acceptedAt"])
    end = datetime.fromisoformat(call["endedAt"]) if call["endedAt"] else datetime.now(tz=UTC)
    minutes, seconds = divmod(max(0, int((end - begin).total_seconds())), 60)
    return f"{minutes}:{seconds:02}"
