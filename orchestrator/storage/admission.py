"""What the house's rules say of a call, as the script that accepts it takes and answers it.

Every rule that looks at other calls is decided there, with the acceptance: two requests of the
same moment cannot both be the last that is let in.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.domain.access import Quota
from orchestrator.domain.calls import Call
from orchestrator.domain.errors import (
    NO_CREDENTIALS,
    IdempotencyKeyReused,
    RefusedByPolicy,
    StorageUnavailable,
    Unauthenticated,
    VelocityExceeded,
)
from orchestrator.domain.velocity import Figure, is_spent
from orchestrator.storage import access_keys, keys, velocity_keys
from orchestrator.storage.backlog import Backlog, full
from orchestrator.storage.records import Snapshot

SUPPRESSION = "suppression"
_SUPPRESSED = "must not be a number that is suppressed: it is never rung"
_WHOSE = {
    "callee": "for this callee",
    "caller": "for this caller",
    "key": "with these credentials",
    "house": "by this service",
}


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The client's name for its wish, and what the wish is, so that another is told apart; two
    owners may use the same name."""

    key: str
    fingerprint: str
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The call's id, and the call where it is new: not, where an earlier request had made it,
    whose second `is_click` this is or else whose idempotency key. `figures` are what is left of
    the quotas that were looked at."""

    call_id: str
    snapshot: Snapshot | None
    is_click: bool = False
    figures: tuple[Figure, ...] = ()

    @property
    def is_replay(self) -> bool:
        """Whether a request with the same idempotency key had made the call."""
        return self.snapshot is None and not self.is_click


@dataclass(frozen=True, slots=True)
class Window:
    """The quotas that calls of a kind (callee, caller, key or house) have in common."""

    kind: str
    whose: str
    quotas: tuple[Quota, ...]


@dataclass(frozen=True, slots=True)
class Admission:
    """What holds for one call.

    `owner` is who asks: the id of an API key where one does, which is not let in once it is
    revoked. `numbers` are the digests, by field, of the phones that it rings, and
    `shown_to_callee` is that of its `callerId`, which is not rung: the call is only known by it.
    `click` names its owner and its phones for `double_click` seconds; `audit` is its entry in the
    audit stream; `backlog` is for a call with a `callbackUrl`. With `is_dry`, what would happen is
    answered and nothing is written.
    """

    owner: str
    numbers: tuple[tuple[str, str], ...]
    click: str
    double_click: int
    windows: tuple[Window, ...]
    audit: Sequence[str]
    audit_kept: int
    is_dry: bool = False
    shown_to_callee: str = ""
    backlog: Backlog | None = None

    @property
    def keys(self) -> list[str]:
        """The keys that the script looks at for this."""
        windows = (velocity_keys.window(window.kind, window.whose) for window in self.windows)
        return [
            keys.SUPPRESSED,
            velocity_keys.click(self.click),
            keys.AUDIT,
            access_keys.api_key(self.owner),
            *windows,
        ]

    def argument(self) -> str:
        """The rules, as the script takes them."""
        return json.dumps(
            {
                "numbers": [digest for _, digest in self.numbers],
                "shown": self.shown_to_callee,
                "click": 1000 * self.double_click,
                "windows": [
                    [(quota.most, quota.seconds) for quota in window.quotas]
                    for window in self.windows
                ],
                "backlog": self.backlog,
                "dry": self.is_dry,
                "audit": list(self.audit),
                "kept": self.audit_kept,
            }
        )

    def figures(self, answer: list[list[int]]) -> tuple[Figure, ...]:
        """What is left of each quota, as the script answers it."""
        quotas = (
            (window.kind, quota.most, quota.seconds)
            for window in self.windows
            for quota in window.quotas
        )
        return tuple(Figure(*quota, *now) for quota, now in zip(quotas, answer, strict=True))


UNASKED = [
    keys.SUPPRESSED,
    velocity_keys.click("none"),
    keys.AUDIT,
    access_keys.api_key("none"),
]
"""The same keys where no rule holds."""


def _too_many(figures: tuple[Figure, ...]) -> VelocityExceeded:
    """The rule that there will be room by last is the one that is named."""
    last = max(filter(is_spent, figures), key=lambda figure: figure.wait)
    calls = "1 call" if last.most == 1 else f"{last.most} calls"
    detail = (
        f"At most {calls} in {last.seconds} s may be made {_WHOSE[last.kind]}; "
        f"the next in {-(-last.wait // 1000)} s."
    )
    return VelocityExceeded(last.policy, detail, last.wait / 1000, figures)


def accepted(call: Call, shown: str, answer: list[Any], admission: Admission | None) -> Accepted:
    """What the script's answer says of the call, whose JSON is `shown`; raises its refusals."""
    match answer[0]:
        case b"replayed":
            return Accepted(answer[2].decode(), None)
        case b"conflict":
            raise IdempotencyKeyReused(
                "This Idempotency-Key was used for another request; use a new one."
            )
        case b"late":
            raise StorageUnavailable("Redis took too long; nothing was written.", 1)
    new = Accepted(call.id, Snapshot.of(call, shown))
    return new if admission is None else _admitted(new, answer, admission)


def _admitted(new: Accepted, answer: list[Any], admission: Admission) -> Accepted:
    match answer[0]:
        case b"revoked":
            raise Unauthenticated(NO_CREDENTIALS, was_shown=True)
        case b"suppressed":
            field, _ = admission.numbers[answer[2] - 1]
            raise RefusedByPolicy(SUPPRESSION, _SUPPRESSED, field)
        case b"full":
            raise full(admission.figures(answer[2]))
        case b"spent":
            raise _too_many(admission.figures(answer[2]))
        case b"clicked":
            figures = admission.figures(answer[3])
            return Accepted(answer[2].decode(), None, is_click=True, figures=figures)
    return replace(new, figures=admission.figures(answer[2]))
