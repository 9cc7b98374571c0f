"""Webhooks of keys that are no more: they are disabled, whoever revoked the key, or nobody did."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog

from orchestrator.domain.access import HOUSE_OWNER
from orchestrator.domain.clock import Clock
from orchestrator.storage.api_keys import ApiKeys
from orchestrator.storage.webhooks import Webhook, WebhookStore

log = structlog.get_logger(__name__)

_EVERY_S = 5.0


@dataclass
class Retired:
    """Looks at the keys every few seconds. An owner that is no key of ours, one whom the identity
    provider names, is left alone."""

    keys: ApiKeys
    webhooks: WebhookStore
    clock: Clock
    _done_at: float = field(default=0.0, init=False)

    async def now_and_then(self, webhooks: Iterable[Webhook]) -> None:
        """Disables those of `webhooks` whose key was revoked or has expired."""
        if time.monotonic() - self._done_at < _EVERY_S:
            return
        self._done_at = time.monotonic()
        for owner in {one.owner for one in webhooks} - {HOUSE_OWNER}:
            await self._judge(owner)

    async def _judge(self, owner: str) -> None:
        key, now = await self.keys.read(owner), self.clock()
        ended = key and key.ended(now)
        if not ended:
            return
        message = f"The key that made it {ended.said}."
        count = await self.webhooks.disable_of(owner, ended.code, message, now)
        log.warning("webhooks_of_key_disabled", key=owner, reason=ended.code, webhooks=count)
