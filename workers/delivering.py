"""The parts that deliver, put together for one worker."""

from orchestrator import __version__
from orchestrator.delivery.sender import Sender
from orchestrator.runtime import Backend, delivery_job, now
from orchestrator.settings import Settings
from orchestrator.settings.derived import deliveries_kept
from orchestrator.storage.api_keys import ApiKeys
from orchestrator.storage.deliveries import DeliveryStore
from orchestrator.storage.dispatching import Dispatching
from orchestrator.storage.webhooks import WebhookStore
from workers.deliver import Delivering
from workers.dispatch import Dispatcher
from workers.retired import Retired
from workers.slots import Slots


def delivering_with(settings: Settings, parts: Backend) -> Delivering:
    """What the job that delivers is given."""
    secret = settings.callback_secret
    agent = f"RingOutOrchestrator/{__version__} (webhooks)"
    return Delivering(
        store=DeliveryStore(parts.commands, now, delivery_job, deliveries_kept(settings)),
        webhooks=WebhookStore(parts.commands),
        keys=ApiKeys(parts.commands, now),
        sender=Sender(settings.webhook_targets, agent, settings.webhook_timeout),
        slots=Slots(max(1, settings.worker_jobs // 2)),
        clock=now,
        ladder=settings.ladder,
        timeout=settings.webhook_timeout,
        disable_after=settings.webhook_disable_after,
        callback_secret=secret.get_secret_value() if secret else None,
    )


def dispatcher_with(parts: Backend) -> Dispatcher:
    """The dispatcher, which works where no other worker's does."""
    dispatching = Dispatching(parts.commands, parts.blocking, now, delivery_job)
    webhooks = WebhookStore(parts.commands)
    retired = Retired(ApiKeys(parts.commands, now), webhooks, now)
    return Dispatcher(dispatching, webhooks, retired)
