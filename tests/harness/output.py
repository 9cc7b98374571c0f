"""What the tests print, and all that they start: no line holds a full number or a secret.

The numbers are those that the tests call. A line may show one only where that is what it is for.
"""

import re
from collections.abc import Iterable

_NUMBER = re.compile(r"(?<![0-9])(?:1650555[0-9]{4}|1650556[0-9]{4}|4420794[0-9]{5})(?![0-9])")
_SECRETS = (
    re.compile(r"(?i)\bbearer\s+[A-Za-z0-9._~+/=-]{16,}"),
    re.compile(r"\bringout_(?:live|at|rt|cs)_[a-z0-9]{12}_[A-Za-z0-9_]{16,}"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*"),
    re.compile(r"\bwhsec_[A-Za-z0-9+/=]{24,}"),
)

_MEANT = (
    # Messages and help say what a number looks like.
    re.compile(r"such as \+16505550123"),
    # `ringout up` prints a line to paste that places a call.
    re.compile(r"^\s*curl .*"),
)
_SHOW_SECRETS_ONCE = frozenset({"keys", "webhooks", "up"})
"""Commands that show what they have made, once: a key, or a signing secret."""


def faults(lines: Iterable[str], command: Iterable[str] = ()) -> list[str]:
    """Which of the lines, that a command wrote, should not be."""
    patterns = [_NUMBER, *(() if _SHOW_SECRETS_ONCE & set(command) else _SECRETS)]
    return [line for line in lines if any(one.search(_unmeant(line)) for one in patterns)]


def _unmeant(line: str) -> str:
    for one in _MEANT:
        line = one.sub("", line)
    return line
