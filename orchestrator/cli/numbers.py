"""Phone numbers as a person gives them to a command."""

from importlib import import_module

from orchestrator.cli.ending import WRONG, Ended


def e164(number: str, name: str = "NUMBER") -> str:
    """The number in E.164 form; Ended, naming the argument, where it is none."""
    normal: str | None = import_module("orchestrator.service.destinations").e164(number)
    if normal is None:
        raise Ended(f"{name}: should be in E.164 form, such as +16505550123", WRONG)
    return normal
