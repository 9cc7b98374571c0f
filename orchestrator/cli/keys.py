"""`ringout keys`: who may ask for calls, and what each may ask for."""

import re
from importlib import import_module
from typing import Annotated, Any

import typer

from orchestrator import settings
from orchestrator.cli.answers import show
from orchestrator.cli.calls import AsJson
from orchestrator.cli.ending import FAILED, WRONG, Ended
from orchestrator.cli.numbers import e164
from orchestrator.cli.processes import in_loop
from orchestrator.domain import phones, tokens
from orchestrator.domain.access import Scope
from orchestrator.settings import rule_checks

_USUAL = (Scope.CREATE, Scope.READ, Scope.CANCEL)
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_LONGEST_S = 100 * 366 * 86_400
_LONGEST_NAME = 100

Key = Annotated[str, typer.Argument(metavar="ID", help="The key's id, or what the key begins as.")]
Scopes = Annotated[
    list[str] | None,
    typer.Option(
        "--scope",
        "--scopes",
        help=f"What it may ask for, of {', '.join(Scope)}; several by blanks or commas, or again. "
        f"Default: {' '.join(_USUAL)}.",
    ),
]
ExpiresIn = Annotated[str | None, typer.Option(help="Such as 90d, 12h, or seconds.")]
Callers = Annotated[
    list[str] | None, typer.Option("--caller", help="A phone that it may ring first; or again.")
]
ForwardingNumbers = Annotated[
    list[str] | None,
    typer.Option("--forwarding-number", help="RingCentral's id of the same; or again."),
]
QuotaText = Annotated[
    str | None, typer.Option("--quota", help="Calls/seconds, such as 100/3600,1000/86400.")
]
CancelCalls = Annotated[
    bool, typer.Option("--cancel-calls", help="Cancel those of its calls that wait.")
]

_group = typer.Typer(help="API keys: who may ask for calls.", rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    """Adds these commands to the command line."""
    app.add_typer(_group, name="keys")


@_group.command()
def create(
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="What people call it; no number.")
    ] = "",
    *,
    scope: Scopes = None,
    expires_in: ExpiresIn = None,
    caller: Callers = None,
    forwarding_number: ForwardingNumbers = None,
    quota: QuotaText = None,
    as_json: AsJson = False,
) -> None:
    """Make a key; it is shown once and cannot be had again."""
    if len(name) > _LONGEST_NAME or not (name.isprintable()):
        raise Ended(f"NAME: should be at most {_LONGEST_NAME} printable characters", WRONG)
    if phones.scrubbed(name) != name:
        raise Ended("NAME: should hold no phone number (seven digits or more): crm, desk 3", WRONG)
    wanted = {
        "name": name,
        "scopes": _scopes(scope),
        "expires_in": None if expires_in is None else _seconds("--expires-in", expires_in),
        "callers": None if not caller else [e164(one, "--caller") for one in caller],
        "forwarding_numbers": _ids(forwarding_number),
        "quotas": _quotas(quota),
    }
    made = _kept("create", wanted)
    scopes = " ".join(made["scopes"])
    typer.echo(f"{made['id']}  {name or '(no name)'}  {scopes}", err=True)
    typer.echo("The key is shown this once:", err=True)
    show(made, [made["key"]], as_json=as_json)


@_group.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List the keys, those that are no more or cannot be read among them."""
    rows = _kept("listed")
    show({"keys": rows}, [_line(row) for row in rows], as_json=as_json)


@_group.command()
def rotate(
    key: Key,
    *,
    overlap: Annotated[str, typer.Option(help="How long the old secret serves on.")] = "24h",
    as_json: AsJson = False,
) -> None:
    """Give a key a new secret; its id, and so its calls, stay."""
    seconds = 0 if overlap == "0" else _seconds("--overlap", overlap)
    text = _kept("rotate", _id(key), seconds)
    typer.echo("The key is shown this once:", err=True)
    show({"id": _id(key), "key": text}, [text], as_json=as_json)


@_group.command()
def revoke(key: Key, *, cancel_calls: CancelCalls = False, as_json: AsJson = False) -> None:
    """Take a key away, at once and for ever; calls that it made and that wait are still placed."""
    found = _kept("revoke", _id(key), cancel_calls=cancel_calls)
    if found is None:
        raise Ended(f"there is no key {_id(key)}", FAILED)
    lines = [f"{_id(key)}  revoked"]
    lines += [f"{call_id}  was waiting, and is cancelled" for call_id in found["cancelled"]]
    if waiting := len(found["waiting"]):
        lines.append(f"calls of it that wait and will be placed: {waiting} (--cancel-calls)")
    show({"id": _id(key), "revoked": True, **found}, lines, as_json=as_json)


def _scopes(given: list[str] | None) -> frozenset[Scope]:
    if given is None:
        return frozenset(_USUAL)
    names = [name for one in given for name in re.split(r"[\s,]+", one) if name]
    if not names or not set(names) <= set(Scope):
        raise Ended(f"--scope: should be of {', '.join(Scope)}", WRONG)
    return frozenset(Scope(name) for name in names)


def _seconds(option: str, text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,10})([smhd]?)", text)
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 0 < seconds <= _LONGEST_S:
        raise Ended(f"{option}: should be such as 90d, 12h, or seconds", WRONG)
    return seconds


def _ids(given: list[str] | None) -> list[str] | None:
    if given and not all(re.fullmatch(r"[0-9A-Za-z-]{1,64}", one) for one in given):
        raise Ended("--forwarding-number: should be RingCentral's id of a number", WRONG)
    return given or None


def _quotas(text: str | None) -> str:
    if text is None or text == "off":
        return ""
    try:
        return rule_checks.quotas(text)
    except ValueError as error:
        raise Ended(f"--quota: {error}", WRONG) from None


def _id(text: str) -> str:
    found = tokens.key_id(text)
    if found is None:
        raise Ended("ID: should be a key's id, as `ringout keys list` shows it", WRONG)
    return found


def _line(row: dict[str, Any]) -> str:
    state = row["state"]
    if state == "revoked":
        state = f"revoked {row['revokedAt']}"
    elif state == "expired":
        state = f"expired {row['expiresAt']}"
    elif state == "in use" and row["expiresAt"]:
        state = f"expires {row['expiresAt']}"
    used = f"last used {row['lastUsedAt']}" if row["lastUsedAt"] else "never used"
    scopes, made = " ".join(row["scopes"]), row["createdAt"] or "-"
    return f"{row['id']}  {row['name'] or '(no name)'}  {scopes}  {made}  {state}  {used}"


def _kept(work: str, *arguments: Any, **named: Any) -> Any:
    """What a function of `orchestrator.cli.kept_keys` answers, which takes its time to import."""
    kept = import_module("orchestrator.cli.kept_keys")
    return in_loop(getattr(kept, work)(settings.load(), *arguments, **named))
