"""Forgetting a phone: what Redis keeps of calls that have ended, and names it, is taken away.

Each step may be made again. What is masked stays: that there was a call, when, and how it ended.
What cannot be read, a newer version's perhaps, is masked as the text that it is.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from orchestrator.domain import phones
from orchestrator.domain.calls import Call, Endpoint
from orchestrator.domain.phones import Spellings
from orchestrator.storage import delivery_keys, keys, scripts, velocity_keys
from orchestrator.storage.connection import Commands, WrongType
from orchestrator.storage.events import Place
from orchestrator.storage.records import (
    Record,
    as_json,
    from_json,
    readable,
    record_items,
    shown_json,
)

_CHUNK = 200
_PAGE = 500
_CLOCKS_MS = 300_000
"""By how much a process's clock, which says when calls were accepted, may be ahead of Redis's."""
_KINDS = ("callee", "caller")
_DELIVERY = delivery_keys.delivery("")
_WORDS = ("body", "failure")
_OVER = b"ended"


@dataclass(frozen=True, slots=True)
class Known:
    """A call that is known by a phone, and when it was accepted (ms)."""

    call_id: str
    at: int


@dataclass(frozen=True, slots=True)
class Strange:
    """The fields of a record that cannot be read, and whether its call has ended, as far as they
    tell."""

    fields: Mapping[bytes, bytes]
    is_over: bool


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
    """What a delivery sends, or a record has in a field, without the number."""
    try:
        told = from_json(body)
        bare = _hidden(known, told)
    except (ValueError, RecursionError):
        return known.hidden_in(body)
    return known.hidden_in(body if bare == told else as_json(bare))


def _hidden(known: Spellings, value: Any, name: str = "") -> Any:
    """A JSON value, and the one of a `clientReference`, that tells nothing of the number."""
    if isinstance(value, dict):
        return {known.hidden_in(one): _hidden(known, value[one], one) for one in value}
    if isinstance(value, list):
        return [_hidden(known, one) for one in value]
    if isinstance(value, str):
        is_reference = name == "clientReference" and known.are_in(value)
        return None if is_reference else known.hidden_in(value)
    return phones.HIDDEN if known.are_in(str(value)) else value


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")


class Forgetting:
    """Every method raises StorageUnavailable when Redis does not answer in time."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

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

    async def strange(self, call_id: str) -> Strange | None:
        """What is kept of a call whose record cannot be read; None where it can be, or is gone."""
        key = keys.call(call_id)
        kind = await self._kind_of(key)
        if kind != "hash":
            return None if kind == "none" else Strange({}, is_over=True)
        values = await self._commands.execute("HMGET", key, "document", "private", "revision")
        if readable(call_id, [value or b"" for value in values]) is not None:
            return None
        flat = await self._commands.execute("HGETALL", key)
        fields = _pairs(flat)
        return Strange(fields, is_over=fields.get(b"state") == _OVER) if fields else None

    async def unread(self, known: Spellings, call_id: str, strange: Strange) -> bool:
        """Masks what is kept of an ended call whose record cannot be read; False where that has
        changed or gone meanwhile."""
        fields = {name: _text(value) for name, value in strange.fields.items()}
        bare = {name: body_without(known, text) for name, text in fields.items()}
        reference = fields.get(b"clientReference", "")
        if known.are_in(reference):
            await self._commands.execute("ZREM", keys.reference(reference), call_id)
            bare[b"clientReference"] = ""
        changed = {name: bare[name] for name in bare if bare[name] != fields[name]}
        if not changed:
            return True
        guard = b"revision" if b"revision" in fields else b"state"
        if fields.get(b"revision", "").isdecimal():
            changed[b"revision"] = str(int(fields[b"revision"]) + 1)
        items = [part for item in changed.items() for part in item]
        where = [keys.call(call_id)]
        return bool(
            await self._commands.run(
                scripts.REWRITE_HASH, where, guard, strange.fields[guard], *items
            )
        )

    async def _kind_of(self, key: str) -> str:
        kind = await self._commands.execute("TYPE", key)
        return kind.decode() if isinstance(kind, bytes) else str(kind)

    async def _string(self, key: str) -> bytes | None:
        try:
            value: bytes | None = await self._commands.execute("GET", key)
        except WrongType:
            return None
        return value

    async def beside(self, known: Spellings, call_id: str) -> None:
        """Drops what is kept beside the record of a call that has ended."""
        own = [keys.evidence(call_id), keys.ends(call_id), keys.request(call_id)]
        url = await self._string(keys.callback(call_id))
        if url is not None and known.are_in(_text(url)):
            own.append(keys.callback(call_id))
        await self._commands.execute("DEL", *own)

    async def events(self, known: Sequence[Known]) -> int:
        """Deletes the events of calls; how many there were."""
        ids, deleted = {one.call_id for one in known}, 0
        place = Place(max(0, min(one.at for one in known) - _CLOCKS_MS), 0)
        after = f"({place}"
        while page := await self._commands.execute(
            "XRANGE", keys.EVENTS, after, "+", "COUNT", _PAGE
        ):
            named = [name for name, fields in page if _call_of(fields) in ids]
            if named:
                deleted += int(await self._commands.execute("XDEL", keys.EVENTS, *named))
            after = f"({_text(page[-1][0])}"
        return deleted

    async def dispatch_anew(self) -> None:
        """Whoever dispatches reads the events again: what it had read of those that are deleted is
        not written any more. What was written is there to be masked."""
        await self._commands.execute("INCR", delivery_keys.VERSION)

    async def deliveries(self, wanted: Spellings, known: Sequence[Known]) -> int:
        """Masks what was sent, or is to be, about calls; how many deliveries there were."""
        ids, changed = {one.call_id for one in known}, 0
        since = min(one.at for one in known) - _CLOCKS_MS
        async for names in self._deliveries(since):
            rows = await asyncio.gather(*(self._told(name) for name in names))
            ours = [
                (name, told) for name, (call, told) in zip(names, rows, strict=True) if call in ids
            ]
            changed += sum(await asyncio.gather(*(self._rewrite(wanted, *one) for one in ours)))
        return changed

    async def found(
        self, wanted: Spellings, names: Iterable[str], in_use: Collection[str]
    ) -> list[str]:
        """Masks those of the keys that are deliveries, but for those about calls under way; which
        they were."""
        masked: list[str] = []
        for key in names:
            if not key.startswith(_DELIVERY) or await self._kind_of(key) != "hash":
                continue
            delivery_id = key.removeprefix(_DELIVERY)
            call, told = await self._told(delivery_id)
            if call not in in_use and await self._rewrite(wanted, delivery_id, told):
                masked.append(key)
        return masked

    async def _told(self, delivery_id: str) -> tuple[str, Sequence[bytes | None]]:
        """The call that a delivery is about, and what it holds in words."""
        key = delivery_keys.delivery(delivery_id)
        try:
            call, *told = await self._commands.execute("HMGET", key, "call", *_WORDS)
        except WrongType:
            return "", [None] * len(_WORDS)
        return _text(call), told

    async def _deliveries(self, since: int) -> AsyncIterator[list[str]]:
        """In chunks, from one time to the next: others may be dropped meanwhile."""
        begin, size, seen = since, _CHUNK, set[str]()
        while True:
            members = await self._commands.execute(
                *("ZRANGE", delivery_keys.DELIVERIES, begin, "+inf", "BYSCORE"),
                *("LIMIT", 0, size, "WITHSCORES"),
            )
            times = {_text(members[at]): int(float(members[at + 1])) for at in _evens(members)}
            fresh = [name for name in times if name not in seen]
            yield fresh
            if len(times) < size:
                return
            begin, size = max(times.values()), _CHUNK if fresh else 2 * size
            seen = {name for name, at in times.items() if at == begin}

    async def _rewrite(
        self, wanted: Spellings, delivery_id: str, told: Sequence[bytes | None]
    ) -> bool:
        key, is_changed = delivery_keys.delivery(delivery_id), False
        for name, kept in zip(_WORDS, told, strict=True):
            value = kept
            while value is not None:
                bare = body_without(wanted, _text(value))
                if bare == _text(value):
                    break
                if await self._commands.run(scripts.REWRITE_HASH, [key], name, value, name, bare):
                    is_changed = True
                    break
                # Another phone of the call is being forgotten too.
                value = await self._commands.execute("HGET", key, name)
        return is_changed

    async def held(self, names: Iterable[str], known: Sequence[Known]) -> None:
        """Drops those of the keys, named by digests, that hold the id of one of the calls: the
        click that made it, and lines, which nobody else has got meanwhile."""
        ids, listed = {one.call_id for one in known}, list(names)
        made = await asyncio.gather(*(self._string(name) for name in listed))
        for name, call in zip(listed, made, strict=True):
            if call is not None and call.decode() in ids:
                await self._commands.run(scripts.RELEASE, [name], call)

    async def listed(self, names: Iterable[str], known: Sequence[Known]) -> None:
        """Drops calls from sets that are named by digests; one with no other call goes."""
        ids = [one.call_id for one in known]
        for name in names:
            for begin in range(0, len(ids), _PAGE):
                with suppress(WrongType):
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


def _evens(flat: Sequence[Any]) -> range:
    return range(0, len(flat), 2)


def _call_of(fields: Any) -> str:
    """The call that an entry of the stream tells of, whoever wrote it."""
    return _text(_pairs(fields).get(b"call"))


def _pairs(flat: Any) -> Mapping[bytes, bytes]:
    return flat if isinstance(flat, Mapping) else dict(zip(flat[::2], flat[1::2], strict=True))
