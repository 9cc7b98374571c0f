"""A fleet of several extensions, and the command line that credentials are added with."""

import json
from dataclasses import dataclass
from typing import Any

from orchestrator.domain.access import HOUSE
from orchestrator.runtime import FrontEnd
from orchestrator.service.models import parsed
from orchestrator.service.wishes import Wish
from tests.harness.processes import Fleet

CALLER, CALLEE = "+16505550100", "+16505550123"
KEY = "a-key-for-tests-that-is-long-enough"
PATIENCE_S = 30.0
APP = {"RC_APP_CLIENT_ID": "simulator-client", "RC_APP_CLIENT_SECRET": "simulator-secret"}


def extension_id(number: int) -> str:
    """The id of the simulator's Nth extension."""
    return str(400131426000 + number)


def jwt(number: int) -> str:
    """The JWT of the simulator's Nth extension."""
    return "simulator-jwt" if number == 1 else f"simulator-jwt.{number}"


def entry(number: int, name: str | None = None, **changes: str) -> dict[str, str]:
    """A credential as a credentials file has it."""
    return {
        "name": name or f"desk-{number}",
        "account": "~",
        "extension": extension_id(number),
        "clientId": APP["RC_APP_CLIENT_ID"],
        "clientSecret": APP["RC_APP_CLIENT_SECRET"],
        "jwt": jwt(number),
        **changes,
    }


@dataclass(frozen=True)
class Ended:
    """What a command said."""

    code: int
    lines: list[str]
    errors: list[str]

    @property
    def document(self) -> Any:
        """Its JSON."""
        return json.loads("\n".join(self.lines))


def ringout(fleet: Fleet, *arguments: str, **more: str) -> Ended:
    """A command that ends."""
    process = fleet.command(*arguments, **more)
    process._process.wait(PATIENCE_S)
    return Ended(process.terminate(), process.lines, process.errors)


def added(fleet: Fleet, name: str, number: int, secret: str | None = None) -> None:
    """Adds the credential of the simulator's Nth extension, by the command line."""
    given = {**APP, "RC_USER_JWT": secret or jwt(number)}
    ended = ringout(fleet, "credentials", "add", name, "--extension", extension_id(number), **given)
    assert (ended.code, ended.errors) == (0, [])


async def accept(front: FrontEnd, number: int, to: str = CALLEE, **body: Any) -> str:
    """Accepts a call of the Nth extension; its id."""
    request = parsed({"from": {"phoneNumber": CALLER}, "to": {"phoneNumber": to}, **body})
    accepted = await front.service.accept(HOUSE, Wish(request, "~", extension_id(number)))
    return accepted.snapshot.id
