"""Two who have nothing to do with each other, one who runs the house, and the house."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from orchestrator.domain import calls
from orchestrator.domain.access import EVERYTHING, Principal, Scope
from orchestrator.domain.status import NOT_SPOKEN
from orchestrator.runtime import FrontEnd, delivery_job, now
from orchestrator.service.models import parsed
from orchestrator.service.webhook_models import WebhookRequest
from orchestrator.service.wishes import Wish
from orchestrator.storage.audit import Audit
from orchestrator.storage.delivery_list import Sought
from orchestrator.storage.dispatching import Dispatching
from orchestrator.storage.webhooks import WebhookStore
from workers.dispatch import Dispatcher
from workers.retired import Retired

URL = "https://example.com/hook"
REFERENCE = "order 4711"
_USUAL = EVERYTHING - {Scope.OPS}

ONE = Principal("key_one", "one", _USUAL)
OTHER = Principal("key_other", "other", _USUAL)
OPERATOR = Principal("key_ops", "operator", EVERYTHING)


class House:
    """A front end, and a dispatcher where a test wants one; no worker calls or delivers."""

    def __init__(self, front: FrontEnd) -> None:
        self.front, self.calls, self.webhooks = front, front.service, front.webhooks
        self.commands = front.backend.commands
        self.audit = Audit(self.commands, now)

    async def accepts(self, asker: Principal, **more: Any) -> str:
        """A call; its id."""
        body = {"from": {"phoneNumber": "+16505550100"}, "to": {"phoneNumber": "+16505550123"}}
        request = parsed({**body, "clientReference": REFERENCE, **more})
        return (await self.calls.accept(asker, Wish(request))).snapshot.id

    async def rings(self, call_id: str, ringout_id: str) -> None:
        """RingCentral has been asked and has answered."""
        store = self.front.backend.store
        await store.change(call_id, lambda call: calls.placing(call, now(), "f"))
        await store.change(
            call_id, lambda call: calls.placed(call, now(), "f", ringout_id, NOT_SPOKEN)
        )

    async def webhook(self, asker: Principal) -> str:
        """A webhook; its id."""
        return (await self.webhooks.create(asker, WebhookRequest(url=URL)))[0].id

    async def deliveries(self, asker: Principal, **sought: Any) -> set[tuple[str | None, str]]:
        """Receivers, and the calls they are told of, as the asker may know."""
        page = await self.webhooks.page(asker, Sought(**sought), 200, None)
        return {(one["webhook"], one["call"]) for one in page.deliveries}

    async def actions(self) -> list[tuple[str, str]]:
        """Who did what, the oldest first."""
        return [(one["owner"], one["action"]) for one in reversed(await self.audit.newest(100))]

    @asynccontextmanager
    async def dispatched(self, retired: Retired | None = None) -> AsyncIterator[None]:
        """A dispatcher, running."""
        dispatching = Dispatching(self.commands, self.front.backend.blocking, now, delivery_job)
        dispatcher = Dispatcher(dispatching, WebhookStore(self.commands), retired)
        running = asyncio.create_task(dispatcher.run())
        try:
            yield
        finally:
            dispatcher.stop()
            with suppress(asyncio.CancelledError):
                await running
