"""What was found about one thing that this product needs, and what to do where it is not right."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "warn", "fail"]

_BY_WEIGHT: tuple[Verdict, ...] = ("fail", "warn", "ok")


@dataclass(frozen=True, slots=True)
class Finding:
    """`about` is one of a few words, `what` and `advice` are for a person; no secret and no full
    phone number among them."""

    about: str
    verdict: Verdict
    what: str
    advice: str = ""


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The gravest of them; `ok` where there is none."""
    found = set(verdicts)
    return next((verdict for verdict in _BY_WEIGHT if verdict in found), "ok")
