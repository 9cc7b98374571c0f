"""Reading a ring-out request as strictly as RingCentral does."""

from typing import Any

from simulator.numbers import e164
from simulator.phonebook import FORWARDING_NUMBERS
from simulator.refusals import Refusal, invalid, not_found
from simulator.settings import Tuning
from simulator.world import Wish

_CALLERS_BLOCKED = "5550102"
_CALLER_IDS_REFUSED = {
    "5550107": (400, "TEL-107", "Caller ID is not allowed"),
    "5550108": (403, "RNG-102", "Caller ID must be one of the company's direct numbers"),
}


def understood(body: dict[str, Any], tuning: Tuning) -> Wish:
    """The wish in a request body; raises Refusal with the code the reference lists for it."""
    caller = _caller(_member(body, "from"), tuning)
    callee = _number(_member(body, "to"), "to")
    if callee is None:
        raise Refusal(400, "TEL-109", "To number is empty or invalid", parameterName="to")
    if caller.endswith(_CALLERS_BLOCKED):
        raise Refusal(403, "TEL-102", "From number is blocked")
    _check_country(_member(body, "country"))
    return Wish(caller, callee, _caller_id(_member(body, "callerId")), _prompt(body, tuning))


def _member(body: dict[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid(name)
    return value


def _number(party: dict[str, Any], name: str) -> str | None:
    given = party.get("phoneNumber")
    if given is None:
        return None
    if not isinstance(given, str):
        raise invalid(f"{name}.phoneNumber")
    return e164(given)


def _caller(party: dict[str, Any], tuning: Tuning) -> str:
    known_id = party.get("forwardingNumberId")
    if known_id is not None and "phoneNumber" not in party:
        if not isinstance(known_id, str):
            raise invalid("from.forwardingNumberId")
        if known_id not in FORWARDING_NUMBERS:
            raise not_found("from.forwardingNumberId")
        return FORWARDING_NUMBERS[known_id]
    number = _number(party, "from")
    if number is None and not party:
        number = e164(tuning.default_from)
    if number is None:
        raise Refusal(400, "TEL-108", "From number is empty or invalid", parameterName="from")
    return number


def _caller_id(party: dict[str, Any]) -> str | None:
    number = _number(party, "callerId")
    if number is None:
        if party.get("phoneNumber") is not None:
            raise Refusal(400, "TEL-107", "Caller ID is not allowed")
        return None
    if number[-7:] in _CALLER_IDS_REFUSED:
        raise Refusal(*_CALLER_IDS_REFUSED[number[-7:]])
    return number


def _prompt(body: dict[str, Any], tuning: Tuning) -> bool:
    prompt = body.get("playPrompt", tuning.prompt_default)
    if not isinstance(prompt, bool):
        raise invalid("playPrompt")
    return prompt


def _check_country(country: dict[str, Any]) -> None:
    country_id = country.get("id")
    if country_id is None:
        return
    if not isinstance(country_id, str) or not country_id.isdecimal():
        raise invalid("country.id")
