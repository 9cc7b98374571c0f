"""Rate limits as RingCentral keeps them: a sliding window per (user, application, group).

The request that overflows a window starts a penalty, and every request inside a penalty is
refused and starts the penalty anew. The numbers are the documented defaults.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

DEFAULT_LIMITS = "heavy=10/60,medium=40/60,light=50/60,auth=5/60,penalty=60"
GROUPS = ("heavy", "medium", "light", "auth", "account", "global")
"""`account` and `global` are off unless set: they count all requests of an account and an
application, and all requests together; their refusals carry CMN-302 and CMN-310, and no rate
headers."""
_WIDE = {"account", "global"}

BucketKey = tuple[str, str, str]
"""(user, application, group)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many requests a window of so many seconds takes, by group; none at all when off."""

    windows: dict[str, tuple[int, float]]
    penalty: float

    @classmethod
    def parse(cls, text: str) -> "Limits":
        """Reads `off` or `heavy=10/60,…,penalty=60`; what is not named keeps its default.

        Raises ValueError for anything else.
        """
        if text.strip() == "off":
            return cls({}, 0.0)
        named = _pairs(DEFAULT_LIMITS) | _pairs(text)
        penalty = _positive(named.pop("penalty"))
        return cls({group: _window(value) for group, value in named.items()}, penalty)


def _pairs(text: str) -> dict[str, str]:
    pairs = {}
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals or name not in {*GROUPS, "penalty"}:
            raise ValueError(f"not a limit: {part!r}")
        pairs[name] = value
    return pairs


def _window(text: str) -> tuple[int, float]:
    count, _, seconds = text.partition("/")
    if int(count) < 1:
        raise ValueError("a limit is at least 1")
    return int(count), _positive(seconds)


def _positive(text: str) -> float:
    number = float(text)
    if not (math.isfinite(number) and number > 0):
        raise ValueError("not a positive number")
    return number


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the limiter says of one request."""

    refused: bool = False
    inside_penalty: bool = False
    retry_after: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Bucket:
    taken: deque[float] = field(default_factory=deque)
    penalty_until: float = -math.inf


class Limiter:
    """Counts requests; `now` gives seconds on whatever clock the windows run by."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.limits = Limits.parse(DEFAULT_LIMITS)
        self._now = now
        self._buckets: dict[BucketKey, _Bucket] = {}

    def take(self, key: BucketKey) -> Verdict:
        """Counts one request against its bucket and says whether it may pass."""
        group = key[2]
        window = self.limits.windows.get(group)
        if window is None:
            return Verdict()
        limit, seconds = window
        bucket = self._buckets.setdefault(key, _Bucket())
        now = self._now()
        inside = now < bucket.penalty_until
        _forget(bucket.taken, now - seconds)
        refused = inside or len(bucket.taken) >= limit
        if refused:
            bucket.penalty_until = now + self.limits.penalty
        else:
            bucket.taken.append(now)
        remaining = 0 if refused else limit - len(bucket.taken)
        return Verdict(
            refused=refused,
            inside_penalty=inside,
            retry_after=self.limits.penalty if refused else 0.0,
            headers={} if group in _WIDE else _headers(group, limit, remaining, seconds),
        )


def _forget(taken: deque[float], before: float) -> None:
    while taken and taken[0] <= before:
        taken.popleft()


def _headers(group: str, limit: int, remaining: int, seconds: float) -> dict[str, str]:
    return {
        "X-Rate-Limit-Group": group,
        "X-Rate-Limit-Limit": str(limit),
        "X-Rate-Limit-Remaining": str(remaining),
        "X-Rate-Limit-Window": str(math.ceil(seconds)),
    }
