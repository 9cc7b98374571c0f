"""What all processes know of a credential's token, and how it is sealed for the store.

The key is derived from the client secret and bound to the server, the app and the JWT: whoever
may read Redis learns nothing, and a token that was saved under another configuration is not there.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import TypeAdapter, ValidationError

from orchestrator.domain.errors import Retryable, UpstreamRefused, UpstreamUnavailable

RENEWED_AFTER = 0.8
"""The share of its life after which a token is renewed."""

_GOOD_FOR = 0.98


@dataclass(frozen=True, slots=True)
class Setback:
    """A login that failed, and until when nobody tries again; `http_status` 0: no clear answer."""

    until: int
    http_status: int
    error_code: str
    detail: str

    def as_error(self, now: int) -> UpstreamRefused | Retryable:
        """The error to raise instead of trying again."""
        if self.http_status:
            return UpstreamRefused(self.http_status, self.error_code, self.detail)
        return UpstreamUnavailable(self.detail, max(self.until - now, 1000) / 1000)


@dataclass(frozen=True, slots=True)
class Kept:
    """A token (empty: none), its life and what it permits; times in milliseconds."""

    token: str = field(default="", repr=False)
    issued_at: int = 0
    expires_at: int = 0
    setback: Setback | None = None
    scope: str = ""

    def _passed(self, share: float) -> float:
        return self.issued_at + share * (self.expires_at - self.issued_at)

    def is_good(self, now: int) -> bool:
        """Whether a request sent now would be accepted, as far as the clock tells."""
        return bool(self.token) and now < self._passed(_GOOD_FOR)

    def is_ageing(self, now: int) -> bool:
        """Whether it is time for the next one."""
        return now >= self._passed(RENEWED_AFTER)

    def kept_for(self, now: int) -> int:
        """Seconds after which nothing in here matters any more."""
        until = max(
            self.expires_at if self.token else 0,
            self.setback.until if self.setback else 0,
        )
        return max(1, -(-(until - now) // 1000))


_KEPT = TypeAdapter(Kept)


class Seal:
    """Turns what is kept into bytes that only the same configuration can read."""

    def __init__(self, client_secret: str, bound_to: Sequence[str]) -> None:
        info = sha256(json.dumps(["ringcentral token", *bound_to]).encode()).digest()
        derived = HKDF(SHA256(), 32, salt=None, info=info).derive(client_secret.encode())
        self._fernet = Fernet(urlsafe_b64encode(derived))

    def sealed(self, kept: Kept) -> bytes:
        """The bytes to save."""
        return self._fernet.encrypt(json.dumps(asdict(kept)).encode())

    def opened(self, sealed: bytes | None) -> Kept:
        """What was sealed; nothing where it is absent, corrupt or another's."""
        if sealed is None:
            return Kept()
        try:
            return _KEPT.validate_json(self._fernet.decrypt(sealed))
        except (InvalidToken, ValidationError):
            return Kept()
