"""Secrets that all processes with the same settings have."""

import hashlib
import hmac

from orchestrator.settings.loading import configured_credentials
from orchestrator.settings.model import Settings


def pair_secret(settings: Settings) -> bytes:
    """A secret that all processes with the same credential have: it keys digests of numbers."""
    configured = configured_credentials(settings)
    key = settings.credentials_key
    text = key.get_secret_value() if key is not None else ""
    if configured:
        text = configured[0].api_key or configured[0].client_secret
    return hashlib.sha256(f"ringout pairs\n{text}".encode()).digest()


def notification_secret(settings: Settings, credential: str) -> str:
    """What RingCentral has to show with each notification that it sends for a credential."""
    text = f"notifications\n{credential}".encode()
    return hmac.new(pair_secret(settings), text, hashlib.sha256).hexdigest()
