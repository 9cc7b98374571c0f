"""Forgetting a phone: whoever was called may ask that nothing here tells of it any more.

What names the phone is masked or removed where its calls have ended; a call that waits is
cancelled first; one under way keeps what it needs until it has ended. Then everything that is kept
is looked through for the number, by other means than those that removed it.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictStr
from pydantic.alias_generators import to_camel

from orchestrator.domain import phones
from orchestrator.domain.access import Principal, Scope
from orchestrator.domain.phones import Spellings
from orchestrator.service.destinations import e164
from orchestrator.service.numbering import spellings
from orchestrator.service.withdrawing import Withdrawing
from orchestrator.storage import keys, velocity_keys
from orchestrator.storage.audit import FORGOTTEN, Actor, Audit
from orchestrator.storage.calls import CallStore
from orchestrator.storage.digests import Digests
from orchestrator.storage.forgetting import Forgetting, Known
from orchestrator.storage.pairs import Pairs
from orchestrator.storage.records import Record
from orchestrator.storage.search import Search

_AT_ONCE = 50


def _e164(number: str) -> str:
    normal = e164(number)
    if normal is None:
        raise ValueError("must be a number in E.164 form: +, country code, number")
    return normal


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was done about a number.

    `calls` ended ones were masked, `cancelled` waited and were cancelled first, `in_use` are under
    way: for these it is to be done again when they have ended. `keys` were looked at afterwards;
    `found` are those that hold the number still, without what the calls under way need.
    """

    number: str
    calls: int
    cancelled: tuple[str, ...]
    in_use: tuple[str, ...]
    events: int
    deliveries: int
    keys: int
    found: tuple[str, ...]

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return not self.in_use and not self.found


def shown(done: Forgotten) -> dict[str, Any]:
    """What was done, ready for JSON."""
    return ForgottenDocument.model_validate(asdict(done)).model_dump(mode="json", by_alias=True)


class ForgetRequest(BaseModel):
    """Which phone is to be forgotten."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)

    phone_number: Annotated[StrictStr, AfterValidator(_e164)] = Field(
        description="The number in E.164 form, such as +16505550123.",
        examples=["+16505550123"],
        max_length=40,
    )


class ForgottenDocument(BaseModel):
    """What was done to forget a phone."""

    model_config = ConfigDict(
        alias_generator=to_camel, serialize_by_alias=True, populate_by_name=True
    )

    number: str = Field(description="The number, masked.")
    calls: int = Field(description="How many calls that have ended were masked.")
    cancelled: list[str] = Field(description="The calls that waited, and were cancelled for this.")
    in_use: list[str] = Field(
        description="The calls under way: ask again when they have ended. Their full number goes "
        "by itself at their end."
    )
    events: int = Field(description="How many events were deleted.")
    deliveries: int = Field(description="How many deliveries were masked.")
    keys: int = Field(description="How many keys of Redis were looked at afterwards.")
    found: list[str] = Field(
        description="Those that hold the number still, without what the calls under way need; "
        "empty when all is done."
    )


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Calls by what is to be done about them."""

    ended: list[Known]
    cancelled: list[str]
    in_use: list[str]


@dataclass(frozen=True, slots=True)
class Forgetter:
    """Every step may be made again: where a run was cut off, the next one does the rest."""

    store: CallStore
    digests: Digests
    audit: Audit
    pairs: Pairs

    @property
    def forgetting(self) -> Forgetting:
        """What removes."""
        return Forgetting(self.store.commands)

    @property
    def search(self) -> Search:
        """What proves."""
        return Search(self.store.commands)

    async def forget(self, asker: Principal, number: str, actor: Actor) -> Forgotten:
        """What was done about a number in E.164 form, for who runs the house.

        That it is never to be rung again stays, where somebody has asked for it. StorageUnavailable
        when Redis does not answer in time.
        """
        asker.require(Scope.OPS)
        digest = await self.digests.of(number)
        await self.audit.note(FORGOTTEN, actor, digest)
        wanted, known = spellings(number), await self.forgetting.known(digest)
        found = await self._masked(wanted, known)
        events = deliveries = 0
        if found.ended:
            events = await self.forgetting.events(found.ended)
            deliveries = await self.forgetting.deliveries(wanted, found.ended)
            await self._named_by_digests(found.ended)
        is_last = not found.in_use
        await self.forgetting.index(digest, found.ended, is_last=is_last)
        if is_last:
            await self.pairs.forget(number)
        proof = await self.search.number(wanted)
        under_way = {keys.request(call_id) for call_id in found.in_use}
        return Forgotten(
            number=phones.masked(number),
            calls=len(found.ended),
            cancelled=tuple(found.cancelled),
            in_use=tuple(found.in_use),
            events=events,
            deliveries=deliveries,
            keys=proof.looked_at,
            found=tuple(sorted(wanted.hidden_in(key) for key in set(proof.keys) - under_way)),
        )

    async def _masked(self, wanted: Spellings, known: list[Known]) -> _Sorted:
        """Masks those of the calls that have ended, once those that wait are cancelled."""
        found = _Sorted([], [], [])
        async for one, record, was_cancelled in self._as_they_are(known):
            if record is not None and not record.call.is_over:
                found.in_use.append(one.call_id)
                continue
            if record is not None:
                await self.forgetting.call(wanted, record)
            await self.forgetting.beside(wanted, one.call_id)
            found.ended.append(one)
            if was_cancelled:
                found.cancelled.append(one.call_id)
        return found

    async def _named_by_digests(self, ended: list[Known]) -> None:
        """Drops clicks, lines and places in their queues, whose digests are of several things
        together: they are found by the calls in them."""
        async for names in self.search.all_keys([velocity_keys.click("*"), keys.on_line("*", "*")]):
            await self.forgetting.held(names, ended)
        async for names in self.search.all_keys([keys.waiting_for_line("*")]):
            await self.forgetting.listed(names, ended)

    async def _as_they_are(
        self, known: list[Known]
    ) -> AsyncIterator[tuple[Known, Record | None, bool]]:
        withdrawing = Withdrawing(self.store, self.audit.clock)
        for begin in range(0, len(known), _AT_ONCE):
            some = known[begin : begin + _AT_ONCE]
            seen = await asyncio.gather(*(withdrawing.withdraw(one.call_id) for one in some))
            for one, (record, was_cancelled) in zip(some, seen, strict=True):
                yield one, record, was_cancelled
