"""`ringout credentials`: whom RingCentral is asked as, beside the one of the environment.

Secrets are never arguments, which any user of the machine can read: they come from the
environment, from a file, or are asked for.
"""

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator import settings
from orchestrator.cli.answers import show
from orchestrator.cli.calls import AsJson
from orchestrator.cli.ending import FAILED, WRONG, Ended
from orchestrator.cli.processes import in_loop
from orchestrator.domain.credentials import Credential, UnusableCredential

_SECRET, _JWT = "RC_APP_CLIENT_SECRET", "RC_USER_JWT"

Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="How it is called here.")]
Account = Annotated[str, typer.Option(help="RingCentral's account id, or ~.")]
Extension = Annotated[str, typer.Option(help="RingCentral's extension id.")]
ClientId = Annotated[
    str | None, typer.Option(help="The app's client id; default: RC_APP_CLIENT_ID.")
]
Document = Annotated[
    Path | None,
    typer.Option(
        "--file",
        help="Many at once: a JSON array of objects with name, account, extension, clientId, "
        "clientSecret and jwt; - reads it from standard input.",
    ),
]

_group = typer.Typer(help="Credentials of further extensions.", rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    """Adds these commands to the command line."""
    app.add_typer(_group, name="credentials")


@_group.command()
def add(
    name: Name = None,
    *,
    account: Account = "~",
    extension: Extension = "~",
    client_id: ClientId = None,
    document: Document = None,
    as_json: AsJson = False,
) -> None:
    """Add a credential, or replace the one of this name; the app's secret and the user's JWT are
    read from RC_APP_CLIENT_SECRET and RC_USER_JWT, or asked for."""
    if (name is None) == (document is None):
        raise Ended("either NAME or --file says what to add", WRONG)
    wanted = (
        _from_file(document) if document else (_one(name or "", account, extension, client_id),)
    )
    _kept("add", wanted)
    shown = [
        {"name": one.name, "account": one.account, "extension": one.extension} for one in wanted
    ]
    show({"added": shown}, [f"{one.name}  added" for one in wanted], as_json=as_json)


@_group.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List the credentials, where they are from, and why RingCentral refuses those it does."""
    rows = _kept("rows")
    show({"credentials": rows}, [_line(row) for row in rows], as_json=as_json)


@_group.command()
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As it was added.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Remove a credential: its calls that are not placed yet end, with that reason."""
    if not _kept("remove", name):
        raise Ended(f"there is no credential {name} in Redis", FAILED)
    show({"name": name, "removed": True}, [f"{name}  removed"], as_json=as_json)


def _one(name: str, account: str, extension: str, client_id: str | None) -> Credential:
    app = client_id or os.environ.get("RC_APP_CLIENT_ID", "")
    if not app:
        raise Ended("--client-id: should be the app's client id", WRONG)
    try:
        return Credential(
            name,
            account,
            extension,
            app,
            client_secret=_secret(_SECRET, "The app's client secret"),
            jwt=_secret(_JWT, "The user's JWT"),
        )
    except UnusableCredential as error:
        raise Ended(str(error), WRONG) from None


def _secret(variable: str, question: str) -> str:
    if given := os.environ.get(variable):
        return given
    if not sys.stdin.isatty():
        raise Ended(f"{variable}: should be set, since nobody can be asked here", WRONG)
    return str(typer.prompt(question, hide_input=True))


def _from_file(path: Path) -> tuple[Credential, ...]:
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        found = settings.from_document(text)
    except (OSError, UnicodeDecodeError) as error:
        raise Ended(f"--file: {path} cannot be read: {type(error).__name__}", WRONG) from None
    except UnusableCredential as error:
        raise Ended(f"--file: {error}", WRONG) from None
    if not found:
        raise Ended("--file: has no credential in it", WRONG)
    return found


def _line(row: dict[str, Any]) -> str:
    where = f"account {row['account']}  extension {row['extension']}  from {row['source']}"
    return f"{row['name']}  {where}  {_state(row)}"


def _state(row: dict[str, Any]) -> str:
    if not row["used"]:
        return "not used: the configuration has one of this name"
    if parked := row["parked"]:
        return f"refused since {parked['since']}: {parked['detail']} ({parked['code']})"
    return "in use"


def _kept(work: str, *arguments: Any) -> Any:
    """What a function of `orchestrator.cli.kept` answers, which takes its time to import."""
    kept = import_module("orchestrator.cli.kept")
    return in_loop(getattr(kept, work)(settings.load(), *arguments))
