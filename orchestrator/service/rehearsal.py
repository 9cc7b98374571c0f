"""A dry run: what would become of a call, without anything being written down or counted."""

from dataclasses import replace
from typing import Any

from orchestrator.domain.calls import Reason
from orchestrator.domain.velocity import Figure
from orchestrator.storage.admission import Accepted
from orchestrator.storage.records import Snapshot, as_json, from_json

VALIDATE_ONLY = "validate_only"
"""Stands where a call's id would."""

_ACCEPTED, _DOUBLE_CLICK = "accepted", "replayed_double_click"


def rehearsed(shown: Snapshot, found: Accepted, waits: Reason | None) -> Snapshot:
    """The call as it would be accepted, with what would be done about it, and why it would wait."""
    told: dict[str, Any] = {"outcome": _DOUBLE_CLICK if found.is_click else _ACCEPTED}
    if found.is_click:
        told["call"] = found.call_id
    told["waits"] = {"code": waits.code, "message": waits.message} if waits else None
    told["policies"] = [_policy(figure) for figure in found.figures]
    document = {**from_json(shown.document), "validateOnly": told}
    return replace(shown, document=as_json(document).encode())


def _policy(figure: Figure) -> dict[str, str | int]:
    return {
        "policy": figure.policy,
        "limit": figure.most,
        "seconds": figure.seconds,
        "remaining": figure.left,
    }
