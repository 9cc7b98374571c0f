"""Where processes listen, and how this machine reaches them."""

from dataclasses import dataclass

from orchestrator.settings.addresses import authority, reachable


@dataclass(frozen=True, slots=True)
class Address:
    """Where a process is to listen, and the variables that say so."""

    host: str
    port: int
    variable: str
    scheme: str = "http"

    @property
    def url(self) -> str:
        """How this machine reaches it."""
        return f"{self.scheme}://{authority(reachable(self.host), self.port)}"
