"""Phone numbers as text: brought to E.164, masked for everyone who need not dial them.

A full number is needed to place a call and to recognise it afterwards, and nowhere else.
Whatever is shown, logged or published goes through `masked` or `scrubbed` first.
"""

import re

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_VISUAL_SEPARATORS = re.compile(r"[ \-.()]")
_DIALLABLE_RUN = re.compile(r"\+?[0-9](?:[ \-.()]{0,2}[0-9]){6,17}")

_E164_RUN = re.compile(r"(?:\+|%2[Bb])([1-9][0-9]{6,14})(?![0-9])")

HIDDEN = "+********"
"""Stands for a number that is forgotten."""

_BETWEEN = r"(?:[ \-.()/+\u00a0]|%2[089BbDdEeFf]|%[Cc]2%[Aa]0){0,4}"
_BEFORE = r"(?:(?<![0-9])|(?<=%2[089]))"

_SHOWN_HEAD = 3
_SHOWN_TAIL = 4
_HIDDEN_AT_LEAST = 4


def normalised(number: str) -> str | None:
    """The E.164 form (`+`, 7 to 15 ASCII digits) of a number, or None where it has none.

    Blanks, dots, dashes and brackets are dropped; letters, extensions, `tel:` and digits of
    other scripts are not understood, since each reading of them is a guess about whom to ring.
    """
    compact = _VISUAL_SEPARATORS.sub("", number)
    return compact if E164.fullmatch(compact) else None


def masked(number: str) -> str:
    """A number that can be recognised by who knows it and dialled by nobody: `+16*****0123`.

    At least four characters are hidden; the mark makes the text non-numeric, so that a
    dashboard does not turn it into a floating-point value.
    """
    head = number[:_SHOWN_HEAD]
    tail_length = max(0, min(_SHOWN_TAIL, len(number) - _SHOWN_HEAD - _HIDDEN_AT_LEAST))
    tail = number[len(number) - tail_length :] if tail_length else ""
    return head + "*" * max(_HIDDEN_AT_LEAST, len(number) - _SHOWN_HEAD - tail_length) + tail


def scrubbed(text: str) -> str:
    """The text with every run of seven or more digits masked, however it is punctuated.

    RingCentral's messages repeat the number that they refuse.
    """
    return _DIALLABLE_RUN.sub(lambda match: masked(_VISUAL_SEPARATORS.sub("", match.group())), text)


def scrubbed_e164(text: str) -> str:
    """The text with every number in E.164 form masked; ids and times, which have no +, stay."""
    return _E164_RUN.sub(lambda match: masked("+" + match.group(1)), text)


def spellings(number: str) -> re.Pattern[str]:
    """Finds a number in E.164 form however it is written: with or without +, percent-encoded,
    punctuated; not inside a longer run of digits."""
    return re.compile(rf"{_BEFORE}{_BETWEEN.join(number.lstrip('+'))}(?![0-9])")


def forgotten(text: str, number: str) -> str:
    """The text without a number in E.164 form, nor the masked one by which it was recognised."""
    bare = spellings(number).sub(HIDDEN.lstrip("+"), text.replace(masked(number), HIDDEN))
    return bare.replace("++", "+")
