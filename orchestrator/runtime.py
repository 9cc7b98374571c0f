"""Joins the parts: settings in, connected objects out.

Here, and only here, `telephony` is given the token store and the gates that `storage` keeps.
"""

import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from redis.asyncio import Redis

from orchestrator import __version__
from orchestrator.delivery.targets import Targets
from orchestrator.domain.errors import StorageUnavailable
from orchestrator.jobs import Job, Kind, follow_ups
from orchestrator.metrics import ProcessMetrics
from orchestrator.service.calls import CallService, ServiceOptions
from orchestrator.service.webhooks import WebhookService
from orchestrator.settings import Settings
from orchestrator.storage.budget import RedisBudget
from orchestrator.storage.calls import CallStore, StoreOptions
from orchestrator.storage.connection import FRONT_END, Commands, Patience, connect, disconnect
from orchestrator.storage.deliveries import DeliveryStore
from orchestrator.storage.delivery_list import DeliveryList
from orchestrator.storage.dispatching import Dispatching
from orchestrator.storage.feed import Feed
from orchestrator.storage.glances import Glances
from orchestrator.storage.listing import CallList
from orchestrator.storage.tokens import RedisTokens
from orchestrator.storage.webhooks import WebhookStore
from orchestrator.telephony.auth import JwtTokens, StaticToken, Tokens
from orchestrator.telephony.client import RingCentral
from orchestrator.telephony.ports import Observer, Unobserved

CREDENTIAL = "default"
_BLOCKING = Patience(connect=2.0, answer=6.0, retries=0, deadline=10.0)
_PLACING_MARGIN_S = 5


def now() -> int:
    """The system's clock: milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def delivery_job(at: int) -> str:
    """A delivery's job as arq reads it, with `@` where its argument goes."""
    return Job(Kind.DELIVER, "@").encoded(at)


@dataclass(frozen=True, slots=True)
class Backend:
    """Redis and what is built on it; closed by the context that made it."""

    commands: Commands
    store: CallStore
    blocking: Redis

    async def is_alive(self) -> bool:
        """Whether Redis answers in time."""
        try:
            await self.commands.execute("PING")
        except StorageUnavailable:
            return False
        return True


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """What a front end needs: the service, whether its Redis is there, and what it counts."""

    service: CallService
    webhooks: WebhookService
    backend: Backend
    metrics: ProcessMetrics


@asynccontextmanager
async def backend(settings: Settings, patience: Patience) -> AsyncIterator[Backend]:
    """Redis as the settings say; nothing is asked of it yet, so that it may come later."""
    async with AsyncExitStack() as stack:
        redis = connect(settings.redis_url, patience, settings.sentinels)
        stack.push_async_callback(disconnect, redis)
        blocking = connect(settings.redis_url, _BLOCKING, settings.sentinels)
        stack.push_async_callback(disconnect, blocking)
        commands = Commands(redis, patience)
        options = StoreOptions(
            retention=settings.retention,
            live=settings.longest_call + settings.retention,
            events_kept=settings.events_kept,
            events_max_age=settings.events_max_age,
            placing_lease=round((settings.upstream_timeout + _PLACING_MARGIN_S) * 1000),
            first_look=round(700 * settings.cadence_factor),
        )
        store = CallStore(commands, now, follow_ups(settings.cadence_factor), options)
        yield Backend(commands, store, blocking)


def tokens(settings: Settings, commands: Commands, observer: Observer) -> Tokens:
    """The way to RingCentral's bearer token that the settings give."""
    if settings.api_key is not None:
        return StaticToken(settings.api_key.get_secret_value())
    if settings.client_secret is None or settings.user_jwt is None or settings.client_id is None:
        raise AssertionError("settings.require_credentials was not called")
    return JwtTokens(
        server_url=settings.server_url,
        client_id=settings.client_id,
        client_secret=settings.client_secret.get_secret_value(),
        jwt=settings.user_jwt.get_secret_value(),
        store=RedisTokens(commands),
        budget=RedisBudget(commands),
        credential=CREDENTIAL,
        observer=observer,
    )


def pair_secret(settings: Settings) -> bytes:
    """A secret that all processes with the same credential have: it keys digests of numbers."""
    secret = settings.api_key or settings.client_secret
    text = secret.get_secret_value() if secret is not None else ""
    return hashlib.sha256(f"ringout pairs\n{text}".encode()).digest()


def ringcentral(
    settings: Settings, commands: Commands, observer: Observer | None = None
) -> RingCentral:
    """A client of RingCentral, to be entered as a context; the observer hears of its requests."""
    told = observer or Unobserved()
    return RingCentral(
        server_url=settings.server_url,
        tokens=tokens(settings, commands, told),
        budget=RedisBudget(commands),
        credential=CREDENTIAL,
        timeout=settings.upstream_timeout,
        user_agent=f"RingOutOrchestrator/{__version__}",
        observer=told,
    )


def _callbacks(settings: Settings) -> Targets | None:
    return settings.webhook_targets if settings.callback_secret is not None else None


def _webhook_service(settings: Settings, parts: Backend) -> WebhookService:
    return WebhookService(
        webhooks=WebhookStore(parts.commands),
        deliveries=DeliveryStore(parts.commands, now, delivery_job),
        listing=DeliveryList(parts.commands),
        dispatching=Dispatching(parts.commands, parts.blocking, now, delivery_job),
        targets=settings.webhook_targets,
        clock=now,
    )


@asynccontextmanager
async def front_end(settings: Settings) -> AsyncIterator[FrontEnd]:
    """The service that REST and MCP share."""
    metrics = ProcessMetrics()
    async with (
        backend(settings, FRONT_END) as parts,
        ringcentral(settings, parts.commands, metrics.upstream) as source,
    ):
        feed = Feed(parts.blocking)
        service = CallService(
            store=parts.store,
            listing=CallList(parts.commands),
            glances=Glances(parts.commands),
            feed=feed,
            source=source,
            clock=now,
            options=ServiceOptions(base_url=settings.base_url, callbacks=_callbacks(settings)),
        )
        try:
            yield FrontEnd(service, _webhook_service(settings, parts), parts, metrics)
        finally:
            await feed.close()
