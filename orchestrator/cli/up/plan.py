"""What `ringout up` will start, decided before anything is: settings, addresses, environment."""

import errno
import os
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace

from orchestrator import settings
from orchestrator.cli.addresses import Address
from orchestrator.cli.ending import WRONG, Ended
from orchestrator.delivery import signing
from orchestrator.settings import Settings

_OF_RINGCENTRAL = (
    "RINGCENTRAL_API_KEY",
    "RC_SERVER_URL",
    "RC_APP_CLIENT_ID",
    "RC_APP_CLIENT_SECRET",
    "RC_USER_JWT",
    "RINGOUT_CREDENTIALS_FILE",
)
_LOG_LEVEL = "warning"
"""Unless said otherwise: what to paste should stay in sight."""

_SIMULATORS_KEY = "simulator-key"
_SIMULATORS_SCOPE = (
    "ReadAccounts ReadCallLog ReadPresence RingOut CallControl WebSocketsSubscription "
    "SubscriptionWebhook"
)
"""All that RingCentral lets an app have: what is tried here should show what there is."""

TARGETS, CALLBACK_SECRET = "RINGOUT_WEBHOOK_TARGETS", "RINGOUT_CALLBACK_SECRET"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is started; `simulator` and `embedded` are what was not given from outside.

    `environment` is the processes' own, but for the address of an embedded server.
    """

    settings: Settings
    environment: dict[str, str]
    rest: Address
    mcp: Address
    simulator: Address | None
    embedded: bool
    made_secret: bool
    """Whether RINGOUT_CALLBACK_SECRET was made up here."""


def planned(given: Mapping[str, str], *, is_terminal: bool) -> Plan:
    """The plan for an environment.

    Raises ConfigurationError for a setting that is wrong, Ended (2) for a port that is taken.
    """
    chosen = settings.load(given)
    is_simulated = not any(given.get(name) for name in _OF_RINGCENTRAL)
    if not is_simulated:
        settings.require_credentials(chosen)
    scheme = "https" if chosen.tls_certificate else "http"
    wanted = [
        Address(chosen.rest_host, chosen.rest_port, "RINGOUT_REST", scheme),
        Address(chosen.mcp_host, chosen.mcp_port, "RINGOUT_MCP", scheme),
    ]
    if is_simulated:
        host = given.get("RINGOUT_SIMULATOR_HOST") or "127.0.0.1"
        wanted.append(Address(host, chosen.simulator_port, "RINGOUT_SIMULATOR"))
    rest, mcp, *others = _settled(wanted)
    simulator = others[0] if others else None
    environment = dict(given) | _addresses([rest, mcp, *others])
    if simulator is not None:
        environment |= _for_trying(given, simulator.url)
    environment.setdefault("RINGOUT_LOG_LEVEL", _LOG_LEVEL)
    if is_terminal and chosen.log_format == "auto":
        environment["RINGOUT_LOG_FORMAT"] = "console"
    return Plan(
        chosen,
        environment,
        rest,
        mcp,
        simulator,
        embedded=not given.get("REDIS_URL"),
        made_secret=is_simulated and not given.get(CALLBACK_SECRET),
    )


def _for_trying(given: Mapping[str, str], simulator: str) -> dict[str, str]:
    """What is as good as given where no phone rings: the simulator's address, receivers of webhooks
    on this machine, and a secret for those of single calls."""
    return {
        "RC_SERVER_URL": simulator,
        "RINGCENTRAL_API_KEY": given.get("RINGOUT_SIMULATOR_API_KEY") or _SIMULATORS_KEY,
        "RINGOUT_SIMULATOR_SCOPE": given.get("RINGOUT_SIMULATOR_SCOPE", _SIMULATORS_SCOPE),
        TARGETS: given.get(TARGETS) or "any",
        CALLBACK_SECRET: given.get(CALLBACK_SECRET) or signing.new_secret(),
    }


def _addresses(addresses: list[Address]) -> dict[str, str]:
    return {f"{address.variable}_PORT": str(address.port) for address in addresses}


def _settled(wanted: list[Address]) -> list[Address]:
    """The addresses, with a free port where any will do; Ended where one cannot be had.

    All are taken at the same time, so that no two are the same, and given back at once.
    """
    with ExitStack() as stack:
        return [_taken(address, stack) for address in wanted]


def _taken(address: Address, stack: ExitStack) -> Address:
    try:
        family, kind, _, _, where = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = stack.enter_context(socket.socket(family, kind))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(1)
    except OSError as error:
        raise Ended(_refusal(address, error), WRONG) from error
    return replace(address, port=listener.getsockname()[1])


def _refusal(address: Address, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"{address.variable}_PORT: {address.host}:{address.port} is taken, perhaps by another "
            "`ringout up`; set it to a free port, or to 0 for any"
        )
    if error.errno == errno.EACCES:
        return f"{address.variable}_PORT: {address.port} needs privileges; use one above 1023"
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
    return f"{address.variable}_HOST: cannot listen on {address.host}: {reason}"
