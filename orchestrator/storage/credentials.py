"""The credentials that were added while the house runs: sealed in Redis, known to every process.

Whoever may read Redis learns no secret: they are encrypted with a key from the environment. A
process reads them again when the version is another: every change makes one.
"""

import asyncio
import json
from base64 import urlsafe_b64encode
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

import structlog
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from orchestrator.domain import phones
from orchestrator.domain.budget import Payer
from orchestrator.domain.clock import rfc3339
from orchestrator.domain.credentials import OWN, Credential, Directory, UnusableCredential
from orchestrator.domain.errors import StorageUnavailable, UpstreamRefused
from orchestrator.storage import keys, scripts
from orchestrator.storage.connection import Commands
from orchestrator.storage.records import as_json

EVERY_S = 1.0

log = structlog.get_logger(__name__)


class NoKey(Exception):
    """There is no key to seal credentials with, or another one than they were sealed with."""


class CredentialSeal:
    """Encrypts what is secret in a credential, bound to its name."""

    def __init__(self, key: str) -> None:
        derived = HKDF(SHA256(), 32, salt=None, info=b"ringout credentials").derive(key.encode())
        self._fernet = Fernet(urlsafe_b64encode(derived))

    def sealed(self, credential: Credential) -> str:
        """The secrets of a credential, unreadable."""
        secrets = [credential.name, credential.client_secret, credential.jwt, credential.api_key]
        return self._fernet.encrypt(json.dumps(secrets).encode()).decode()

    def opened(self, name: str, sealed: str) -> tuple[str, str, str]:
        """Client secret, JWT and API key; NoKey where the key does not fit."""
        try:
            owner, *secrets = json.loads(self._fernet.decrypt(sealed.encode()))
        except InvalidToken as error:
            raise NoKey(f"the key does not fit the credential {name}") from error
        if owner != name:
            raise NoKey(f"the credential {name} was sealed as another one")
        client_secret, jwt, api_key = secrets
        return client_secret, jwt, api_key


@dataclass(frozen=True, slots=True)
class Listed:
    """A credential as anyone may see it."""

    name: str
    account: str
    extension: str
    client_id: str
    added_at: str


class CredentialStore:
    """Adds, lists and removes; every method raises StorageUnavailable without Redis."""

    def __init__(self, commands: Commands, seal: CredentialSeal | None) -> None:
        self._commands = commands
        self._seal = seal

    async def put(self, credential: Credential, now: int) -> None:
        """Adds a credential, or replaces the one of its name; NoKey without a key."""
        if self._seal is None:
            raise NoKey("there is no key to seal credentials with")
        kept = {
            "account": credential.account,
            "extension": credential.extension,
            "clientId": credential.client_id,
            "addedAt": rfc3339(now),
            "sealed": self._seal.sealed(credential),
        }
        await self._change(credential.name, as_json(kept))

    async def remove(self, name: str) -> bool:
        """Whether there was one to remove."""
        return await self._change(name, "")

    async def listed(self) -> list[Listed]:
        """All that were added, by name; no secret among it."""
        rows = await self._rows()
        return [
            Listed(name, row["account"], row["extension"], row["clientId"], row["addedAt"])
            for name, row in sorted(rows.items())
        ]

    async def parked(self) -> dict[str, dict[str, str]]:
        """Those that RingCentral refuses: `since`, `code` and `detail` by name."""
        found = await self._commands.execute("HGETALL", keys.PARKED)
        return {name.decode(): json.loads(told) for name, told in found.items()}

    async def version(self) -> str:
        """Another one after every change."""
        version = await self._commands.execute("GET", keys.CREDENTIALS_VERSION)
        return version.decode() if version else ""

    async def opened(self) -> tuple[Credential, ...]:
        """All that were added and can be opened with the key at hand."""
        rows = await self._rows()
        if rows and self._seal is None:
            log.warning("credentials_without_key", count=len(rows))
            return ()
        found = (self._opened(name, row) for name, row in sorted(rows.items()))
        return tuple(one for one in found if one is not None)

    def _opened(self, name: str, row: dict[str, str]) -> Credential | None:
        if self._seal is None:
            return None
        try:
            client_secret, jwt, api_key = self._seal.opened(name, row["sealed"])
            return Credential(
                name,
                row["account"],
                row["extension"],
                row["clientId"],
                client_secret=client_secret,
                jwt=jwt,
                api_key=api_key,
            )
        except (NoKey, UnusableCredential, KeyError) as error:
            shown = phones.scrubbed(name)
            log.warning("credential_not_usable", credential=shown, error=type(error).__name__)
            return None

    async def _rows(self) -> dict[str, dict[str, str]]:
        found = await self._commands.execute("HGETALL", keys.CREDENTIALS)
        return {name.decode(): json.loads(row) for name, row in found.items()}

    async def _change(self, name: str, row: str) -> bool:
        where = [keys.CREDENTIALS, keys.CREDENTIALS_VERSION, keys.PARKED]
        change = uuid4().hex
        return bool(await self._commands.run(scripts.PUT_CREDENTIAL, where, name, row, change))


class CredentialBook:
    """All credentials, those of the configuration and those in Redis, as of a second ago.

    Where both have a name, the configuration's stands.
    """

    def __init__(self, configured: tuple[Credential, ...], store: CredentialStore) -> None:
        self._configured, self._store = configured, store
        self._version: str | None = None
        self.directory = Directory(configured)

    def named(self, name: str) -> Credential | None:
        """The credential of this name."""
        return self.directory.named(name)

    def speaking_for(self, account: str, extension: str) -> Credential | None:
        """Whom RingCentral is asked as about this extension; None: nobody."""
        return self.directory.speaking_for(account, extension)

    async def payer(self, account: str, extension: str) -> Payer:
        """Who asks RingCentral about this extension, as of now; UpstreamRefused where nobody does
        (`no_credential`), and StorageUnavailable."""
        if extension != OWN and self.directory.own(account, extension) is None:
            await self.refresh()
        credential = self.speaking_for(account, extension)
        if credential is None:
            detail = "There is no credential for this extension, and no default one."
            raise UpstreamRefused(403, "no_credential", detail)
        return Payer(credential.name, self.account_of(credential))

    def payer_named(self, name: str) -> Payer:
        """Who asks RingCentral by a credential's name."""
        credential = self.named(name)
        return Payer(name, self.account_of(credential) if credential else OWN)

    def account_of(self, credential: Credential) -> str:
        """The account that the credential's requests count for."""
        return self.directory.account_of(credential)

    async def refresh(self) -> None:
        """Reads what was added, where something has changed; StorageUnavailable."""
        version = await self._store.version()
        if version == self._version:
            return
        added = await self._store.opened()
        names = {one.name for one in self._configured}
        self.directory = Directory(
            (*self._configured, *(one for one in added if one.name not in names))
        )
        self._version = version

    async def keep_fresh(self) -> None:
        """Refreshes every second, for ever."""
        while True:
            with suppress(StorageUnavailable):
                await self.refresh()
            await asyncio.sleep(EVERY_S)
