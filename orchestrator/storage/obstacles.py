"""What keeps a call from being placed at the moment at which its fence is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.domain.errors import UpstreamGated
from orchestrator.storage.pauses import Held, pause_in
from orchestrator.storage.suppression import Suppressed


class OutOfTime(Exception):
    """The call is not worth placing any more, by Redis's clock."""


@dataclass(frozen=True, slots=True)
class Obstacles:
    """What may be in the way of a placing besides a pause: its gates (the keys of the bucket's,
    the account's and the house's) may be closed, its phones (their digests) suppressed, its lines
    (their keys) not its own any more, its hours over from `closes` on (ms; None: it has none)."""

    gates: Sequence[str]
    phones: Sequence[str]
    lines: Sequence[str] = ()
    closes: int | None = None

    @property
    def until(self) -> int | str:
        """Until when they let the call be placed, as the script takes it."""
        return "never" if self.closes is None else self.closes


def raise_if_held(answer: Sequence[Any]) -> None:
    """What the script's answer says is in the way: OutOfTime, Suppressed, Held or UpstreamGated."""
    match answer[0]:
        case b"expired":
            raise OutOfTime
        case b"suppressed":
            raise Suppressed
        case b"paused":
            raise Held(pause_in(answer[1]))
        case b"gated":
            raise UpstreamGated("RingCentral's rate limit is spent.", answer[1] / 1000)
