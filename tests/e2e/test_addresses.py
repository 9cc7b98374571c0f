"""Where processes listen: what cannot be is a wrong configuration, and names its variable."""

import socket

import pytest

from orchestrator.edge.listening import listen
from orchestrator.settings import ConfigurationError
from tests.e2e.credentials_kit import ringout
from tests.harness.processes import Fleet
from tests.harness.redis import free_port

VARIABLES = {"rest": "RINGOUT_REST", "mcp": "RINGOUT_MCP", "worker": "RINGOUT_WORKER_METRICS"}
ELSEWHERE = "203.0.113.5"
"""No machine has this address (RFC 5737)."""


def _said(fleet: Fleet, name: str, host: str, port: int) -> str:
    """What a process says that ends with 2."""
    variable = VARIABLES[name]
    address = {f"{variable}_HOST": host, f"{variable}_PORT": str(port)}
    process = fleet.command(name, RINGCENTRAL_API_KEY="a-key", **address)
    assert process._process.wait(20) == 2
    process.terminate()
    (line,) = process.errors
    return line


@pytest.mark.parametrize("name", VARIABLES)
def test_a_host_that_is_not_here_is_named(fleet: Fleet, name: str) -> None:
    if name == "worker":
        # Its metrics are for who shows a key, where others can reach them.
        assert ringout(fleet, "keys", "create").code == 0

    said = _said(fleet, name, ELSEWHERE, free_port())

    assert said.startswith(f"ringout: {VARIABLES[name]}_HOST: cannot listen on {ELSEWHERE} (")


@pytest.mark.parametrize("host", [ELSEWHERE, "fe80::1", "a..b", "no such host", "a" * 70])
def test_whatever_is_wrong_with_a_host_it_is_named(host: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^RINGOUT_REST_HOST: .*{host}"):
        listen("RINGOUT_REST", host, 0)


@pytest.mark.parametrize("name", VARIABLES)
def test_a_port_that_is_taken_is_named(fleet: Fleet, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        said = _said(fleet, name, "127.0.0.1", port)

    assert said.startswith(f"ringout: {VARIABLES[name]}_PORT: ")
    assert f"127.0.0.1 port {port} (Address already in use); choose another" in said
