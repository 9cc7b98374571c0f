"""What `ringout credentials` does in Redis, where those of further extensions are kept."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from orchestrator import runtime
from orchestrator.cli.ending import FAILED, WRONG, Ended
from orchestrator.domain.credentials import DEFAULT, Credential
from orchestrator.domain.errors import StorageUnavailable
from orchestrator.settings import Settings, configured_credentials
from orchestrator.storage.connection import FRONT_END
from orchestrator.storage.credentials import CredentialStore, Listed, NoKey


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[CredentialStore]:
    try:
        async with runtime.backend(settings, FRONT_END) as parts:
            yield runtime.credential_store(settings, parts.commands)
    except NoKey as error:
        reason = f"RINGOUT_CREDENTIALS_KEY: {error}: should be at least 32 characters"
        raise Ended(reason, WRONG) from None
    except StorageUnavailable as error:
        raise Ended(f"REDIS_URL: {error.detail}", FAILED) from None


async def add(settings: Settings, wanted: tuple[Credential, ...]) -> None:
    """Adds credentials, or replaces those of their names; Ended where one is for an extension
    that another one is for already. What is to be added may be in the environment of the command,
    where it looks like the default credential: that one does not count."""
    async with _store(settings) as store:
        known: list[Credential | Listed] = [*await store.listed()]
        known += (one for one in configured_credentials(settings) if one.name != DEFAULT)
        owners = {(one.account, one.extension): one.name for one in known}
        for one in wanted:
            _refuse_second(one, owners.get((one.account, one.extension)))
        for one in wanted:
            await store.put(one, runtime.now())


def _refuse_second(wanted: Credential, owner: str | None) -> None:
    if owner not in (None, wanted.name):
        reason = f"extension: {wanted.extension} has the credential {owner} already"
        raise Ended(f"{wanted.name}: {reason}: remove it first", WRONG)


async def remove(settings: Settings, name: str) -> bool:
    """Whether there was one to remove."""
    async with _store(settings) as store:
        return await store.remove(name)


async def rows(settings: Settings) -> list[dict[str, Any]]:
    """All credentials, and why RingCentral refuses those that it does; no secret among it.

    `source` is `redis` or `configuration`; of two with the same name, the configuration's is used
    and the other one's `used` is False.
    """
    async with _store(settings) as store:
        listed, parked = await store.listed(), await store.parked()
    configured = configured_credentials(settings)
    names = {one.name for one in configured}
    found = [
        *({**_row(one), "source": "configuration", "addedAt": None} for one in configured),
        *({**_row(one), "source": "redis", "addedAt": one.added_at} for one in listed),
    ]
    for row in found:
        row["used"] = row["source"] == "configuration" or row["name"] not in names
        row["parked"] = parked.get(row["name"]) if row["used"] else None
    return found


def _row(one: Credential | Listed) -> dict[str, Any]:
    return {
        "name": one.name,
        "account": one.account,
        "extension": one.extension,
        "clientId": one.client_id,
    }
