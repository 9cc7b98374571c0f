"""`ringout doctor`: what is right, what is not, and what to do about it."""

import json
from dataclasses import asdict
from importlib import import_module
from typing import Annotated

import typer

from orchestrator import logs, settings
from orchestrator.cli.ending import FAILED
from orchestrator.cli.processes import in_loop
from orchestrator.domain.findings import Finding


def add_to(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command()(doctor)


def doctor(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check the settings, Redis, RingCentral and the front ends; exit 1 if anything fails."""
    chosen = settings.load()
    logs.configure("error", chosen.log_format)
    findings: list[Finding] = in_loop(import_module("orchestrator.cli.checks").findings(chosen))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    for finding in [] if as_json else findings:
        typer.echo(_line(finding))
    if any(finding.verdict == "fail" for finding in findings):
        raise typer.Exit(FAILED)


def _line(finding: Finding) -> str:
    line = f"{finding.verdict:<5} {finding.about:<14} {finding.what}"
    return f"{line}\n{'':<21}-> {finding.advice}" if finding.advice else line
