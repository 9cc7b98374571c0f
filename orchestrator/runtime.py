"""Joins the parts: settings in, connected objects out.

Here, and only here, `telephony` is given the token store and the gates that `storage` keeps.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import structlog
from redis.asyncio import Redis

from orchestrator import __version__
from orchestrator.delivery.targets import Targets
from orchestrator.domain.access import quotas_of
from orchestrator.domain.budget import Rate, Rules
from orchestrator.domain.errors import StorageUnavailable
from orchestrator.identity import OidcIssuer
from orchestrator.jobs import Job, Kind, follow_ups
from orchestrator.metrics import ProcessMetrics
from orchestrator.service.accepting import Accepting, ServiceOptions
from orchestrator.service.calls import CallService
from orchestrator.service.checkup.preflight import Preflight, Ways
from orchestrator.service.destinations import Destinations, UnusablePrefixes, denied_prefixes
from orchestrator.service.forgetting import Forgetter
from orchestrator.service.gate import Gatekeeper, any_usable
from orchestrator.service.hearing import Hearing
from orchestrator.service.how_often import HowOften
from orchestrator.service.webhooks import WebhookService
from orchestrator.service.whom import Whom
from orchestrator.settings import (
    ConfigurationError,
    Settings,
    configured_credentials,
    contents,
)
from orchestrator.settings.addresses import is_loopback
from orchestrator.settings.derived import (
    deliveries_kept,
    known_for,
    notification_secret,
    pair_secret,
)
from orchestrator.storage.audit import Audit
from orchestrator.storage.budget import RedisBudget
from orchestrator.storage.calls import CallStore, StoreOptions
from orchestrator.storage.connection import FRONT_END, Commands, Patience, connect, disconnect
from orchestrator.storage.credentials import CredentialBook, CredentialSeal, CredentialStore
from orchestrator.storage.deliveries import DeliveryStore
from orchestrator.storage.delivery_list import DeliveryList
from orchestrator.storage.digests import Digests
from orchestrator.storage.dispatching import Dispatching
from orchestrator.storage.feed import Feed
from orchestrator.storage.glances import Glances
from orchestrator.storage.lanes import Lanes
from orchestrator.storage.lines import LineRules
from orchestrator.storage.listing import CallList
from orchestrator.storage.notices import NoticeBook
from orchestrator.storage.pairs import Pairs
from orchestrator.storage.tokens import RedisTokens
from orchestrator.storage.webhooks import WebhookStore
from orchestrator.telephony.fleet import Fleet
from orchestrator.telephony.ports import Observer, Unobserved

_BLOCKING = Patience(connect=2.0, answer=6.0, retries=0, deadline=10.0)
_PLACING_MARGIN_S = 5
_SETTLING_S = 5
"""Longest from a request's end to its entry in the budget."""

log = structlog.get_logger(__name__)


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
class Hears:
    """What hears the notifications that RingCentral sends by webhook; `secret` answers what it has
    to show for a credential, None where it sends nothing for it."""

    hearing: Hearing
    secret: Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """What a front end needs: the service, whether its Redis is there, and what it counts."""

    service: CallService
    webhooks: WebhookService
    backend: Backend
    metrics: ProcessMetrics
    hears: Hears
    gate: Gatekeeper
    forgetter: Forgetter


@asynccontextmanager
async def in_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs `work` beside the block, until the end of the block."""
    running = asyncio.create_task(work)
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@asynccontextmanager
async def backend(settings: Settings, patience: Patience) -> AsyncIterator[Backend]:
    """Redis as the settings say; nothing is asked of it yet, so that it may come later."""
    async with AsyncExitStack() as stack:
        redis = connect(settings.redis_url, patience, settings.sentinels)
        stack.push_async_callback(disconnect, redis)
        blocking = connect(settings.redis_url, _BLOCKING, settings.sentinels)
        stack.push_async_callback(disconnect, blocking)
        commands = Commands(redis, patience)
        stack.push_async_callback(commands.settled)
        options = StoreOptions(
            retention=settings.retention,
            live=settings.longest_call + settings.retention,
            known=known_for(settings),
            events_kept=settings.events_kept,
            events_max_age=settings.events_max_age,
            placing_lease=round((settings.upstream_timeout + _PLACING_MARGIN_S) * 1000),
            first_look=round(700 * settings.cadence_factor),
        )
        store = CallStore(commands, now, follow_ups(settings.cadence_factor), options)
        yield Backend(commands, store, blocking)


def hearing(settings: Settings, parts: Backend) -> Hearing:
    """What listens to RingCentral's notifications, however they come."""
    commands = parts.commands
    pairs = Pairs(commands, pair_secret(settings))
    return Hearing(parts.store, NoticeBook(commands), pairs, now)


