"""Which phones may be rung at all: decided by the number alone, before anything is written down.

A number that is well-formed says little about what it costs or whom it alarms. What libphonenumber
knows of it decides: its region, which country codes do not tell (+1 is two dozen countries), and
its kind. Ranges that fraud makes use of look like any mobile phone to it: what keeps them out is
the list of regions, and the operator's own list of prefixes.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType
from phonenumbers.shortnumberinfo import connects_to_emergency_number

from orchestrator.domain import phones

_PREFIX = re.compile(r"\+[1-9][0-9]{0,14}", re.ASCII)
_SATELLITES = frozenset({870, 881, 882, 883})
"""Inmarsat, the global mobile satellite system, and the international networks beside them: ITU-T
E.164's shared country codes."""

_NOT = "must not be rung: "
_KINDS = {
    PhoneNumberType.PREMIUM_RATE: ("destination.premium", "a premium-rate number"),
    PhoneNumberType.SHARED_COST: ("destination.shared_cost", "a shared-cost number"),
    PhoneNumberType.PERSONAL_NUMBER: ("destination.personal", "a personal (follow-me) number"),
    PhoneNumberType.PAGER: ("destination.pager", "a pager"),
    PhoneNumberType.UAN: ("destination.company", "a universal access number"),
    PhoneNumberType.VOICEMAIL: ("destination.voicemail", "a mailbox"),
    PhoneNumberType.UNKNOWN: ("destination.unknown", "no number that is in use"),
}


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a number may not be rung: the policy's name, and a sentence about the number."""

    policy: str
    detail: str


class UnusablePrefixes(ValueError):
    """A text of prefixes holds a line that is none; the text says which, and what is right."""


@dataclass(frozen=True)
class Destinations:
    """The numbers that may be rung: those of `regions` (ISO 3166), of usual kinds, without those
    that begin with one of the `denied` prefixes."""

    regions: frozenset[str]
    denied: frozenset[str] = field(default_factory=frozenset)

    def objection(self, number: str) -> Objection | None:
        """Why the number, in E.164 form, may not be rung; None where it may."""
        if any(number[:length] in self.denied for length in range(2, len(number) + 1)):
            return Objection("destination.denied_prefix", f"{_NOT}its prefix is denied here")
        return _objection(number, self.regions)


@lru_cache(maxsize=4_096)
def _objection(number: str, regions: frozenset[str]) -> Objection | None:
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return Objection("destination.unknown", f"{_NOT}it is no number that is in use")
    if parsed.country_code in _SATELLITES:
        return Objection(
            "destination.satellite", f"{_NOT}it is a satellite or international network's"
        )
    region = phonenumbers.region_code_for_number(parsed)
    if not phonenumbers.is_valid_number(parsed) and _alarms(number, parsed, regions):
        return Objection("destination.emergency", f"{_NOT}it may reach an emergency service")
    kind = phonenumbers.number_type(parsed)
    if kind in _KINDS:
        policy, what = _KINDS[kind]
        return Objection(policy, f"{_NOT}it is {what}")
    if region not in regions:
        shown = ", ".join(sorted(regions))
        return Objection(
            "destination.region", f"must be a number of a region that is rung: {shown}"
        )
    return None


def e164(text: str) -> str | None:
    """The number in E.164 form, or None where the text is none, as `phones.normalised` has it.

    A trunk prefix, as in `+44 (0)20 7183 8750`, is not understood either: a phone has one form, by
    which it is counted, suppressed and forgotten.
    """
    number = phones.normalised(text)
    return number if number and not _has_trunk_prefix(number) else None


def _has_trunk_prefix(number: str) -> bool:
    """Whether libphonenumber, as a network may, takes it for a shorter number with more before."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.format_number(parsed, PhoneNumberFormat.E164) != number


def _alarms(number: str, parsed: PhoneNumber, regions: frozenset[str]) -> bool:
    """Whether a phone system that drops the + or the country code would alarm somebody: a region's
    emergency number may be followed by anything."""
    dialled = (number.removeprefix("+"), str(parsed.national_number))
    return any(
        connects_to_emergency_number(digits, region) for digits in dialled for region in regions
    )


def denied_prefixes(text: str) -> frozenset[str]:
    """The prefixes in a text, one a line, `#` before a comment.

    UnusablePrefixes naming the first line that is no prefix.
    """
    found = set()
    for number, line in enumerate(text.splitlines(), start=1):
        prefix = line.partition("#")[0].strip()
        if prefix and not _PREFIX.fullmatch(prefix):
            raise UnusablePrefixes(f"line {number}: must be a prefix such as +25261")
        found.add(prefix)
    return frozenset(found - {""})
