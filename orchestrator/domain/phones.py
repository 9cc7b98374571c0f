"""Phone numbers as text: brought to E.164, masked for everyone who need not dial them.

A full number is needed to place a call and to recognise it afterwards, and nowhere else.
Whatever is shown, logged or published goes through `masked` or `scrubbed` first. What finds a
certain number sees it wherever what masks any number does, and in lists of its parts as well.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_VISUAL_SEPARATORS = re.compile(r"[ \-.()]")

HIDDEN = "+********"
"""Stands for a number that is forgotten."""

_SHOWN_HEAD = 3
_SHOWN_TAIL = 4
_HIDDEN_AT_LEAST = 4

_BETWEEN = r"(?:(?![,;]\s|\s\+)(?:[^\w*]|_)){0,4}"
"""What stands between two digits of one number: up to four characters that are neither letters nor
digits, dashes and blanks of all kinds among them. Not the stars of a mask, and nothing that begins
the next of a list."""
_BETWEEN_ITS = r"(?!\*{4})(?:\W|_){0,4}"
"""What may stand between two digits where it is known which digits they are: anything that is
neither a letter nor a digit, but for the stars of a mask, of which there are never fewer."""

_STARTS, _ENDS = r"(?<![^\W_])", r"(?![^\W_])"
_BEGINS = rf"{_STARTS}(?<![+.])"
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_CLOCK = r"[0-2]\d:[0-5]\d:[0-5]\d(?:[.,]\d{1,9})?"

_TOKEN = rf"""
  {_BEGINS}(?:
    [a-z]{{2,8}}_[0-9a-f]{{32}}                                                # ids of ours
  | [ps]-a[0-9a-f]{{8,32}}(?:z[0-9a-f]{{6,32}}){{1,3}}(?:-\d{{1,2}})?            # RingCentral's
  | (?=[0-9a-fA-F]{{0,64}}[a-fA-F])[0-9a-fA-F]{{16,128}}                       # digests
  | [0-9a-fA-F]{{8}}(?:-[0-9a-fA-F]{{4}}){{3}}-[0-9a-fA-F]{{12}}               # UUIDs
  | (?:19|20)\d\d-(?:0[1-9]|1[0-2])-[0-3]\d                                    # RFC 3339
    (?:[Tt\ ][0-2]\d:[0-5]\d(?::[0-5]\d(?:\.\d{{1,9}})?)?(?:[Zz]|[+-][01]\d:?[0-5]\d)?)?
  | 1[5-9]\d{{11}}                                                             # ms of the epoch
  ){_ENDS}
"""
_FIGURE = rf"""
  {_BEGINS}(?:
    (?:(?:20\d\d|[0-3]?\d)\ )?{_CLOCK}(?:\ 20\d\d)?                            # other times
  | [0-3]?\d([./])[0-3]?\d\1(?:19|20)\d\d
  | {_OCTET}(?:\.{_OCTET}){{3}}(?:[:/]\d{{1,5}})?                              # IP addresses
  | (?=[0-9a-f:]{{0,39}}[a-f])(?=[0-9a-f:]{{0,39}}::)[0-9a-f:]{{4,39}}
  | \d{{1,3}}(?:,\d{{3}}){{1,5}}(?:\.\d{{1,2}})?                               # amounts
  | \d{{1,6}}\.\d{{1,2}}
  | v\d{{1,3}}(?:\.\d{{1,3}}){{1,3}}                                           # versions
  ){_ENDS}(?!{_BETWEEN}\d)