def rules(settings: Settings) -> Rules:
    """How the budget is spent, as the settings say."""
    usual = Rules()
    return replace(
        usual,
        hold=settings.upstream_timeout + _SETTLING_S,
        reserve={"heavy": settings.heavy_reserve, "light": settings.light_reserve},
        assumed={**usual.assumed, "auth": Rate(settings.logins_a_minute)},
    )


def _reading(settings: Settings) -> Rules:
    """How a front end spends: clients that insist on live answers starve no call of its looks."""
    return replace(rules(settings), yields={"light": 0.3})


def line_rules(settings: Settings) -> LineRules:
    """Which calls are made one at a time, and how many at most."""
    return LineRules(
        per_callee=settings.one_call_per_callee,
        per_caller=settings.one_call_per_caller,
        account_calls=settings.account_calls,
        longest_call=1000 * settings.longest_call,
    )


def credential_store(settings: Settings, commands: Commands) -> CredentialStore:
    """The credentials in Redis, readable with the key of the settings."""
    key = settings.credentials_key
    seal = CredentialSeal(key.get_secret_value()) if key is not None else None
    return CredentialStore(commands, seal)


@dataclass(frozen=True, slots=True)
class Upstream:
    """The ways to RingCentral, what they may still ask, and whose they are."""

    fleet: Fleet
    budget: RedisBudget
    book: CredentialBook


@asynccontextmanager
async def upstream(
    settings: Settings,
    commands: Commands,
    observer: Observer | None = None,
    spent_by: Rules | None = None,
) -> AsyncIterator[Upstream]:
    """RingCentral, by all credentials there are; the observer hears of the requests, which are
    paid for as `spent_by` says, or else the settings."""
    budget = RedisBudget(commands, spent_by or rules(settings))
    configured = configured_credentials(settings)
    book = CredentialBook(configured, credential_store(settings, commands))
    with suppress(StorageUnavailable):
        await book.refresh()
    fleet = Fleet(
        server_url=settings.server_url,
        credentials=book,
        store=RedisTokens(commands, now),
        budget=budget,
        timeout=settings.upstream_timeout,
        user_agent=f"RingOutOrchestrator/{__version__}",
        observer=observer or Unobserved(),
    )
    async with in_background(book.keep_fresh()), fleet:
        yield Upstream(fleet, budget, book)


@asynccontextmanager
async def preflight(
    settings: Settings, commands: Commands, metrics: ProcessMetrics, ways: Upstream | None = None
) -> AsyncIterator[None]:
    """Checks Redis, and RingCentral where `ways` are given, in the background of the block."""
    if settings.preflight == "off":
        yield
        return
    asked = None
    if ways is not None:
        store = credential_store(settings, commands)
        asked = Ways(ways.fleet, ways.book, store, settings.logins_a_minute)
    async with Preflight(commands, now, metrics.preflight, asked).running():
        yield


def digests(settings: Settings, commands: Commands) -> Digests:
    """By what numbers are known where they are not kept."""
    key = settings.numbers_key
    return Digests(commands, key.get_secret_value() if key is not None else None)


def forgetter(settings: Settings, parts: Backend) -> Forgetter:
    """What forgets a phone; it has to have the settings of the house's processes."""
    audit = Audit(parts.commands, now, settings.audit_kept)
    pairs = Pairs(parts.commands, pair_secret(settings))
    return Forgetter(parts.store, digests(settings, parts.commands), audit, pairs)


def whom(settings: Settings, commands: Commands) -> Whom:
    """Whom the house rings, told in the log; ConfigurationError where the file of denied prefixes
    cannot be used."""
    name, path = "RINGOUT_DENIED_PREFIXES_FILE", settings.denied_prefixes_file
    try:
        denied = denied_prefixes(contents(name, path).decode() if path else "")
    except (UnicodeDecodeError, UnusablePrefixes) as error:
        raise ConfigurationError(f"{name}: {path}: {error}") from None
    regions = settings.allowed_regions
    log.info("destinations", regions=",".join(sorted(regions)), denied_prefixes=len(denied))
    return Whom(Destinations(regions, denied), digests(settings, commands))


