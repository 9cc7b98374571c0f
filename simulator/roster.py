"""Who there is: accounts, extensions, and the credentials that open them.

By rule, a credential as it is configured belongs to the first extension, and the same followed by
`.N` to the Nth: `simulator-jwt.7` and `simulator-key.7` are extension 400131426007. Of `accounts`
accounts, the extensions belong to one after the other: with three, extension 4 is in the first
again. Applications have the same rule: `simulator-client.2` with `simulator-secret.2` is a second
one. A JWT by rule is good for every application. More can be added while it runs, by any names.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from simulator.settings import SimulatorSettings

ACCOUNT = "400131425008"
_FIRST_EXTENSION = 400131426000
_MOST_EXTENSIONS = 9999
_NUMBER = re.compile("[2-9]|[1-9][0-9]{1,3}")


class MemberRefused(ValueError):
    """An extension that cannot be added; its text says why."""


def extension_id(number: int) -> str:
    """The id of the Nth extension, counted from 1."""
    return str(_FIRST_EXTENSION + number)


def account_id(number: int) -> str:
    """The id of the Nth account, counted from 1."""
    return str(int(ACCOUNT) + number - 1)


def is_extension(extension: str) -> bool:
    """Whether an id is that of one of the extensions by rule."""
    return extension.isdecimal() and 1 <= int(extension) - _FIRST_EXTENSION <= _MOST_EXTENSIONS


def extension_number(extension: str) -> str:
    """The short number of an extension: 101 for the first by rule."""
    return str(100 + int(extension) - _FIRST_EXTENSION) if is_extension(extension) else extension


@dataclass(frozen=True, slots=True)
class Member:
    """An extension and a credential of it."""

    account: str
    extension: str
    jwt: str
    api_key: str | None
    client_id: str
    client_secret: str
    any_app: bool = False
    """Whether the JWT is good for every application, not only its own."""

    def view(self, *, refused: bool) -> dict[str, Any]:
        """The JSON of it."""
        return {
            "accountId": self.account,
            "extensionId": self.extension,
            "jwt": self.jwt,
            "api_key": self.api_key,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "refused": refused,
        }


class Roster:
    """Finds out whose a credential is."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self._settings = settings
        self._added: dict[str, Member] = {}
        self._by_key: dict[str, Member] = {}
        self._refused: set[str] = set()

    def of_jwt(self, jwt: str) -> Member | None:
        """Whose a JWT is, refused or not."""
        number = self._number(jwt, self._settings.jwt)
        return self._added.get(jwt) or (None if number is None else self._by_rule(number))

    def of_key(self, api_key: str) -> Member | None:
        """Whose a static key is."""
        number = self._number(api_key, self._settings.api_key)
        return self._by_key.get(api_key) or (None if number is None else self._by_rule(number))

    def has_app(self, client_id: str, client_secret: str) -> bool:
        """Whether these are an application's."""
        number = _suffix(client_id, self._settings.client_id)
        if number is not None and client_secret == _named(self._settings.client_secret, number):
            return True
        return any(
            (one.client_id, one.client_secret) == (client_id, client_secret)
            for one in self._added.values()
        )

    def account_of(self, extension: str) -> str | None:
        """The account of an extension, or None where there is none such."""
        return next((one.account for one in self.of_extension(extension)), None)

    def of_extension(self, extension: str) -> list[Member]:
        """All credentials of an extension."""
        added = [one for one in self._added.values() if one.extension == extension]
        number = int(extension) - _FIRST_EXTENSION if is_extension(extension) else 0
        ruled = 1 <= number <= self._settings.extensions
        return [self._by_rule(number), *added] if ruled else added

    def refuses(self, jwt: str) -> bool:
        """Whether logins with a JWT are refused."""
        return jwt in self._refused

    def refuse(self, jwt: str, *, refused: bool) -> None:
        """Refuses logins with a JWT from now on, or no more."""
        (self._refused.add if refused else self._refused.discard)(jwt)

    def add(self, member: Member) -> None:
        """Adds an extension, or one more credential of it; raises MemberRefused."""
        known = self.account_of(member.extension)
        if known not in {None, member.account}:
            raise MemberRefused(f"extension {member.extension} is of account {known}")
        if self.of_jwt(member.jwt) is not None:
            raise MemberRefused("that jwt is another's already")
        if member.api_key is not None and self.of_key(member.api_key) is not None:
            raise MemberRefused("that api_key is another's already")
        self._added[member.jwt] = member
        if member.api_key is not None:
            self._by_key[member.api_key] = member

    def members(self, limit: int) -> Iterator[Member]:
        """Those by rule, the first `limit` of them, then those that were added."""
        for number in range(1, min(limit, self._settings.extensions) + 1):
            yield self._by_rule(number)
        yield from self._added.values()

    def _number(self, credential: str, configured: str) -> int | None:
        number = _suffix(credential, configured)
        return number if number is not None and number <= self._settings.extensions else None

    def _by_rule(self, number: int) -> Member:
        settings = self._settings
        return Member(
            account_id(1 + (number - 1) % settings.accounts),
            extension_id(number),
            _named(settings.jwt, number),
            _named(settings.api_key, number),
            settings.client_id,
            settings.client_secret,
            any_app=True,
        )


def _named(configured: str, number: int) -> str:
    return configured if number == 1 else f"{configured}.{number}"


def _suffix(credential: str, configured: str) -> int | None:
    if credential == configured:
        return 1
    head, _, number = credential.rpartition(".")
    return int(number) if head == configured and _NUMBER.fullmatch(number) else None
