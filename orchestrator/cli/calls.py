"""What a person does with calls: place, read, cancel and watch them, over REST."""

import json
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from orchestrator import settings
from orchestrator.cli.ending import FAILED, Ended
from orchestrator.cli.processes import in_loop

if TYPE_CHECKING:
    from orchestrator.cli.rest_client import Call, RestClient

Answer = TypeVar("Answer")

_CANCEL_WAIT_S = 30

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
CallId = Annotated[
    str, typer.Argument(metavar="ID", help="A call's id, or RingCentral's id of a ring-out.")
]

Callee = Annotated[str, typer.Argument(metavar="TO", help="Whom to call, such as +16505550123.")]
Caller = Annotated[
    str | None, typer.Option("--from", help="The phone that rings first; yours, where left out.")
]
CallerId = Annotated[
    str | None, typer.Option("--caller-id", help="The number that the callee is shown.")
]
ExpiresIn = Annotated[
    int | None,
    typer.Option("--expires-in", help="Seconds for which the call is worth placing (60)."),
]
Prompt = Annotated[
    bool | None, typer.Option(help="Whether the caller must press 1 before the callee is rung.")
]
CallbackUrl = Annotated[
    str | None, typer.Option("--callback-url", help="Where this call's events are sent, signed.")
]
Reference = Annotated[str | None, typer.Option(help="Shown with the call everywhere.")]
Key = Annotated[str | None, typer.Option(help="An idempotency key: the same key is the same call.")]
Wait = Annotated[
    bool, typer.Option("--wait", help="Follow the call; exit 0 only if it is completed.")
]


def add_to(app: typer.Typer) -> None:
    """Adds these commands to the command line."""
    for command in (call, status, cancel, watch):
        app.command()(command)


def call(
    to: Callee,
    *,
    from_: Caller = None,
    caller_id: CallerId = None,
    prompt: Prompt = None,
    reference: Reference = None,
    expires_in: ExpiresIn = None,
    callback_url: CallbackUrl = None,
    key: Key = None,
    wait: Wait = False,
    as_json: AsJson = False,
) -> None:
    """Place a call: the caller's phone rings first, then the callee's."""
    ends = {"from": from_, "to": to, "callerId": caller_id}
    wish: dict[str, Any] = {
        **{name: {"phoneNumber": end} for name, end in ends.items() if end is not None},
        "playPrompt": prompt,
        "clientReference": reference,
        "expiresIn": expires_in,
        "callbackUrl": callback_url,
    }
    body = {name: value for name, value in wish.items() if value is not None}

    async def work(client: "RestClient") -> "Call":
        placed = await client.call(body, key)
        return await _awaited(client, placed["id"], quiet=as_json) if wait else placed

    placed = asked(work)
    if as_json or not wait:
        _show(placed, as_json=as_json)
    if wait and placed["outcome"] != "completed":
        raise typer.Exit(FAILED)


def status(
    call_id: CallId,
    *,
    fresh: Annotated[bool, typer.Option("--fresh", help="Ask RingCentral now.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a call."""
    _show(asked(lambda client: client.read(call_id, fresh=fresh)), as_json=as_json)


def cancel(call_id: CallId, *, as_json: AsJson = False) -> None:
    """Cancel a call; exit 0 only if it is known to be cancelled."""

    async def work(client: "RestClient") -> "Call":
        return await client.cancel(call_id, _CANCEL_WAIT_S) or await client.read(call_id)

    cancelled = asked(work)
    _show(cancelled, as_json=as_json)
    is_cancelled = cancelled["outcome"] == "cancelled"
    wish = cancelled["cancel"]
    if not is_cancelled and (wish is None or wish["outcome"] != "cancelled"):
        raise typer.Exit(FAILED)


def watch(
    call_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One call; all, where left out.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Watch one call until it has ended, or all calls until Ctrl-C."""
    if call_id is not None:
        asked(lambda client: _followed(client, call_id, quiet=False, as_json=as_json))
        return
    watched = import_module("orchestrator.cli.watched")
    is_table = sys.stdout.isatty() and not as_json
    show = watched.as_table if is_table else partial(watched.as_lines, as_json=as_json)
    try:
        asked(show)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def asked(work: "Callable[[RestClient], Awaitable[Answer]]") -> Answer:
    chosen = settings.load()
    rest_client = import_module("orchestrator.cli.rest_client").rest_client

    async def ask() -> Answer:
        async with rest_client(chosen) as client:
            return await work(client)

    return in_loop(ask())


async def _awaited(client: "RestClient", call_id: str, *, quiet: bool) -> "Call":
    """The call as it ended; Ended naming it where that cannot be known."""
    try:
        return await _followed(client, call_id, quiet=quiet)
    except Ended as error:
        raise Ended(f"{call_id} goes on: {error.reason}", error.code) from error


async def _followed(
    client: "RestClient", call_id: str, *, quiet: bool, as_json: bool = False
) -> "Call":
    shown = import_module("orchestrator.cli.shown")
    call: Call = {}
    if sys.stdout.isatty() and not (quiet or as_json):
        followed = import_module("orchestrator.cli.live").followed
        return dict(await followed(client.changes(call_id)))
    async for call in client.changes(call_id):
        if not quiet:
            typer.echo(json.dumps(call) if as_json else shown.progress(call))
    return call


def _show(call: "Call", *, as_json: bool) -> None:
    details = import_module("orchestrator.cli.shown").details
    typer.echo(json.dumps(call) if as_json else details(call))
