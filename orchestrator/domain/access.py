"""Who asks, and what they may ask for.

A principal is what a request's credentials prove: an API key, a token of the identity provider,
or, in a house that nobody outside its machine can reach and that has no key, the house itself.
"""

from dataclasses import dataclass
from enum import StrEnum

from orchestrator.domain.errors import InsufficientScope


class Scope(StrEnum):
    """One right."""

    CREATE = "calls:create"
    READ = "calls:read"
    CANCEL = "calls:cancel"
    WEBHOOKS = "webhooks"
    OPS = "ops"


EVERYTHING = frozenset(Scope)
HOUSE_OWNER = ""
"""Owns what was made while no key was needed."""


OIDC_OWNER = "oidc_"
OIDC_DIGITS = 24
"""The owner that stands for somebody whom the identity provider names: this, and so many
hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `most` in any `seconds`."""

    most: int
    seconds: int


def quotas_of(text: str) -> tuple[Quota, ...]:
    """The quotas that a text such as `1/60,5/3600` names; none for `off`."""
    if text == "off":
        return ()
    pairs = (part.split("/") for part in text.split(","))
    return tuple(Quota(int(most), int(seconds)) for most, seconds in pairs)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: `owner` marks what it makes as its own; `name` is what people call it.

    `callers` (digests of numbers) and `forwarding_numbers` (RingCentral's ids) are the phones
    that it may ring first, both None where it may ring any; `quotas` are its own, beside the
    house's.
    """

    owner: str
    name: str
    scopes: frozenset[Scope]
    callers: frozenset[str] | None = None
    forwarding_numbers: frozenset[str] | None = None
    quotas: tuple[Quota, ...] = ()

    def may(self, scope: Scope) -> bool:
        """Whether it has a right; who runs the house may read all of it."""
        return scope in self.scopes or (scope is Scope.READ and Scope.OPS in self.scopes)

    def require(self, scope: Scope) -> None:
        """InsufficientScope where it has not that right."""
        if not self.may(scope):
            raise InsufficientScope(scope)

    def sees(self, owner: str) -> bool:
        """Whether what `owner` made is there for it: its own, and all for who runs the house."""
        return Scope.OPS in self.scopes or owner == self.owner


HOUSE = Principal(HOUSE_OWNER, "house", EVERYTHING)
"""Who asks where no key is needed: a house on loopback without any key."""