def how_often(settings: Settings) -> HowOften:
    """How often calls may be made."""
    return HowOften(
        callee=quotas_of(settings.velocity_callee),
        caller=quotas_of(settings.velocity_caller),
        key=quotas_of(settings.velocity_key),
        house=quotas_of(settings.velocity_house),
        double_click=settings.double_click,
        audit_kept=settings.audit_kept,
    )


def _callbacks(settings: Settings) -> Targets | None:
    return settings.webhook_targets if settings.callback_secret is not None else None


def _webhook_service(settings: Settings, parts: Backend) -> WebhookService:
    return WebhookService(
        webhooks=WebhookStore(parts.commands),
        deliveries=DeliveryStore(parts.commands, now, delivery_job, deliveries_kept(settings)),
        listing=DeliveryList(parts.commands),
        dispatching=Dispatching(parts.commands, parts.blocking, now, delivery_job),
        targets=settings.webhook_targets,
        clock=now,
        audit=Audit(parts.commands, now, settings.audit_kept),
    )


def _hears(settings: Settings, parts: Backend, book: CredentialBook) -> Hears:
    def secret(credential: str) -> str | None:
        is_sent = settings.notifications == "webhook" and book.named(credential) is not None
        return notification_secret(settings, credential) if is_sent else None

    return Hears(hearing(settings, parts), secret)


def _service(settings: Settings, parts: Backend, source: Upstream) -> CallService:
    options = ServiceOptions(base_url=settings.base_url, callbacks=_callbacks(settings))
    return CallService(
        store=parts.store,
        listing=CallList(parts.commands),
        glances=Glances(parts.commands, pair_secret(settings)),
        feed=Feed(parts.blocking),
        source=source.fleet,
        payers=source.book,
        lanes=Lanes(parts.commands, source.budget),
        clock=now,
        accepting=Accepting(
            parts.store,
            source.book,
            whom(settings, parts.commands),
            now,
            options,
            how_often(settings),
        ),
        audit=Audit(parts.commands, now, settings.audit_kept),
    )


@asynccontextmanager
async def gatekeeper(
    settings: Settings, commands: Commands, host: str
) -> AsyncIterator[Gatekeeper]:
    """Proves who asks a process that listens on `host`."""
    issuer = None
    if settings.oidc_issuer:
        about = (settings.oidc_issuer, settings.oidc_audience, settings.oidc_jwks_url)
        issuer = OidcIssuer.of(*about, now)
    gate = Gatekeeper.over(
        commands,
        now,
        may_open=issuer is None and is_loopback(host),
        most_failures=settings.auth_failures,
        issuer=issuer,
    )
    async with in_background(gate.keep_fresh()):
        try:
            yield gate
        finally:
            if issuer is not None:
                await issuer.close()


async def require_keys(settings: Settings, host: str, variable: str, parts: Backend) -> None:
    """ConfigurationError naming the variable where a process listens on a `host` that others
    reach and nobody could be let in; where Redis does not answer within a few seconds, that is
    not known, and the process starts closed."""
    if is_loopback(host) or settings.oidc_issuer:
        return
    is_usable = await any_usable(parts.commands, now)
    if is_usable is None:
        log.warning("keys_not_known", listens_on=host)
    elif not is_usable:
        raise ConfigurationError(
            f"{variable}: {host} is reached from elsewhere and there is no API key: make one "
            "with `ringout keys create`, or listen on 127.0.0.1"
        )


@asynccontextmanager
async def front_end(settings: Settings, host: str | None = None) -> AsyncIterator[FrontEnd]:
    """The service that REST and MCP share, for a process that listens on `host`; without one, for
    one that listens on all addresses of the settings."""
    others = (one for one in (settings.rest_host, settings.mcp_host) if not is_loopback(one))
    host = next(others, "127.0.0.1") if host is None else host
    metrics = ProcessMetrics()
    async with (
        backend(settings, FRONT_END) as parts,
        upstream(settings, parts.commands, metrics.upstream, _reading(settings)) as source,
        preflight(settings, parts.commands, metrics),
        gatekeeper(settings, parts.commands, host) as gate,
    ):
        service = _service(settings, parts, source)
        try:
            hears = _hears(settings, parts, source.book)
            webhooks = _webhook_service(settings, parts)
            forgets = forgetter(settings, parts)
            yield FrontEnd(service, webhooks, parts, metrics, hears, gate, forgets)
        finally:
            await service.feed.close()
