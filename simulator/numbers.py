"""Phone numbers, as people write them and as E.164."""

import re

_PUNCTUATION = str.maketrans("", "", " -.()")
_DIGITS = re.compile(r"\+?[0-9]{5,15}", re.ASCII)
_NATIONAL_LENGTH = 10


def e164(text: str) -> str | None:
    """A number in E.164, or None; ten digits without a `+` are taken for North America."""
    digits = text.translate(_PUNCTUATION)
    if not _DIGITS.fullmatch(digits):
        return None
    if digits.startswith("+"):
        return digits
    return f"+1{digits}" if len(digits) == _NATIONAL_LENGTH else f"+{digits}"
