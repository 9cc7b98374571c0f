"""What a listener says of its feed, for the looks that rely on it and for whoever watches."""

from contextlib import suppress

import structlog

from orchestrator.domain.clock import Clock, rfc3339
from orchestrator.domain.errors import StorageUnavailable
from orchestrator.storage.feeds import Feeds, FeedState

log = structlog.get_logger(__name__)


class Voice:
    """Speaks for one feed while `owner` holds it; a change is logged, once."""

    def __init__(
        self, feeds: Feeds, credential: str, owner: str, transport: str, clock: Clock
    ) -> None:
        self.credential, self.transport = credential, transport
        self._feeds, self._owner, self._clock = feeds, owner, clock
        self._state = FeedState.CONNECTING
        self._fields = {"detail": "", "subscription": "", "since": rfc3339(clock())}

    async def says(self, state: FeedState, detail: str = "", subscription: str = "") -> None:
        """The feed stands like this from now on; Redis may be away."""
        if state is not self._state or detail != self._fields["detail"]:
            told = log.bind(credential=self.credential, transport=self.transport, detail=detail)
            told = told.warning if state is FeedState.REFUSED else told.info
            told(f"notifications_{state}")
            self._fields["since"] = rfc3339(self._clock())
        self._state = state
        self._fields |= {"detail": detail}
        self._fields["subscription"] = f"rc_{subscription}" if subscription else ""
        await self.again()

    async def again(self) -> None:
        """The feed stands as it did."""
        fields = {"transport": self.transport, **self._fields}
        with suppress(StorageUnavailable):
            await self._feeds.tell(self.credential, self._owner, self._state, fields)
