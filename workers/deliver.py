"""Delivering: one attempt, and what follows from it.

    begin (whose time it is, under a lease) ──▶ sign and POST ──▶ settle ──▶ again by the ladder

A delivery is attempted at least once: a worker that dies in an attempt leaves it to be made again,
with the same `webhook-id`. The first attempts about one call at one receiver go in order, since
each starts the next when it is settled; retries go when they are due.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from secrets import SystemRandom
from typing import Any
from uuid import uuid4

import structlog

from orchestrator.delivery import signing
from orchestrator.delivery.sender import Attempt, Failure, Sender
from orchestrator.delivery.targets import shown_host
from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import StorageUnavailable
from orchestrator.storage.api_keys import ApiKeys
from orchestrator.storage.deliveries import (
    JITTER,
    LONGEST_RETRY_AFTER_S,
    DeliveryStore,
    NotNow,
    Settled,
    Started,
)
from orchestrator.storage.webhooks import WebhookStore
from workers import metrics
from workers.context import again_in
from workers.slots import Slots

log = structlog.get_logger(__name__)

KEY = "delivering"
_chance = SystemRandom()
_LEASE_MARGIN_S = 5.0
_WRITE_FOR_S = 60.0
_WRITE_AGAIN_S = 0.5
_NO_SECRET = Failure("no_secret", "RINGOUT_CALLBACK_SECRET is not set here.", "ours")


@dataclass(frozen=True, slots=True)
class Delivering:
    """What the job is given. `ladder` is the waits (s) before the second attempt and those after;
    a webhook that only fails is disabled after `disable_after` seconds of it."""

    store: DeliveryStore
    webhooks: WebhookStore
    keys: ApiKeys
    sender: Sender
    slots: Slots
    clock: Clock
    ladder: Sequence[float]
    timeout: float
    disable_after: int
    callback_secret: str | None


async def deliver(ctx: dict[Any, Any], argument: str) -> None:
    """arq's job: attempts one delivery, if its time has come."""
    work = ctx[KEY]
    if not isinstance(work, Delivering):
        raise TypeError("the worker was started without its way to deliver")
    try:
        await _deliver(work, argument)
    except StorageUnavailable as error:
        raise again_in(error.retry_after) from error


async def _deliver(work: Delivering, argument: str) -> None:
    lease = round((work.timeout + _LEASE_MARGIN_S) * 1000)
    started = await work.store.begin(argument, uuid4().hex, lease)
    if isinstance(started, NotNow):
        if started.wait is not None:
            raise again_in(started.wait / 1000)
        return
    settled = _beforehand(started) or await _without_key(work, started)
    if settled is None:
        attempt = await _attempt(work, started)
        settled = decided(started.attempts, attempt, work.ladder)
        metrics.deliveries("retried" if settled.state == "pending" else settled.state)
        await _judge(work, started, attempt)
    await _settle(work, started, settled)
    if settled.state == "pending":
        raise again_in(settled.wait / 1000)


def _beforehand(started: Started) -> Settled | None:
    """What becomes of a delivery that cannot be sent to anyone."""
    if started.url and started.is_enabled:
        return None
    if started.url:
        message = "The webhook was disabled before this was delivered."
        return Settled("dead", 0, is_attempt=False, code="disabled", message=message)
    if started.is_callback:
        message = "The call, and with it its callbackUrl, is not kept any more."
        return Settled("dead", 0, is_attempt=False, code="forgotten", message=message)
    return Settled("deleted", 0, is_attempt=False)


async def _without_key(work: Delivering, started: Started) -> Settled | None:
    """What becomes of a callback whose call was made by a key that is no more: a webhook of such a
    key is disabled, but a call's own URL has nobody else who would end it."""
    if not (started.is_callback and started.owner):
        return None
    key = await work.keys.read(started.owner)
    ended = key and key.ended(work.clock())
    if not ended:
        return None
    message = f"The key that made the call {ended.said}."
    return Settled("dead", 0, is_attempt=False, code=ended.code, message=message)


async def _attempt(work: Delivering, started: Started) -> Attempt:
    host = shown_host(started.url)
    name = host if started.is_callback else started.webhook
    wait = work.slots.take(name)
    if wait:
        await work.store.release(started)
        raise again_in(wait)
    began = time.monotonic()
    try:
        attempt = await _send(work, started)
    finally:
        work.slots.give_back(name, time.monotonic() - began)
    failure = attempt.failure
    log.info(
        "delivery_attempted",
        delivery=started.id,
        webhook=started.webhook,
        host=host,
        attempt=started.attempts + 1,
        failure=failure.code if failure else None,
        status=attempt.status,
    )
    return attempt


async def _send(work: Delivering, started: Started) -> Attempt:
    now = work.clock()
    if started.secrets is None:
        secrets = [work.callback_secret] if work.callback_secret else []
    else:
        secrets = [one.value for one in started.secrets if one.until is None or one.until > now]
    if not secrets:
        return Attempt(_NO_SECRET)
    signed = signing.headers(secrets, started.event, now, started.body)
    return await work.sender.send(started.url, signed, started.body.encode(), now)


def decided(attempts: int, attempt: Attempt, ladder: Sequence[float]) -> Settled:
    """What an attempt, after `attempts` others, makes of a delivery."""
    failure = attempt.failure
    if failure is None:
        return Settled("delivered", status=attempt.status)
    is_last = attempts >= len(ladder) or attempt.is_gone
    wait = 0 if is_last else _wait(ladder[attempts], attempt.retry_after)
    return Settled(
        "dead" if is_last else "pending",
        wait,
        status=attempt.status,
        code=failure.code,
        message=failure.message,
        source=failure.source,
    )


def _wait(step: float, retry_after: float | None) -> int:
    """Milliseconds: the ladder's step, jittered, or longer where the receiver asked for it."""
    jittered = step * _chance.uniform(1 - JITTER, 1 + JITTER)
    asked = min(retry_after or 0.0, LONGEST_RETRY_AFTER_S)
    return round(max(jittered, asked) * 1000)


async def _judge(work: Delivering, started: Started, attempt: Attempt) -> None:
    failure = attempt.failure
    if started.is_callback or (failure is not None and failure.source == "ours"):
        return
    word = "gone" if attempt.is_gone else "failed" if failure else "delivered"
    wrong = failure.message if failure else ""
    try:
        is_disabled = await work.webhooks.judge(
            started.webhook, word, started.url, work.clock(), wrong, work.disable_after * 1000
        )
    except StorageUnavailable:
        return
    if is_disabled:
        log.warning("webhook_disabled", webhook=started.webhook, host=shown_host(started.url))


async def _settle(work: Delivering, started: Started, settled: Settled) -> None:
    """Written down as long as there is hope: what is not written is attempted again."""
    give_up = time.monotonic() + _WRITE_FOR_S
    while True:
        try:
            await work.store.settle(started, settled)
        except StorageUnavailable:
            if time.monotonic() > give_up:
                raise again_in(_WRITE_AGAIN_S) from None
            await asyncio.sleep(_WRITE_AGAIN_S)
        else:
            return
