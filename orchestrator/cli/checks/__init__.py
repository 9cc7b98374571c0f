"""The checks that `ringout doctor` makes; each asks as the processes themselves would."""

from orchestrator.cli.checks.everything import findings

__all__ = ["findings"]
