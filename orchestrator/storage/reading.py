"""What is read that no process of this version wrote: a newer one's record, or a broken one.

Whoever reads a record takes `NOT_READABLE` for the answer that it is none of its own, passes it
over and says so in the log; no such record ends a loop or changes what is answered about another.
"""

from collections.abc import Iterable

import structlog

from orchestrator.storage.connection import WrongType

log = structlog.get_logger(__name__)

NOT_READABLE = (
    WrongType,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What taking a record apart raises where it is not as it should be."""


def ids(members: Iterable[bytes], index: str) -> list[str]:
    """The members of an index; those that are no text, and so no id, are passed over."""
    found = []
    for member in members:
        try:
            found.append(member.decode())
        except UnicodeDecodeError:
            log.warning("member_not_readable", index=index)
    return found


def shown(value: bytes) -> str:
    """A text; what is none is replaced."""
    return value.decode(errors="replace")
