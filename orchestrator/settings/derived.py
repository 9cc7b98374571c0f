"""What all processes with the same settings have in common: secrets, and how long is kept what."""

import hashlib
import hmac

from orchestrator.settings.loading import configured_credentials
from orchestrator.settings.model import Settings
from orchestrator.storage.deliveries import Kept

_LONGEST_WAIT_S = 3600
"""A call's `expiresIn` is at most that."""
_MARGIN_S = 3600
"""For the last look at a call, for the sweep, and for clocks that differ."""


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


def deliveries_kept(settings: Settings) -> Kept:
    """How long deliveries are kept."""
    return Kept(settings.webhook_kept, settings.retention, settings.ladder)


def known_for(settings: Settings) -> int:
    """The seconds after its acceptance for which a call is known by its phones: as long as
    anything may be kept of it, so that a phone can be forgotten."""
    last_event = max(settings.longest_call, _LONGEST_WAIT_S) + _MARGIN_S
    deliveries = deliveries_kept(settings).at_most
    return last_event + max(settings.retention, settings.events_max_age, deliveries)
