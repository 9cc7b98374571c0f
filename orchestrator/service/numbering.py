"""How a number is written at home, which its country code does not tell."""

import phonenumbers

from orchestrator.domain.phones import Spellings

_SHORTEST = 7
"""A shorter national number is too often an amount, a port or a wait."""


def spellings(number: str) -> Spellings:
    """All that a number in E.164 form is known by in a text."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return Spellings(number)
    national = phonenumbers.national_significant_number(parsed)
    if len(national) < _SHORTEST:
        return Spellings(number)
    region = phonenumbers.region_code_for_country_code(parsed.country_code or 0)
    trunk = phonenumbers.ndd_prefix_for_region(region, strip_non_digits=True)
    return Spellings(number, national, trunk or "")
