"""The `ringout` command. What a command needs is loaded when it is chosen, so that each process
starts with what it is and nothing else."""

from orchestrator.cli.app import main

__all__ = ["main"]
