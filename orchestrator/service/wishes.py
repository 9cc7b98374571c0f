"""A wish: what somebody asks for before anything has been checked or written down."""

import json
from dataclasses import dataclass, replace

from orchestrator.domain.access import Principal
from orchestrator.service.models import RingOutRequest
from orchestrator.storage.admission import Idempotency
from orchestrator.storage.digests import Digests


@dataclass(frozen=True, slots=True)
class Wish:
    """A call that somebody wants made for an extension; `via` is the front end that was asked."""

    request: RingOutRequest
    account: str = "~"
    extension: str = "~"
    idempotency_key: str | None = None
    via: str = "rest"

    @property
    def is_dry(self) -> bool:
        """Whether only what would happen is asked for."""
        return self.request.validate_only

    def dry(self) -> "Wish":
        """The same, to be told what would happen."""
        return replace(self, request=self.request.model_copy(update={"validate_only": True}))

    async def named(self, asker: Principal, digests: Digests) -> Idempotency | None:
        """By what the call is found again; None where no key was given.

        StorageUnavailable where what numbers are known by is in Redis.
        """
        key = self.idempotency_key
        if key is None:
            return None
        shown = self.request.model_dump(
            mode="json", by_alias=True, exclude={"validate_only"}, exclude_defaults=True
        )
        wish = json.dumps([key, self.account, self.extension, shown], sort_keys=True)
        # Two numbers can be tried out against a digest whose key is known or guessed.
        return Idempotency(key, await digests.of(f"wish {wish}"), asker.owner)
