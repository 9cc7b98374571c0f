"""Event filters, as `eventFilters` names them, and what they let through.

Four kinds are known: the telephony sessions of an extension and of the account, an extension's
presence, and the reminder before a subscription ends. Their paths and queries:
ringcentral-api-docs, docs/notifications/event-filters/{account,extension}-telephony-sessions.md,
detailed-extension-presence.md and docs/notifications/webhooks/creating-webhooks.md.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl

from simulator.auth import Identity
from simulator.refusals import Refusal
from simulator.roster import is_extension

Kind = Literal["sessions", "presence", "reminder"]
_OWNER = r"/restapi/v1\.0/account/(?P<account>[^/]+)(?:/extension/(?P<extension>[^/]+))?"
_SESSIONS = re.compile(rf"{_OWNER}/telephony/sessions")
_PRESENCE = re.compile(rf"{_OWNER}/presence")
_REMINDER = "/restapi/v1.0/subscription/~"
_SESSION_QUERY = {
    "direction", "missedCall", "phoneNumber", "sipData", "statusCode", "withRecordings",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class EventFilter:
    """One filter, its `~` resolved. `extension` None: all of the account."""

    text: str
    kind: Kind
    extension: str | None = None
    query: tuple[tuple[str, str], ...] = ()
    account: str | None = None

    def covers(self, account: str, extension: str) -> bool:
        """Whether events of this extension are meant."""
        return self.account == account and self.extension in {None, extension}

    def wants(self, party: Mapping[str, Any]) -> bool:
        """Whether the query lets a party of a session's event through."""
        query = dict(self.query)
        statuses = {value for name, value in self.query if name == "statusCode"}
        numbers = {party.get(side, {}).get("phoneNumber") for side in ("from", "to")}
        return (
            query.get("direction", party["direction"]) == party["direction"]
            and (not statuses or party["status"]["code"] in statuses)
            and ("phoneNumber" not in query or _plus(query["phoneNumber"]) in numbers)
            and query.get("missedCall") != "true"
            and query.get("withRecordings") != "true"
        )

    @property
    def seconds(self) -> tuple[float, float]:
        """A reminder's threshold and interval."""
        query = dict(self.query)
        return float(query["threshold"]), float(query["interval"])


def read_filter(text: str, who: Identity) -> EventFilter:
    """A filter from its text; raises Refusal SUB-406, 408, 508 or 516."""
    path, _, query_text = text.partition("?")
    query = tuple(parse_qsl(query_text, keep_blank_values=True))
    if path == _REMINDER:
        return _reminder(text, query)
    if (match := _SESSIONS.fullmatch(path)) is not None:
        kind: Kind = "sessions"
        known = {name for name, _ in query} <= _SESSION_QUERY
    else:
        match, kind = _PRESENCE.fullmatch(path), "presence"
        known = match is not None and match["extension"] is not None
    if match is None or not known:
        raise Refusal(400, "SUB-508", f"Invalid event filters: [{text}]")
    return _owned(match, kind, query, query_text, who)


def check_reminders(filters: list[EventFilter], life: float) -> None:
    """Raises Refusal SUB-515 for a reminder alone, SUB-516 for one out of bounds."""
    reminders = [one for one in filters if one.kind == "reminder"]
    if reminders and len(reminders) == len(filters):
        raise Refusal(400, "SUB-515", "Reminder event filter cannot be the only event filter")
    for threshold, interval in (one.seconds for one in reminders):
        if not (0 < interval <= threshold / 2 and threshold <= life / 2):
            raise Refusal(400, "SUB-516", "Invalid reminder parameters")


def _owned(
    match: re.Match[str],
    kind: Kind,
    query: tuple[tuple[str, str], ...],
    text: str,
    who: Identity,
) -> EventFilter:
    account, extension = match["account"], match["extension"]
    if account not in {"~", who.account}:
        message = "Not allowed subscribe for events to extensions of other account"
        raise Refusal(403, "SUB-406", message)
    if extension is not None:
        extension = who.extension if extension == "~" else extension
        if extension != who.extension and not is_extension(extension):
            raise Refusal(403, "SUB-408", "Not allowed subscribe for unknown user")
    owner = f"/account/{who.account}" + (f"/extension/{extension}" if extension else "")
    rest = "/telephony/sessions" if kind == "sessions" else "/presence"
    resolved = f"/restapi/v1.0{owner}{rest}" + (f"?{text}" if text else "")
    return EventFilter(resolved, kind, extension, query, who.account)


def _reminder(text: str, query: tuple[tuple[str, str], ...]) -> EventFilter:
    values = dict(query)
    given = [values.get(name, "") for name in ("threshold", "interval")]
    if not all(re.fullmatch("[0-9]{1,9}([.][0-9]+)?", seconds) for seconds in given):
        raise Refusal(400, "SUB-516", "Invalid reminder parameters")
    return EventFilter(text, "reminder", None, query)


def _plus(number: str) -> str:
    """A `+` in a query reads as a space; either is the number's sign."""
    return f"+{number.strip().removeprefix('+')}"
