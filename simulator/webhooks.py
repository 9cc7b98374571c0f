"""Delivery to a webhook: the handshake, the POSTs, and the blacklist.

The handshake is a POST without a body inside the creation of the subscription, with a header
`Validation-Token` that the answer has to give back (ringcentral-api-docs,
docs/notifications/webhooks/creating-webhooks.md): HTTP 200 within 3,000 ms, a JSON content
type even where the body is empty (SUB-525), and no more than 1,024 bytes, headers and body
together. An event is a POST of its JSON with the subscription's `verificationToken` in a header
`Verification-Token` (WebhookDeliveryModeRequest; receiving.md calls both `validation…`). No
event is sent twice on purpose: redelivery is documented nowhere. A failure is anything but a 200
in time. docs/notifications/webhooks/troubleshooting.md: one that fails for long is suspended for
good; RingCentral's staff have told of ten minutes, and of a second look every fifteen.
"""

import asyncio
import ipaddress
import json
import time
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from yarl import URL

from simulator.clock import rfc3339
from simulator.push_tuning import PushTuning
from simulator.refusals import Refusal, invalid
from simulator.subscriptions import Event, Subscription

_LARGEST_ANSWER = 1024
_AGENT = {"User-Agent": "RingCentral-Webhook/8.3"}
_FAILURES = (aiohttp.ClientError, OSError, TimeoutError)


class Courier:
    """Sends requests to webhooks, and ends what is under way when it is closed."""

    def __init__(self) -> None:
        self._http: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def closed(self) -> bool:
        """Whether no connection is open, and none ever will be."""
        return not self._tasks and (self._http is None or self._http.closed)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs some work beside all else."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """Breaks off all that is under way."""
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """Breaks off, waits for the end of it, and closes the connections."""
        self.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._http is not None:
            await self._http.close()

    async def post(self, url: str, headers: dict[str, str], body: bytes, within: float) -> int:
        """The status a webhook answers; raises what aiohttp does, or TimeoutError."""
        async with self._post(url, headers, body, within) as answer:
            await _beginning(answer)
            return answer.status

    async def shake_hands(self, url: str, within: float) -> None:
        """Raises Refusal SUB-520, 521, 522, 524 or 525 where an address is not to be had."""
        token = str(uuid.uuid4())
        headers = {"Validation-Token": token, "Content-Type": "application/json"}
        try:
            async with self._post(url, headers, b"", within) as answer:
                _check(answer, await _beginning(answer), token)
        except aiohttp.ClientSSLError:
            raise Refusal(400, "SUB-524", "HTTPS certificate is not valid") from None
        except _FAILURES:
            raise Refusal(400, "SUB-521", "WebHook is not reachable") from None

    def _post(
        self, url: str, headers: dict[str, str], body: bytes, within: float
    ) -> aiohttp.client._RequestContextManager:
        if self._http is None:
            self._http = aiohttp.ClientSession(headers=_AGENT)
        limit = aiohttp.ClientTimeout(total=within)
        return self._http.post(
            url, data=body, headers=headers, timeout=limit, allow_redirects=False
        )


async def _beginning(answer: aiohttp.ClientResponse) -> bytes:
    """The body as far as it matters: one byte more than may be answered in all."""
    try:
        return await answer.content.readexactly(_LARGEST_ANSWER + 1)
    except asyncio.IncompleteReadError as short:
        return short.partial


def _check(answer: aiohttp.ClientResponse, body: bytes, token: str) -> None:
    if answer.status != 200:
        message = f"WebHook responds with incorrect HTTP status. HTTP status is {answer.status}"
        raise Refusal(400, "SUB-522", message)
    if answer.headers.get("Validation-Token") != token:
        raise Refusal(400, "SUB-520", "Validation Token is not returned")
    head = sum(len(name) + len(value) + 4 for name, value in answer.raw_headers)
    first_line = len(f"HTTP/1.1 {answer.status} {answer.reason}") + 4
    size = first_line + head + len(body)
    if answer.content_type != "application/json" or size > _LARGEST_ANSWER:
        raise Refusal(400, "SUB-525", "WebHook server response is invalid")


def check_address(address: object, tuning: PushTuning) -> str:
    """A webhook's address; raises Refusal CMN-101, or SUB-523 for plain http."""
    if not isinstance(address, str):
        raise invalid("deliveryMode.address")
    try:
        url = URL(address)
    except ValueError:
        raise invalid("deliveryMode.address") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise invalid("deliveryMode.address")
    allowed = tuning.webhook_http == "any" or (
        tuning.webhook_http == "loopback" and _is_loopback(url.host)
    )
    if url.scheme == "http" and not allowed:
        raise Refusal(400, "SUB-523", "HTTPS is required")
    return address


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(slots=True)
class _Failing:
    """An unbroken row of failures."""

    since: float = field(default_factory=time.monotonic)
    count: int = 0


class WebhookChannel:
    """The way of one subscription's events to its address."""

    def __init__(
        self,
        courier: Courier,
        tuning: Callable[[], PushTuning],
        address: str,
        verification_token: str | None,
    ) -> None:
        self._courier = courier
        self._tuning = tuning
        self._address = address
        self._headers = {"Content-Type": "application/json; charset=UTF-8"}
        if verification_token is not None:
            self._headers["Verification-Token"] = verification_token
        self._turn = asyncio.Semaphore(tuning().webhook_parallel)
        self._failing: _Failing | None = None
        self._closed = False
        self.subscription: Subscription | None = None

    @property
    def mode(self) -> dict[str, Any]:
        return {"transportType": "WebHook", "encryption": False, "address": self._address}

    def send(self, event: Event) -> None:
        if not self._closed and self.subscription is not None:
            self._courier.start(self._deliver(self.subscription, event))

    def close(self) -> None:
        self._closed = True

    def mend(self) -> None:
        """Makes a blacklisted subscription active again."""
        self._failing = None
        if self.subscription is not None:
            self.subscription.blacklisted = None

    async def _deliver(self, subscription: Subscription, event: Event) -> None:
        async with self._turn:
            if self._closed or subscription.blacklisted:
                return
            body = json.dumps(event).encode()
            try:
                limit = self._tuning().webhook_timeout
                status = await self._courier.post(self._address, self._headers, body, limit)
            except _FAILURES as error:
                self._failed(subscription, f"I/O operation is failed. Details: [{_detail(error)}]")
                return
            if status == 200:
                subscription.delivered += 1
                self._failing = None
            else:
                self._failed(subscription, f"WebHook responds with HTTP status {status}")

    def _failed(self, subscription: Subscription, reason: str) -> None:
        subscription.failed += 1
        self._failing = failing = self._failing or _Failing()
        failing.count += 1
        lasted = time.monotonic() - failing.since
        enough = failing.count >= self._tuning().blacklist_failures
        if enough and lasted >= self._tuning().blacklist_after and not subscription.blacklisted:
            subscription.blacklisted = {"blacklistedAt": rfc3339(time.time()), "reason": reason}
            if self._tuning().blacklist_recovery:
                self._courier.start(self._look_again(subscription))

    async def _look_again(self, subscription: Subscription) -> None:
        while subscription.blacklisted and not self._closed:
            await asyncio.sleep(self._tuning().blacklist_recovery)
            try:
                await self._courier.shake_hands(self._address, self._tuning().webhook_handshake)
            except Refusal:
                continue
            self.mend()


def _detail(error: BaseException) -> str:
    return "Read timed out" if isinstance(error, TimeoutError) else type(error).__name__
