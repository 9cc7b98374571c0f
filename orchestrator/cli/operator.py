"""Who works at the command line, and the Redis that its work is done in."""

import getpass
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from orchestrator import logs, runtime
from orchestrator.cli.ending import FAILED, WRONG, Ended
from orchestrator.domain.errors import OtherNumbersKey, StorageUnavailable
from orchestrator.settings import Settings
from orchestrator.storage.audit import Actor, Audit
from orchestrator.storage.connection import FRONT_END, Commands, Patience


def actor() -> Actor:
    """The user of the machine, as the audit stream names who did something."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return Actor("", name, "cli")


@asynccontextmanager
async def commands(settings: Settings) -> AsyncIterator[Commands]:
    """Redis as the settings say; Ended where it does not answer."""
    async with parts(settings, FRONT_END) as found:
        yield found.commands


@asynccontextmanager
async def parts(settings: Settings, patience: Patience) -> AsyncIterator[runtime.Backend]:
    """What is built on Redis; Ended where it does not answer. What is warned of meanwhile goes to
    stderr: stdout is the answer's."""
    logs.configure("warning", settings.log_format)
    try:
        async with runtime.backend(settings, patience) as found:
            yield found
    except OtherNumbersKey as error:
        raise Ended(error.detail, WRONG) from None
    except StorageUnavailable as error:
        raise Ended(f"REDIS_URL: {error.detail}", FAILED) from None


def audit(settings: Settings, redis: Commands) -> Audit:
    """Where what is done here is written down before it is done."""
    return Audit(redis, runtime.now, settings.audit_kept)
