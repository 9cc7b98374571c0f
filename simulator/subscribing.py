"""Reading what a subscription is asked for, the same by REST and inside a WebSocket."""

from dataclasses import dataclass
from typing import Any

from simulator.auth import Identity
from simulator.filters import EventFilter, check_reminders, read_filter
from simulator.push_tuning import PushTuning
from simulator.refusals import Refusal, invalid
from simulator.subscriptions import LONGEST

SCOPES = {"WebHook": "SubscriptionWebhook", "WebSocket": "WebSocketsSubscription"}
_NEEDED = {"sessions": "CallControl", "presence": "ReadPresence"}
_DISABLED = "SUB-412"
"""RingCentral's own example has this code for a missing permission (readSubscription)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filters that are granted, and those that are not, with a reason each."""

    filters: list[EventFilter]
    disabled: list[dict[str, str]]


def check_scope(who: Identity, permission: str) -> None:
    """Raises Refusal CMN-401 where the token's scope lacks a permission."""
    if permission not in who.scope:
        message = f"In order to call this API endpoint, application needs to have [{permission}]"
        raise Refusal(403, "CMN-401", f"{message} permission", permissionName=permission)


def wanted_filters(body: dict[str, Any], who: Identity, tuning: PushTuning, life: float) -> Wanted:
    """What `eventFilters` asks for; raises Refusal CMN-101, SUB-406, 408, 508, 515 or 516.

    A filter whose permission is missing is granted by nobody and refused by nobody: it is listed
    in `disabledFilters`.
    """
    texts = body.get("eventFilters")
    if not isinstance(texts, list) or not texts:
        raise invalid("eventFilters")
    if not all(isinstance(text, str) for text in texts):
        raise invalid("eventFilters")
    filters = [read_filter(text, who) for text in dict.fromkeys(texts)]
    check_reminders(filters, life)
    reasons = [(one, _reason(one, who, tuning)) for one in filters]
    disabled = [
        {"filter": one.text, "reason": _DISABLED, "message": reason}
        for one, reason in reasons
        if reason is not None
    ]
    return Wanted([one for one, reason in reasons if reason is None], disabled)


def wanted_life(body: dict[str, Any], tuning: PushTuning) -> float:
    """The seconds `expiresIn` asks for; raises Refusal CMN-101."""
    asked = body.get("expiresIn", tuning.subscription_life)
    number = isinstance(asked, int | float) and not isinstance(asked, bool)
    if not number or not 1 <= asked <= LONGEST:
        raise invalid("expiresIn")
    return float(asked)


def _reason(one: EventFilter, who: Identity, tuning: PushTuning) -> str | None:
    permission = _NEEDED.get(one.kind)
    if permission is not None and permission not in who.scope:
        return f"Application permission [{permission}] is missing"
    if one.kind == "sessions" and one.extension is None and not tuning.account_events:
        return "User permission [ReadCompanyTelephonySessions] is missing"
    return None
