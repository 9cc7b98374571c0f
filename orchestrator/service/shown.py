"""What a request's headers show to prove who asks."""

import base64
import binascii
from collections.abc import Sequence

from orchestrator.domain.tokens import OURS, Kind, Shown, parsed

_LONGEST = 8_192


def from_headers(authorizations: Sequence[str], cookie: str | None = None) -> Shown | None:
    """What the Authorization headers, or else the cookie of a session, show; None: nothing.

    Basic carries a key's id and its secret, or the whole key as the secret.
    """
    if not authorizations:
        return Shown(cookie, is_session=True) if cookie else None
    scheme, _, rest = authorizations[0].partition(" ")
    rest = rest.strip()
    if len(authorizations) > 1 or len(rest) > _LONGEST:
        return Shown("")
    match scheme.lower():
        case "bearer":
            return Shown(rest)
        case "basic":
            return Shown(_from_basic(rest))
    return Shown("")


def from_pair(client: str, secret: str) -> Shown:
    """What a client id and a client secret show."""
    named = client.removeprefix(f"{OURS}{Kind.KEY}_")
    whole = secret if secret.startswith(OURS) else f"{OURS}{Kind.KEY}_{named}_{secret}"
    token = parsed(whole)
    is_key = token is not None and token.kind is Kind.KEY and token.key == named
    return Shown(whole if is_key else "")


def _from_basic(encoded: str) -> str:
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""
    client, _, secret = text.partition(":")
    return from_pair(client, secret).text
