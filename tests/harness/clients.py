"""Calls made and watched through the service, as both front ends do it."""

import json
from typing import Any

from orchestrator.domain.access import HOUSE
from orchestrator.runtime import FrontEnd
from orchestrator.service.models import parsed
from orchestrator.service.wishes import Wish
from tests.harness.waiting import wait_until

CALLER = "+16505550100"


async def accept(front: FrontEnd, to: str, key: str | None = None, **body: Any) -> str:
    """Accepts a call from the usual caller; its id."""
    request = parsed({"from": {"phoneNumber": CALLER}, "to": {"phoneNumber": to}, **body})
    return (await front.service.accept(HOUSE, Wish(request, idempotency_key=key))).snapshot.id


async def shown(front: FrontEnd, call_id: str) -> dict[str, Any]:
    """The call as a client sees it."""
    glance = await front.service.read(HOUSE, "~", "~", call_id)
    call: dict[str, Any] = json.loads(glance.snapshot.document)
    return call


async def reaches(
    front: FrontEnd, call_id: str, *states: str, seconds: float = 20.0
) -> dict[str, Any]:
    """The call once it is in one of the states."""

    async def is_there() -> dict[str, Any] | None:
        call = await shown(front, call_id)
        return call if call["state"] in states else None

    call: dict[str, Any] = await wait_until(is_there, seconds)
    return call


async def told(front: FrontEnd, call_id: str) -> list[dict[str, str]]:
    """The call's events, in the order of the stream."""
    entries = await front.backend.commands.redis.xrange("ringout:v1:{ringout}:events")
    events = [{k.decode(): v.decode() for k, v in fields.items()} for _, fields in entries]
    return [event for event in events if event["call"] == call_id]
