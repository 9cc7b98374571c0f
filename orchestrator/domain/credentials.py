"""Whom RingCentral is asked as: one user of one app."""

import re
from dataclasses import dataclass, field

from orchestrator.domain import phones

DEFAULT = "default"
"""The name of the credential that the environment gives."""

OWN = "~"
"""RingCentral's word for the account or extension that a token belongs to."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_ID = re.compile(r"~|[0-9A-Za-z]{1,64}")


_FIELDS = {
    "name": "name",
    "account": "account",
    "extension": "extension",
    "clientId": "client_id",
    "clientSecret": "client_secret",
    "jwt": "jwt",
}
"""What a field is called in documents, and here."""


class UnusableCredential(ValueError):
    """A credential cannot be used as given; the text names the field and what is right."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A JWT of a user and the app that it is presented by, or a bearer token that is used as is.

    Requests for `account` and `extension` are made with it. Raises UnusableCredential.
    """

    name: str
    account: str = OWN
    extension: str = OWN
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    jwt: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise UnusableCredential("name: should be 1 to 40 letters, digits, - or _")
        if phones.scrubbed(self.name) != self.name:
            raise UnusableCredential(
                "name: should hold no phone number (seven digits or more): desk-101"
            )
        for name in ("account", "extension"):
            if not _ID.fullmatch(getattr(self, name)):
                raise UnusableCredential(f"{name}: should be RingCentral's id of it, or ~")
        if self.api_key:
            return
        for shown in ("clientId", "clientSecret", "jwt"):
            if not getattr(self, _FIELDS[shown]).strip():
                raise UnusableCredential(f"{shown}: should not be empty")


def from_rows(rows: object) -> tuple[Credential, ...]:
    """The credentials in a JSON array of objects with `name`, `account`, `extension`, `clientId`,
    `clientSecret` and `jwt`; UnusableCredential naming the first that is wrong."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UnusableCredential("should be a JSON array of objects")
    found = tuple(_from_row(number, row) for number, row in enumerate(rows, 1))
    for what in ("name", "owner"):
        seen: set[object] = set()
        for number, one in enumerate(found, 1):
            value = one.name if what == "name" else (one.account, one.extension)
            if value in seen:
                raise UnusableCredential(f"entry {number}: there is another one of this {what}")
            seen.add(value)
    return found


def _from_row(number: int, row: dict[str, object]) -> Credential:
    unknown = sorted(row.keys() - _FIELDS.keys())
    if unknown:
        raise UnusableCredential(f"entry {number}: there is no field {unknown[0]}")
    if not all(isinstance(value, str) for value in row.values()):
        raise UnusableCredential(f"entry {number}: every field should be a string")
    try:
        return Credential(**{"name": "", **{_FIELDS[name]: row[name] for name in row}})  # type: ignore[arg-type]
    except UnusableCredential as error:
        raise UnusableCredential(f"entry {number}: {error}") from None


class Directory:
    """The credentials there are, and which of them speaks for an extension: of two, the first."""

    def __init__(self, credentials: tuple[Credential, ...]) -> None:
        self._by_name = {one.name: one for one in credentials}
        self._by_owner: dict[tuple[str, str], Credential] = {}
        for one in credentials:
            self._by_owner.setdefault((one.account, one.extension), one)

    @property
    def all(self) -> tuple[Credential, ...]:
        """All of them, by name."""
        return tuple(self._by_name[name] for name in sorted(self._by_name))

    def named(self, name: str) -> Credential | None:
        """The credential of this name."""
        return self._by_name.get(name)

    def account_of(self, credential: Credential) -> str:
        """The account of a credential, whose id may be left out (`~`): of one account there are
        not two, since penalties and caps are the account's whatever it is called."""
        named = {one.account for one in self._by_name.values()} - {OWN}
        is_known = credential.account == OWN and len(named) == 1
        return next(iter(named)) if is_known else credential.account

    def own(self, account: str, extension: str) -> Credential | None:
        """The credential of exactly this extension, whose account may be left out (`~`)."""
        if (found := self._by_owner.get((account, extension))) is not None:
            return found
        if extension == OWN:
            return None
        fitting = [
            one
            for one in self._by_name.values()
            if one.extension == extension and OWN in (account, one.account)
        ]
        return fitting[0] if len(fitting) == 1 else None

    def speaking_for(self, account: str, extension: str) -> Credential | None:
        """The extension's own credential, else the default; None where there is neither."""
        found = self.own(account, extension) or self.named(DEFAULT)
        if found is None and extension == OWN and len(self._by_name) == 1:
            return next(iter(self._by_name.values()))
        return found
