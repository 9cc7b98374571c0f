"""A wish: what somebody asks for before anything has been checked or written down."""

import hashlib
import hmac
import json
from dataclasses import dataclass, replace

from orchestrator.domain.access import Principal
from orchestrator.service.models import RingOutRequest
from orchestrator.storage.admission import Idempotency


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

    def named(self, asker: Principal) -> Idempotency | None:
        """By what the call is found again; None where no key was given."""
        if self.idempotency_key is None:
            return None
        return Idempotency(self.idempotency_key, self._fingerprint(), asker.owner)

    def _fingerprint(self) -> str:
        """Keyed by what Redis does not hold: a plain digest of two numbers can be tried out."""
        key = self.idempotency_key or ""
        shown = self.request.model_dump(
            mode="json", by_alias=True, exclude={"validate_only"}, exclude_defaults=True
        )
        text = json.dumps([self.account, self.extension, shown], sort_keys=True).encode()
        return hmac.new(key.encode(), text, hashlib.sha256).hexdigest()
