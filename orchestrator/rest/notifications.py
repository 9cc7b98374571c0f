"""`POST /v1/ringcentral/notifications/{credential}`: where RingCentral sends its notifications.

RingCentral's rules (ringcentral-api-docs, docs/notifications/webhooks): the handshake is answered
within 3 s with its own header, JSON as the type and no more than 1,024 bytes; anything but a 200
puts the address on a blacklist. So a notification is answered first and heard then, and what is
wrong with it is not said. Who cannot show the secret finds nothing here.
"""

import asyncio
import hmac
from collections.abc import Callable

from aiohttp import web

from orchestrator.domain.errors import StorageUnavailable
from orchestrator.domain.notices import Notice
from orchestrator.rest.bodies import arriving
from orchestrator.rest.problems import SAFE
from orchestrator.runtime import Hears
from orchestrator.service.hearing import Heard
from orchestrator.telephony.notices import LARGEST, notice_in

PATH = "/v1/ringcentral/notifications/{credential}"
TRANSPORT = "webhook"

VERIFICATION = "Verification-Token"
HANDSHAKE = "Validation-Token"
"""RingCentral's guide gives this name to the secret as well."""

_LONGEST_HANDSHAKE = 512
_MOST_AT_ONCE = 1_000


class NotificationRoutes:
    """`counts` is told of each notification: how it came, and what came of it."""

    def __init__(self, hears: Hears, counts: Callable[[str, str], None]) -> None:
        self._hears, self._counts = hears, counts
        self._under_way: set[asyncio.Task[None]] = set()

    async def hear(self, request: web.Request) -> web.Response:
        """200 for a handshake and for what RingCentral sends; 404 for all else."""
        credential = request.match_info["credential"]
        secret = self._hears.secret(credential)
        if secret is None:
            raise web.HTTPNotFound
        shown, handshake = (request.headers.get(name) for name in (VERIFICATION, HANDSHAKE))
        if not _is_same(shown or handshake, secret):
            if shown is not None or handshake is None or not _can_be_returned(handshake):
                raise web.HTTPNotFound
            return web.json_response(headers={**SAFE, HANDSHAKE: handshake})
        body = await _body(request)
        if body is None or (notice := notice_in(body)) is None:
            self._counts(TRANSPORT, Heard.UNREADABLE)
        elif len(self._under_way) >= _MOST_AT_ONCE:
            self._counts(TRANSPORT, Heard.LOST)
        else:
            task = asyncio.create_task(self._heard(credential, notice))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return web.json_response(headers=SAFE)

    async def _heard(self, credential: str, notice: Notice) -> None:
        try:
            heard = await self._hears.hearing.heard(credential, notice)
        except StorageUnavailable:
            heard = Heard.LOST
        self._counts(TRANSPORT, heard)


def _can_be_returned(handshake: str) -> bool:
    return handshake.isascii() and len(handshake) <= _LONGEST_HANDSHAKE


def _is_same(shown: str | None, secret: str) -> bool:
    # aiohttp decodes a header's bytes with surrogateescape.
    sent = (shown or "").encode(errors="surrogateescape")
    return hmac.compare_digest(sent, secret.encode())


async def _body(request: web.Request) -> bytes | None:
    """The body; None where it is longer than any notification."""
    read = bytearray()
    async with arriving(request):
        async for chunk in request.content.iter_chunked(LARGEST):
            read += chunk
            if len(read) > LARGEST:
                break
    return bytes(read) if len(read) <= LARGEST else None
