"""Signatures as Standard Webhooks 1.0.0 has them, made by its own library."""

import base64
import binascii
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

PREFIX = "whsec_"
_BYTES = 32
_FEWEST, _MOST = 24, 64
"""The specification's bounds on a secret's length in bytes."""


def new_secret() -> str:
    """A secret of 32 random bytes, as its receiver is given it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def is_secret(text: str) -> bool:
    """Whether `text` is `whsec_` and the base64 of 24 to 64 bytes."""
    if not text.startswith(PREFIX):
        return False
    try:
        raw = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return False
    return _FEWEST <= len(raw) <= _MOST


def headers(signed_with: Sequence[str], message_id: str, now: int, body: str) -> Mapping[str, str]:
    """The three headers of a message; one signature for each secret, the newest first.

    `now` is milliseconds since the epoch. The library takes any other zone for UTC, so the time
    is made in UTC.
    """
    moment = datetime.fromtimestamp(now // 1000, tz=UTC)
    signatures = [Webhook(secret).sign(message_id, moment, body) for secret in signed_with]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(now // 1000),
        "webhook-signature": " ".join(signatures),
    }
