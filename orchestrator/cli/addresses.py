"""Where processes listen, and how this machine reaches them."""

from dataclasses import dataclass

_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (not bound here)


def reachable(host: str) -> str:
    """An address under which this machine reaches what listens on `host`."""
    return _EVERYWHERE.get(host, host)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a process is to listen, and the variables that say so."""

    host: str
    port: int
    variable: str

    @property
    def url(self) -> str:
        """How this machine reaches it."""
        host = reachable(self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
