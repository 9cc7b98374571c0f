"""`ringout up`: everything on one machine, started in order and ended together."""

from orchestrator.cli.up.command import run

__all__ = ["run"]
