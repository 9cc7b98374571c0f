"""Forgetting a phone: what Redis keeps of calls that have ended, and names it, is taken away.

Each step may be made again. What is masked stays: that there was a call, when, and how it ended.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from orchestrator.domain import phones
from orchestrator.domain.calls import Call, Endpoint
from orchestrator.domain.phones import Spellings
from orchestrator.storage import delivery_keys, keys, scripts, velocity_keys
from orchestrator.storage.connection import Commands
from orchestrator.storage.events import EventLog, Place
from orchestrator.storage.records import Record, as_json, from_json, record_items, shown_json

_CHUNK = 200
_PAGE = 500
_CLOCKS_MS = 300_000
"""By how much a process's clock, which says when calls were accepted, may be ahead of Redis's."""
_KINDS = ("callee", "caller")


@dataclass(frozen=True, slots=True)
class Known:
    """A call that is known by a phone, and when it was accepted (ms)."""

    call_id: str
    at: int


def _without(known: Spellings, end: Endpoint | None) -> Endpoint | None:
    is_it = end is not None and end.phone_number == phones.masked(known.number)
    return Endpoint(phones.HIDDEN, None) if is_it else end


def without(known: Spellings, call: Call) -> Call:
    """An ended call in which nothing tells that it was with this number."""
    reference, reason = call.client_reference, call.reason
    if reason is not None:
        reason = replace(reason, message=known.hidden_in(reason.message))
    if reference is not None and known.are_in(reference):
        reference = None
    return replace(
        call,
        from_=_without(known, call.from_),
        to=_without(known, call.to),
        client_reference=reference,
        reason=reason,
    )


def body_without(known: Spellings, body: str) -> str:
    """What a delivery sends, without the number."""
    told = from_json(body)
    data = told.get("data")
    reference = data.get("clientReference") if isinstance(data, dict) else None
    if isinstance(reference, str) and known.are_in(reference):
        told["data"] = {**data, "clientReference": None}
    return as_json(_hidden(known, told))


def _hidden(known: Spellings, value: Any) -> Any:
    """A JSON value whose texts tell nothing of the number."""
    if isinstance(value, str):
        return known.hidden_in(value)
    if isinstance(value, dict):
        return {name: _hidden(known, one) for name, one in value.items()}
    return [_hidden(known, one) for one in value] if isinstance(value, list) else value


class Forgetting:
    """Every method raises StorageUnavailable when Redis does not answer in time."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._log = EventLog(commands)

    async def known(self, digest: str) -> list[Known]:
        """The calls that are known by a phone's digest, oldest first."""
        found: list[Known] = []
        while True:
            members = await self._commands.execute(
                *("ZRANGE", keys.number(digest), len(found), len(found) + _PAGE - 1, "WITHSCORES")
            )
            pairs = zip(members[::2], members[1::2], strict=True)
            found += [Known(name.decode(), int(float(at))) for name, at in pairs]
            if len(members) < 2 * _PAGE:
                return found

    async def call(self, known: Spellings, record: Record) -> bool:
        """Masks an ended call further and drops what was kept beside it; False where its record
        has changed or gone meanwhile."""
        call = without(known, record.call)
        items = record_items(call, shown_json(call), record.revision + 1, uuid4().hex)
        reference = record.call.client_reference
        if reference is not None and call.client_reference is None:
            await self._commands.execute("ZREM", keys.reference(reference), call.id)
        written = await self._commands.run(
            scripts.REWRITE_HASH, [keys.call(call.id)], "revision", record.revision, *items
        )
        return bool(written)

    async def beside(self, known: Spellings, call_id: str) -> None:
        """Drops what is kept beside the record of a call that has ended."""
        own = [keys.evidence(call_id), keys.ends(call_id), keys.request(call_id)]
        url = await self._commands.execute("GET", keys.callback(call_id))
        if url is not None and known.are_in(url.decode()):
            own.append(keys.callback(call_id))
        await self._commands.execute("DEL", *own)

    async def events(self, known: Sequence[Known]) -> int:
        """Deletes the events of calls; how many there were."""
        ids, deleted = {one.call_id for one in known}, 0
        place = Place(max(0, min(one.at for one in known) - _CLOCKS_MS), 0)
        while True:
            page = await self._log.after(place, _PAGE)
            named = [str(one.place) for one in page.entries if one.fields["call"] in ids]
            if named:
                deleted += int(await self._commands.execute("XDEL", keys.EVENTS, *named))
            if len(page.entries) < _PAGE:
                return deleted
            place = page.entries[-1].place

    async def deliveries(self, wanted: Spellings, known: Sequence[Known]) -> int:
        """Masks what was sent, or is to be, about calls; how many deliveries there were."""
        ids, changed = {one.call_id for one in known}, 0
        since = min(one.at for one in known) - _CLOCKS_MS
        async for names in self._deliveries(since):
            rows = await asyncio.gather(
                *(
                    self._commands.execute("HMGET", delivery_keys.delivery(name), "call", "body")
                    for name in names
                )
            )
            ours = [
                (name, call, body.decode())
                for name, (call, body) in zip(names, rows, strict=True)
                if call is not None and call.decode() in ids
            ]
            changed += sum(await asyncio.gather(*(self._rewrite(wanted, *one) for one in ours)))
        return changed

    async def _deliveries(self, since: int) -> AsyncIterator[list[str]]:
        offset = 0
        while True:
            members = await self._commands.execute(
                *("ZRANGE", delivery_keys.DELIVERIES, since, "+inf", "BYSCORE"),
                *("LIMIT", offset, _CHUNK),
            )
            yield [member.decode() for member in members]
            offset += len(members)
            if len(members) < _CHUNK:
                return

    async def _rewrite(self, wanted: Spellings, delivery_id: str, call: bytes, body: str) -> bool:
        bare = body_without(wanted, body)
        if bare == body:
            return False
        key = delivery_keys.delivery(delivery_id)
        answer = await self._commands.run(scripts.REWRITE_HASH, [key], "call", call, "body", bare)
        return bool(answer)

    async def held(self, names: Iterable[str], known: Sequence[Known]) -> None:
        """Drops those of the keys, named by digests, that hold the id of one of the calls: the
        click that made it, and lines, which nobody else has got meanwhile."""
        ids, listed = {one.call_id for one in known}, list(names)
        made = await asyncio.gather(*(self._commands.execute("GET", name) for name in listed))
        for name, call in zip(listed, made, strict=True):
            if call is not None and call.decode() in ids:
                await self._commands.run(scripts.RELEASE, [name], call)

    async def listed(self, names: Iterable[str], known: Sequence[Known]) -> None:
        """Drops calls from sets that are named by digests; one with no other call goes."""
        ids = [one.call_id for one in known]
        for name in names:
            for begin in range(0, len(ids), _PAGE):
                await self._commands.execute("ZREM", name, *ids[begin : begin + _PAGE])

    async def index(self, digest: str, known: Sequence[Known], *, is_last: bool) -> None:
        """Drops calls from what is known of a phone; with `is_last` the quotas it counts against
        as well."""
        for begin in range(0, len(known), _PAGE):
            ids = [one.call_id for one in known[begin : begin + _PAGE]]
            await self._commands.execute("ZREM", keys.number(digest), *ids)
        if is_last:
            counted = [velocity_keys.window(kind, digest) for kind in _KINDS]
            await self._commands.execute("DEL", *counted)
