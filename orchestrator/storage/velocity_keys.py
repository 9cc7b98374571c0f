"""The names of the keys that hold how often calls were made."""

from orchestrator.storage.keys import PREFIX


def window(kind: str, whose: str) -> str:
    """The calls that count against the quotas of a callee, a caller, a key or the house."""
    return f"{PREFIX}velocity:{kind}:{whose}"


def click(digest: str) -> str:
    """The call that the last click of an owner for these two phones has made."""
    return f"{PREFIX}click:{digest}"
