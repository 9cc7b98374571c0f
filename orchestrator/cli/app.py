"""The commands there are, and the exit code each ends with.

0 done, 1 failed, 2 wrong usage or wrong configuration; 1 and 2 say why in one line on stderr.
"""

import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from orchestrator import __version__
from orchestrator.cli import (
    calls,
    credentials,
    diagnosis,
    events,
    forgetting,
    keys,
    pause,
    processes,
    suppression,
    webhooks,
)
from orchestrator.cli.ending import WRONG, Ended
from orchestrator.settings import ConfigurationError

_GROUPS = (
    processes,
    calls,
    events,
    webhooks,
    credentials,
    keys,
    suppression,
    forgetting,
    pause,
    diagnosis,
)

app = typer.Typer(
    name="ringout",
    help="Connects two people by phone through RingCentral RingOut.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for group in _GROUPS:
    group.add_to(app)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"ringout {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _choose(
    context: typer.Context,
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    if context.invoked_subcommand is None and not version:
        raise Ended("which command? `ringout --help` lists them", WRONG)


def main() -> None:
    """Runs one command with the arguments of this process, and exits."""
    sys.exit(_exit_code())


def _exit_code() -> int:
    try:
        result = app(standalone_mode=False)
    except (ConfigurationError, Ended, TyperException) as error:
        reason, code = _explained(error)
        typer.echo(f"ringout: {reason}", err=True)
        return code
    except typer.Abort:
        return 130
    return result if isinstance(result, int) else 0


def _explained(error: ConfigurationError | Ended | TyperException) -> tuple[str, int]:
    if isinstance(error, Ended):
        return error.reason, error.code
    if isinstance(error, ConfigurationError):
        return str(error), WRONG
    return " ".join(error.format_message().split()), error.exit_code
