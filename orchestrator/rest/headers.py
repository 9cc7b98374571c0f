"""What request headers ask for: Prefer, Idempotency-Key, If-None-Match, Cache-Control.

A header that is not understood is a MalformedRequest that names it.
"""

import re
from dataclasses import dataclass

from multidict import CIMultiDictProxy
from pydantic import TypeAdapter, ValidationError

from orchestrator.domain.errors import MalformedRequest
from orchestrator.service.models import IdempotencyKey

LONGEST_WAIT = 60

_WAIT = re.compile(r'wait\s*=\s*(?:"([0-9]+)"|([0-9]+))', re.IGNORECASE)
_LIST_MEMBERS = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')
_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\uffff]*"'
_TAGS = re.compile(rf"[ \t]*{_TAG}(?:[ \t]*,[ \t]*{_TAG})*[ \t]*")
_OPAQUE = re.compile(r'"([^"]*)"')
_QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_BARE = re.compile(r"[\x21\x23-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_MAX_AGE = re.compile(r'max-age\s*=\s*"?([0-9]{1,10})"?', re.IGNORECASE)
_KEY: TypeAdapter[str] = TypeAdapter(IdempotencyKey)

Headers = CIMultiDictProxy[str]


@dataclass(frozen=True, slots=True)
class Preferences:
    """What `Prefer` asks for; `wait` is seconds, None where nothing is to be waited for."""

    wait: int | None = None
    respond_async: bool = False

    @property
    def applied(self) -> str:
        """The value of Preference-Applied, empty where nothing was asked for."""
        names = ["respond-async"] if self.respond_async else []
        if self.wait is not None:
            names.append(f"wait={self.wait}")
        return ", ".join(names)


_NONE = Preferences()


def preferences(headers: Headers) -> Preferences:
    """What `Prefer` (RFC 7240) asks for; more than 60 s are 60 s, other preferences are ignored."""
    if "Prefer" not in headers:
        return _NONE
    wait: int | None = None
    respond_async = False
    for member in _LIST_MEMBERS.findall(",".join(headers.getall("Prefer"))):
        preference = member.partition(";")[0].strip()
        name = preference.partition("=")[0].strip().lower()
        if name == "wait":
            seconds = _seconds(preference)
            wait = seconds if wait is None else wait
        respond_async = respond_async or name == "respond-async"
    return Preferences(wait, respond_async)


def _seconds(preference: str) -> int:
    match = _WAIT.fullmatch(preference)
    if match is None:
        raise MalformedRequest("Prefer: wait must be whole seconds, such as wait=10.", "Prefer")
    digits = (match[1] or match[2]).lstrip("0")
    return min(LONGEST_WAIT, int(digits[:5] or "0"))


def idempotency_key(headers: Headers) -> str | None:
    """The key, given as a quoted string or bare; None where there is none."""
    given = headers.getall("Idempotency-Key", ())
    if not given:
        return None
    if len(given) > 1:
        raise MalformedRequest("Idempotency-Key must be given once.", "Idempotency-Key")
    text = given[0].strip()
    quoted = _QUOTED.fullmatch(text)
    if quoted is None and not _BARE.fullmatch(text):
        raise _bad_key()
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else text
    try:
        return _KEY.validate_python(key)
    except ValidationError:
        raise _bad_key() from None


def _bad_key() -> MalformedRequest:
    detail = "Idempotency-Key must be 1 to 255 printable ASCII characters, best in quotes."
    return MalformedRequest(detail, "Idempotency-Key")


def none_match(headers: Headers) -> frozenset[str] | None:
    """The opaque tags of If-None-Match, `*` among them where it matches anything; None: absent."""
    if "If-None-Match" not in headers:
        return None
    text = ", ".join(headers.getall("If-None-Match"))
    if text.strip() == "*":
        return frozenset("*")
    if not _TAGS.fullmatch(text):
        detail = 'If-None-Match must be * or a list of entity tags, such as W/"…".'
        raise MalformedRequest(detail, "If-None-Match")
    return frozenset(_OPAQUE.findall(text))


def oldest(headers: Headers) -> int | None:
    """How old, in seconds, an answer may be at most: 0 for `no-cache`; None where any will do."""
    if "Cache-Control" not in headers:
        return None
    ages: list[int] = []
    for directive in ",".join(headers.getall("Cache-Control")).split(","):
        name = directive.partition("=")[0].strip().lower()
        if name == "no-cache":
            ages.append(0)
        elif name == "max-age":
            ages.append(_age(directive.strip()))
    return min(ages, default=None)


def _age(directive: str) -> int:
    match = _MAX_AGE.fullmatch(directive)
    if match is None:
        raise MalformedRequest("Cache-Control: max-age must be whole seconds.", "Cache-Control")
    return int(match[1])
