"""What is shown to prove who asks, as text: API keys, and what is given out in their place.

All begin with `ringout_`, then say what they are, whose key and which grant they are of, and a
secret. What begins otherwise is a token of the identity provider.
"""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

OURS = "ringout_"
SECRET_LENGTH = 33
"""Of letters and digits: 196 random bits."""
KEY_ID_LENGTH, GRANT_ID_LENGTH = 12, 16

_TEXT = re.compile(
    rf"ringout_(?:(?P<live>live)_|(?P<kind>at|rt|cs)_)(?P<key>[a-z0-9]{{{KEY_ID_LENGTH}}})_"
    rf"(?(kind)(?P<grant>[a-z0-9]{{{GRANT_ID_LENGTH}}})_)(?P<secret>[A-Za-z0-9]{{{SECRET_LENGTH}}})",
    re.ASCII,
)
_KEY_ID = re.compile(rf"(?:ringout_live_)?([a-z0-9]{{{KEY_ID_LENGTH}}})(?:_.*)?", re.ASCII)


class Kind(StrEnum):
    """What a token is."""

    KEY = "live"
    ACCESS = "at"
    REFRESH = "rt"
    SESSION = "cs"


@dataclass(frozen=True, slots=True)
class Token:
    """A token's parts; `grant` is empty for a key."""

    kind: Kind
    key: str
    secret: str
    grant: str = ""

    @property
    def text(self) -> str:
        """As it is given out, once."""
        parts = (self.kind, self.key, self.grant, self.secret)
        return OURS + "_".join(part for part in parts if part)

    @property
    def digest(self) -> str:
        """What is kept of the secret."""
        return hashlib.sha256(self.secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Shown:
    """What a request shows: `text` is a token, empty for what no token can be made of."""

    text: str
    is_session: bool = False


def parsed(text: str) -> Token | None:
    """The token that this is, by its looks; None where it is none of ours."""
    match = _TEXT.fullmatch(text)
    if match is None:
        return None
    kind = Kind(match["live"] or match["kind"])
    return Token(kind, match["key"], match["secret"], match["grant"] or "")


def key_id(text: str) -> str | None:
    """The id of the key that a person names, by its id or by what begins as the key does."""
    match = _KEY_ID.fullmatch(text)
    return match[1] if match else None
