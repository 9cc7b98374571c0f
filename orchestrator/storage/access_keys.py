"""The keys of the house's callers: who may ask, and who has failed to prove it."""

import hashlib

from orchestrator.storage.keys import PREFIX

ALL = f"{PREFIX}api-keys"
USED = f"{PREFIX}api-keys:used"


def api_key(key_id: str) -> str:
    """One API key."""
    return f"{PREFIX}api-key:{key_id}"


def grant(grant_id: str) -> str:
    """What was given out in a key's place."""
    return f"{PREFIX}grant:{grant_id}"


def grants(kind: str, key_id: str) -> str:
    """The ids of what was given out in a key's place: `tokens` or `sessions`."""
    return f"{PREFIX}grants:{kind}:{key_id}"


def failures(address: str) -> str:
    """The attempts to authenticate from an address that have failed lately."""
    return f"{PREFIX}auth-failures:{hashlib.sha256(address.encode()).hexdigest()}"
