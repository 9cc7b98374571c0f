"""The keys of webhooks and their deliveries."""

from orchestrator.storage.keys import PREFIX, job, job_id

CALLBACK = "callback"
"""Stands where a webhook's id stands, for a delivery to a call's own `callbackUrl`."""

WEBHOOKS = f"{PREFIX}webhooks"
VERSION = f"{PREFIX}webhooks:version"
DELIVERIES = f"{PREFIX}deliveries"
PENDING = f"{PREFIX}deliveries:pending"
DUE = f"{PREFIX}deliveries:due"
DEAD = f"{PREFIX}deliveries:dead"
CURSOR = f"{PREFIX}dispatch:cursor"
PASSED = f"{PREFIX}dispatch:passed"
LEASE = f"{PREFIX}dispatch:lease"


def webhook(webhook_id: str) -> str:
    """What anyone may see of a webhook."""
    return f"{PREFIX}webhook:{webhook_id}"


def secret(webhook_id: str) -> str:
    """A webhook's whole URL and its signing secrets."""
    return f"{PREFIX}webhook-secret:{webhook_id}"


def delivery(delivery_id: str) -> str:
    """One event on its way to one receiver."""
    return f"{PREFIX}delivery:{delivery_id}"


def of_webhook(webhook_id: str) -> str:
    """The deliveries to one webhook."""
    return f"{PREFIX}deliveries:webhook:{webhook_id}"


def of_owner(owner: str) -> str:
    """The deliveries of one key: to its webhooks, and about its calls to their `callbackUrl`."""
    return f"{PREFIX}deliveries:owner:{owner}"


def of_callbacks(owner: str) -> str:
    """The pending deliveries about one key's calls to their `callbackUrl`."""
    return f"{PREFIX}deliveries:callbacks:{owner}"


def lane(webhook_id: str, call_id: str) -> str:
    """The deliveries about one call to one receiver that have not been attempted yet."""
    return f"{PREFIX}lane:{webhook_id}:{call_id}"


KIND = "deliver"


def job_argument(delivery_id: str, round_: int | str) -> str:
    """What a delivery's job is given: a delivery that is made anew has another job."""
    return f"{delivery_id}.{round_}"


def argument_parts(argument: str) -> tuple[str, str]:
    """The delivery and the round in a job's argument."""
    delivery_id, _, round_ = argument.rpartition(".")
    return delivery_id, round_


def job_prefixes() -> tuple[str, str]:
    """What the ids of deliveries' jobs begin with, and what arq puts before an id."""
    whole = job(KIND, "")
    own = job_id(KIND, "")
    return own, whole.removesuffix(own)
