"""A running system as the command line asks it: over its REST API, as any client would."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from secrets import token_hex
from shlex import quote
from typing import Any

import aiohttp
from yarl import URL

from orchestrator.cli.ending import FAILED, WRONG, Ended
from orchestrator.cli.stream import Told, events
from orchestrator.settings import Settings

Call = dict[str, Any]
"""A call's document."""

_RING_OUTS = "v1/restapi/v1-0/account/~/extension/~/ring-out"
_LOOK_S = 30
_GIVE_UP_S = 60.0
_SILENCE_S = 45.0
"""The server's heartbeat comes three times as often."""
_AWAY = (aiohttp.ClientError, TimeoutError, OSError, ValueError)
_AT_LEAST_S = 0.2
"""Between two looks, whatever the server does about `Prefer: wait`."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is not an error; `body` is None where there is none."""

    status: int
    body: Any
    etag: str


class NoAnswer(Ended):
    """REST could not be reached, or is not able to answer now."""


class RestClient:
    """Every method raises Ended: 2 for what was not understood, 1 for everything else."""

    def __init__(self, session: aiohttp.ClientSession, base: URL) -> None:
        self._session = session
        self._base = base

    async def call(self, body: Mapping[str, Any], key: str | None) -> Call:
        """Accepts a call; where the answer was lost, NoAnswer names the key to repeat it with."""
        name = token_hex(8) if key is None else key
        headers = {"Idempotency-Key": json.dumps(name)}
        try:
            reply = await self._ask("POST", self._base / _RING_OUTS, headers, body)
        except NoAnswer as error:
            if isinstance(error.__cause__, aiohttp.ClientConnectorError):
                raise
            raise NoAnswer(
                f"{error.reason}; the call may have been accepted: the same command with "
                f"--key {quote(name)} makes no second one"
            ) from error
        return _call(reply.body)

    async def read(self, call_id: str, *, fresh: bool = False) -> Call:
        """The call as it is; with `fresh`, as RingCentral tells it now."""
        headers = {"Cache-Control": "no-cache"} if fresh else {}
        return _call((await self._ask("GET", self._one(call_id), headers)).body)

    async def cancel(self, call_id: str, seconds: int) -> Call | None:
        """The call once the outcome of its cancel is known, or as it is after so long; None
        where it was over already."""
        reply = await self._ask("DELETE", self._one(call_id), {"Prefer": f"wait={seconds}"})
        return None if reply.status == HTTPStatus.NO_CONTENT else _call(reply.body)

    async def newest(self, limit: int) -> list[Call]:
        """The newest calls, newest first."""
        url = (self._base / "v1/calls").with_query(limit=limit)
        reply = await self._ask("GET", url, {})
        return [_call(call) for call in reply.body["calls"]]

    async def told(
        self, since: str, call_id: str | None = None, types: Sequence[str] = ()
    ) -> AsyncIterator[Told]:
        """The events after the id `since`, or from now on where that is empty, of one call or of
        all, which may be of certain types; ends where the server ends it.

        What comes first is an event without a kind: from then on nothing is missed.
        """
        headers = {"Last-Event-ID": since} if since else {}
        many = (self._base / "v1/events").with_query([("type", one) for one in types])
        url = many if call_id is None else self._one(call_id) / "events"
        timeout = aiohttp.ClientTimeout(total=None, connect=5, sock_read=_SILENCE_S)
        try:
            async with self._session.get(url, headers=headers, timeout=timeout) as answer:
                if answer.status == HTTPStatus.NO_CONTENT:
                    return
                if answer.status != HTTPStatus.OK:
                    raise _refusal(answer.status, await answer.json(content_type=None))
                yield Told("", since, "")
                async for event in events(answer.content):
                    yield event
        except _AWAY as error:
            raise self._no_answer(error) from error

    async def changes(self, call_id: str) -> AsyncIterator[Call]:
        """The call now, and again after each change, until it has ended.

        A system that does not answer for a while is asked again, for up to a minute.
        """
        etag = ""
        while True:
            reply = await self._patiently(call_id, etag)
            if reply.status != HTTPStatus.NOT_MODIFIED:
                call, etag = _call(reply.body), reply.etag
                yield call
                if call["state"] == "ended":
                    return
            await asyncio.sleep(_AT_LEAST_S)

    async def _patiently(self, call_id: str, etag: str) -> Reply:
        headers = {"Prefer": f"wait={_LOOK_S}", "If-None-Match": etag} if etag else {}
        loop = asyncio.get_running_loop()
        give_up = loop.time() + _GIVE_UP_S
        while True:
            try:
                return await self._ask("GET", self._one(call_id), headers)
            except NoAnswer:
                if loop.time() > give_up:
                    raise
                await asyncio.sleep(1)

    def _one(self, call_id: str) -> URL:
        return self._base / _RING_OUTS / call_id

    async def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """The decoded answer of any route, None where it has no body; `query` without Nones."""
        given = {name: str(value) for name, value in query.items() if value is not None}
        url = (self._base / path).with_query(given)
        return (await self._ask(method, url, {}, body)).body

    async def _ask(
        self, method: str, url: URL, headers: Mapping[str, str], body: Any = None
    ) -> Reply:
        try:
            async with self._session.request(method, url, headers=headers, json=body) as answer:
                content = await answer.json(content_type=None) if await answer.read() else None
        except _AWAY as error:
            raise self._no_answer(error) from error
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise _refusal(answer.status, content)
        return Reply(answer.status, content, answer.headers.get("ETag", ""))

    def _no_answer(self, error: Exception) -> NoAnswer:
        return NoAnswer(
            f"REST does not answer at {self._base} ({type(error).__name__}): `ringout up` "
            "starts one here, RINGOUT_PUBLIC_URL names another"
        )


def shown_to_rest(settings: Settings) -> dict[str, str]:
    """The header that proves who asks, where there is a key to prove it with."""
    key = settings.own_key
    return {} if key is None else {"Authorization": f"Bearer {key.get_secret_value()}"}


@asynccontextmanager
async def rest_client(settings: Settings) -> AsyncIterator[RestClient]:
    """A client of the REST front end that the settings name."""
    timeout = aiohttp.ClientTimeout(total=_LOOK_S + 10, connect=5)
    async with aiohttp.ClientSession(timeout=timeout, headers=shown_to_rest(settings)) as session:
        yield RestClient(session, URL(settings.base_url))


def _call(body: Any) -> Call:
    if not isinstance(body, dict) or "state" not in body:
        raise Ended("what answers there is not this product's REST API", FAILED)
    return body


def _refusal(status: int, problem: Any) -> Ended:
    told = problem if isinstance(problem, dict) else {}
    reason = str(told.get("detail") or told.get("title") or f"HTTP status {status}")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return NoAnswer(reason)
    if status == HTTPStatus.UNAUTHORIZED:
        return Ended("RINGOUT_API_KEY: should be a valid key (`ringout keys create`)", WRONG)
    is_usage = status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
    return Ended(reason, WRONG if is_usage else FAILED)
