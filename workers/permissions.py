"""What RingCentral does not let a credential ask for: remembered, and not asked in vain."""

from orchestrator.domain.verdicts import Source

_REMEMBERED_MS = 600_000
"""An app that is given a permission is believed after this."""


class Permissions:
    """What this process was refused (403) of late, by credential and source."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, Source], int] = {}

    def refused(self, credential: str, source: Source, now: int) -> None:
        """RingCentral said 403."""
        self._until[credential, source] = now + _REMEMBERED_MS

    def allow(self, credential: str, source: Source, now: int) -> bool:
        """Whether it is worth asking, as far as is known."""
        return self._until.get((credential, source), 0) <= now
