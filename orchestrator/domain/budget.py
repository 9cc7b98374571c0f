"""What a request to RingCentral costs, and what its answer says of what is left.

RingCentral counts requests by user, app and group in a sliding window. A user and an app are one
credential here, so a *bucket* is a credential and a group; each request pays with one entry in
its bucket before it leaves.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class Scope(StrEnum):
    """What a penalty keeps everyone from: one bucket, all of an account, or everything."""

    BUCKET = "bucket"
    ACCOUNT = "account"
    HOUSE = "house"


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose buckets are paid from: a credential by its name, and the account it belongs to."""

    credential: str = "default"
    account: str = "~"


@dataclass(frozen=True, slots=True)
class Payment:
    """One request's entry in a bucket: to be settled, or refunded where nothing was sent."""

    payer: Payer
    group: str
    id: str


@dataclass(frozen=True, slots=True)
class Limit:
    """What RingCentral said of a group: `remaining` of `limit` requests in `window` seconds."""

    limit: int
    remaining: int
    window: int


@dataclass(frozen=True, slots=True)
class Penalty:
    """A 429: nobody may send anything within `scope` for so many seconds."""

    seconds: float
    scope: Scope = Scope.BUCKET


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a request that was sent; `answered` False: nothing that can be read."""

    answered: bool = True
    limit: Limit | None = None
    penalty: Penalty | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in so many seconds."""

    limit: int
    window: int = 60


@dataclass(frozen=True, slots=True)
class Rules:
    """How buckets are spent. Times are seconds.

    `reserve` is how many requests of a window, by group, are kept for cancels and
    reconciliation; a request that is kept may be spent on anything where so many come free
    within `patience`, so that nothing is left unspent and a cancel waits `patience` at most.
    `yields` is the share of a window, by group, that is left to other processes. `hold` is how
    long a request may be under way. `assumed` holds until an answer has told the limit:
    RingCentral's documented defaults.
    """

    hold: float = 15.0
    patience: float = 5.0
    reserve: dict[str, int] = field(default_factory=lambda: {"heavy": 1, "light": 5})
    yields: dict[str, float] = field(default_factory=dict)
    assumed: dict[str, Rate] = field(
        default_factory=lambda: {
            "heavy": Rate(10),
            "medium": Rate(40),
            "light": Rate(50),
            "auth": Rate(4),
        }
    )
