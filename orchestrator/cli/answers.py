"""What a command answers: lines for a person, or JSON."""

import json
from collections.abc import Sequence
from typing import Any

import typer


def show(answer: Any, lines: Sequence[str], *, as_json: bool) -> None:
    """Prints the lines, or the answer as JSON in one line."""
    for line in [json.dumps(answer)] if as_json else lines:
        typer.echo(line)