"""
"""What has as many digits as a number and is none; a token is none beside other digits either."""

_DIGITS_OF_A_NUMBER = rf"\d(?:{_BETWEEN}(?!{_TOKEN})\d){{6,}}"
_ANY = re.compile(rf"{_TOKEN}|{_FIGURE}|(?P<number>\+?{_DIGITS_OF_A_NUMBER})", re.VERBOSE)
_ANY_WITH_PLUS = re.compile(rf"(?P<number>\+(?!0){_DIGITS_OF_A_NUMBER})", re.VERBOSE)

_LAYERS = 4
_OTHER_DIGIT = re.compile(r"(?![0-9])\d")
_PERCENT_ENCODED = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_JSON_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_CODE = re.compile(rf"\+(\d{{1,3}}){_BETWEEN}\Z")
_LONGEST_CODE = 8
_NOT_DIGITS = {code: None for code in range(128) if not chr(code).isdigit()}


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
    """The text with every run of seven or more digits masked, however it is punctuated, but for
    ids, times, addresses, amounts and versions.

    RingCentral's messages repeat the number that they refuse.
    """
    return _scrubbed(_ANY, text)


def scrubbed_e164(text: str) -> str:
    """The text with every number that has its + masked; ids and times, which have none, stay."""
    return _scrubbed(_ANY_WITH_PLUS, text)


def _scrubbed(numbers: re.Pattern[str], text: str) -> str:
    shown = numbers.sub(_mask, text)
    *_, opened = _readings(shown)
    bare = numbers.sub(_mask, opened)
    return shown if bare == opened else bare


def _mask(found: re.Match[str]) -> str:
    number = found["number"]
    if number is None:
        return found.group()
    return masked(("+" if number.startswith("+") else "") + _digits(number))


def _digits(text: str) -> str:
    return "".join(str(unicodedata.decimal(one)) for one in text if one.isdecimal())


def _readings(text: str) -> Iterator[str]:
    """The text, then as it reads without each layer of percent-encoding and with plain digits."""
    yield text
    for _ in range(_LAYERS):
        opened = _opened(text)
        if opened == text:
            return
        text = opened
        yield text


def _decoded(found: re.Match[str]) -> str:
    return _printable(bytes.fromhex(found[0].replace("%", "")).decode(errors="replace"))


def _printable(text: str) -> str:
    """What was encoded may be shown where nothing that is not printable is let in as it is."""
    return "".join(one if one.isprintable() else "?" for one in text)


def _opened(text: str) -> str:
    if "%" in text:
        text = _PERCENT_ENCODED.sub(_decoded, text)
    if "\\u" in text:
        text = _JSON_ESCAPE.sub(lambda match: _printable(chr(int(match[1], 16))), text)
    if text.isascii():
        return text
    return _OTHER_DIGIT.sub(lambda match: _digits(match[0]), unicodedata.normalize("NFKC", text))


@dataclass(frozen=True)
class Spellings:
    """A number in E.164 form, however it is written: punctuated, percent-encoded, in the digits of
    any script; and in its national form, `national` with or without `trunk` before it, where that
    stands alone. Both are empty where it has none that is long enough to tell anything.
    """

    number: str
    national: str = ""
    trunk: str = ""

    def are_in(self, text: str) -> bool:
        """Whether the text holds the number."""
        if text.isascii() and "%" not in text and "\\u" not in text:
            # Most texts are of this kind, and most of them end here: all that is kept is read.
            wanted = self.national or self.number[1:]
            return wanted in text.translate(_NOT_DIGITS) and self._is_found(text)
        return any(self._is_found(reading) for reading in _readings(text))

    def hidden_in(self, text: str) -> str:
        """The text without the number, nor the masked one by which it was recognised."""
        for known in filter(None, (self.number, self.number[1:], self.national)):
            text = text.replace(masked(known), HIDDEN)
        if not self.are_in(text):
            return text
        for reading in _readings(text):
            bare = self._pattern.sub(
                lambda found: HIDDEN if self._is_it(found) else found[0], reading
            )
            if not self.are_in(bare):
                return bare
        return HIDDEN

    def _is_found(self, text: str) -> bool:
        return any(self._is_it(found) for found in self._pattern.finditer(text))

    def _is_it(self, found: re.Match[str]) -> bool:
        """Another country's number may have the same national form, after its own code."""
        begin = found.start()
        code = _CODE.search(found.string, max(0, begin - _LONGEST_CODE), begin)
        own = self.number[1:].removesuffix(self.national)
        return not (found["national"] and code and code[1] != own)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        between = _BETWEEN_ITS
        full, national = between.join(self.number[1:]), between.join(self.national)
        abroad = "|".join(between.join(prefix) + between for prefix in ("00", "011"))
        trunk = rf"(?:{between.join(self.trunk)}{between})?" if self.trunk else ""
        forms = [
            rf"(?<!\d)(?:{abroad})?\+?{full}(?!\d)",
            rf"{_STARTS}(?P<national>{trunk}{national}){_ENDS}"
            if national
            else "(?P<national>(?!))",
        ]
        return re.compile("|".join(forms))
