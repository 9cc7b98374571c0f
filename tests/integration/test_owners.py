"""What one key has made is not there for another: not to see, cancel, redeliver or hear of."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from orchestrator.domain.access import HOUSE, Principal, Scope
from orchestrator.domain.errors import (
    CallNotFound,
    DeliveryNotFound,
    InsufficientScope,
    RingOutError,
    Unauthenticated,
    WebhookDisabled,
    WebhookNotFound,
)
from orchestrator.domain.words import State
from orchestrator.runtime import now
from orchestrator.service.models import parsed
from orchestrator.service.webhook_models import (
    Redelivery,
    SecretRotation,
    WebhookChange,
    WebhookRequest,
)
from orchestrator.service.wishes import Wish
from orchestrator.storage import api_keys, audit, delivery_keys, keys
from orchestrator.storage.delivery_list import Sought
from orchestrator.storage.listing import Wanted, cursor_at, position_of
from tests.harness.owners import ONE, OPERATOR, OTHER, REFERENCE, URL, House
from tests.harness.waiting import wait_until

SINCE = Redelivery(since="2020-01-01T00:00:00Z")


@dataclass(frozen=True)
class Ids:
    """One of each kind."""

    call: str
    ringout: str
    webhook: str
    delivery: str
    callback: str


UNKNOWN = Ids("call_" + "0" * 32, "s-9", "wh_" + "0" * 32, "dlv_" + "0" * 32, "dlv_" + "1" * 32)


@pytest.fixture
def house(owned_house: House) -> House:
    """An empty house."""
    return owned_house


@pytest.fixture
async def ids(house: House) -> Ids:
    """What ONE has made."""
    webhook = await house.webhook(ONE)
    async with house.dispatched():
        call = await house.accepts(ONE, callbackUrl="https://example.com/call")

        async def are_written() -> bool:
            return len(await house.deliveries(ONE)) == 2

        await wait_until(are_written)
    await house.rings(call, "s-1")
    page = await house.webhooks.page(ONE, Sought(), 200, None)
    known = {one["webhook"]: one["id"] for one in page.deliveries}
    return Ids(call, "s-1", webhook, known[webhook], known[None])


Act = Callable[[House, Principal, Ids], Awaitable[Any]]
ACTS: dict[str, tuple[Act, type[RingOutError]]] = {
    "read": (lambda h, a, i: h.calls.read(a, "~", "~", i.call), CallNotFound),
    "read anew": (lambda h, a, i: h.calls.read(a, "~", "~", i.call, fresh=True), CallNotFound),
    "read elsewhere": (lambda h, a, i: h.calls.read(a, "1", "2", i.call), CallNotFound),
    "read by ring-out": (lambda h, a, i: h.calls.read(a, "~", "~", i.ringout), CallNotFound),
    "known": (lambda h, a, i: h.calls.known(a, "~", "~", i.call), CallNotFound),
    "known by ring-out": (lambda h, a, i: h.calls.known(a, "~", "~", i.ringout), CallNotFound),
    "cancel": (lambda h, a, i: h.calls.cancel(a, "~", "~", i.call), CallNotFound),
    "cancel by ring-out": (lambda h, a, i: h.calls.cancel(a, "~", "~", i.ringout), CallNotFound),
    "webhook": (lambda h, a, i: h.webhooks.get(a, i.webhook), WebhookNotFound),
    "change": (
        lambda h, a, i: h.webhooks.change(a, i.webhook, WebhookChange(enabled=False)),
        WebhookNotFound,
    ),
    "change to a bad URL": (
        lambda h, a, i: h.webhooks.change(a, i.webhook, WebhookChange(url="http://127.0.0.1/")),
        WebhookNotFound,
    ),
    "rotate": (
        lambda h, a, i: h.webhooks.rotate(a, i.webhook, SecretRotation()),
        WebhookNotFound,
    ),
    "test": (lambda h, a, i: h.webhooks.test(a, i.webhook), WebhookNotFound),
    "delete": (lambda h, a, i: h.webhooks.delete(a, i.webhook), WebhookNotFound),
    "redeliver since": (
        lambda h, a, i: h.webhooks.redeliver_since(a, i.webhook, SINCE),
        WebhookNotFound,
    ),
    "deliveries of": (
        lambda h, a, i: h.webhooks.page(a, Sought(None, i.webhook), 9, None),
        WebhookNotFound,
    ),
    "delivery": (lambda h, a, i: h.webhooks.delivery(a, i.delivery), DeliveryNotFound),
    "redeliver": (lambda h, a, i: h.webhooks.redeliver(a, i.delivery), DeliveryNotFound),
    "callback": (lambda h, a, i: h.webhooks.delivery(a, i.callback), DeliveryNotFound),
    "redeliver callback": (
        lambda h, a, i: h.webhooks.redeliver(a, i.callback),
        DeliveryNotFound,
    ),
}


async def test_a_key_that_is_revoked_makes_no_call_that_was_let_in_before(house: House) -> None:
    known = api_keys.ApiKeys(house.commands, now)
    token = await known.create(api_keys.Wanted("a key", ONE.scopes))
    asker = replace(ONE, owner=token.key)
    await house.accepts(asker)
    await known.revoke(token.key)
    before = await _everything(house)
    with pytest.raises(Unauthenticated):
        await house.accepts(asker)
    assert await _everything(house) == before


async def _said(act: Act, house: House, asker: Principal, ids: Ids) -> tuple[type, str]:
    with pytest.raises(RingOutError) as raised:
        await act(house, asker, ids)
    return type(raised.value), str(raised.value)


async def _everything(house: House) -> dict[bytes, bytes | None]:
    redis = house.commands.redis
    names = [name for name in await redis.keys("*") if not name.endswith(b"dispatch:lease")]
    return {name: await redis.dump(name) for name in names}


@pytest.mark.parametrize("name", ACTS)
async def test_what_is_another_s_is_answered_as_what_never_was(
    house: House, ids: Ids, name: str
) -> None:
    act, error = ACTS[name]
    before = await _everything(house)
    refused = await _said(act, house, OTHER, ids)
    assert refused == await _said(act, house, OTHER, UNKNOWN)
    assert refused[0] is error
    assert await _everything(house) == before


@pytest.mark.parametrize("name", ACTS)
async def test_it_costs_redis_as_much_to_say_so(house: House, ids: Ids, name: str) -> None:
    """Else the time of the answer would tell."""
    redis = house.commands.redis

    async def reads(which: Ids) -> dict[str, int]:
        before = await redis.info("commandstats")
        await _said(ACTS[name][0], house, OTHER, which)
        after = await redis.info("commandstats")
        asked = {kind: one["calls"] for kind, one in after.items()}
        spent = {
            kind: calls - before.get(kind, {"calls": 0})["calls"] for kind, calls in asked.items()
        }
        return {kind: calls for kind, calls in spent.items() if calls and "info" not in kind}

    assert await reads(ids) == await reads(UNKNOWN) != {}


@pytest.mark.parametrize("name", [one for one in ACTS if "bad" not in one])
@pytest.mark.parametrize("asker", [ONE, OPERATOR], ids=lambda one: one.name)
async def test_its_owner_may_and_who_runs_the_house(
    house: House, ids: Ids, asker: Principal, name: str
) -> None:
    elsewhere = {"read elsewhere", "read anew"}
    if name not in elsewhere:
        await ACTS[name][0](house, asker, ids)


async def test_lists_hold_one_s_own(house: House, ids: Ids) -> None:
    own = await house.accepts(OTHER)
    every = {ids.call, own}
    for wanted in (
        Wanted(),
        Wanted(client_reference=REFERENCE),
        Wanted(account_id="~"),
        Wanted(extension_id="~", since=0, until=now() + 60_000),
    ):
        for asker, seen in ((ONE, {ids.call}), (OTHER, {own}), (OPERATOR, every), (HOUSE, every)):
            page = await house.calls.page(asker, wanted, 50, None)
            assert {one.id for one in page.calls} == seen
    await house.accepts(OTHER, clientReference="another")
    page = await house.calls.page(OTHER, Wanted(client_reference=REFERENCE), 50, None)
    assert [one.id for one in page.calls] == [own]
    ringing = await house.calls.page(OTHER, Wanted(state=State.RINGING), 50, None)
    assert (ringing.calls, ringing.cursor) == ([], None)
    assert await house.deliveries(OTHER) == set()
    assert await house.deliveries(OTHER, state="pending") == set()
    assert await house.webhooks.all(OTHER) == []
    assert [one.id for one in await house.webhooks.all(OPERATOR)] == [ids.webhook]
    mine = {(ids.webhook, ids.call), (None, ids.call)}
    for asker in (ONE, OPERATOR):
        assert await house.deliveries(asker, state="pending") == mine


async def test_an_asker_cannot_ask_for_another_s_list(house: House, ids: Ids) -> None:
    page = await house.calls.page(OTHER, Wanted(owner=ONE.owner), 50, None)
    assert page.calls == []
    assert await house.deliveries(OTHER, owner=ONE.owner) == set()


async def test_no_cursor_tells_of_what_is_another_s(house: House, ids: Ids) -> None:
    """A page ends after so many calls that do not meet its filters; they must be one's own."""
    names = {f"call_{number:032x}": now() for number in range(2_500)}
    await house.commands.redis.zadd(keys.reference(REFERENCE), names)
    await house.commands.redis.zadd(delivery_keys.DELIVERIES, names)
    await house.commands.redis.zadd(delivery_keys.PENDING, names)
    page = await house.calls.page(OTHER, Wanted(client_reference=REFERENCE), 50, None)
    assert (page.calls, page.cursor) == ([], None)
    for state in (None, "pending"):
        told = await house.webhooks.page(OTHER, Sought(state), 50, None)
        assert (told.deliveries, told.cursor) == ([], None)
    own = [await house.accepts(OTHER) for _ in range(3)]
    cursor, seen = None, []
    while True:
        page = await house.calls.page(OTHER, Wanted(client_reference=REFERENCE), 1, cursor)
        seen += [one.id for one in page.calls]
        if page.cursor is None:
            break
        cursor = page.cursor
        assert position_of(cursor)[1] in own
    assert seen == own[::-1]


async def test_a_cursor_of_another_s_page_is_a_place_and_nothing_else(
    house: House, ids: Ids
) -> None:
    await house.accepts(ONE)
    theirs = (await house.calls.page(ONE, Wanted(), 1, None)).cursor
    assert theirs is not None
    score, _ = position_of(theirs)
    made_up = cursor_at(score, UNKNOWN.call)
    for cursor in (theirs, made_up):
        page = await house.calls.page(OTHER, Wanted(), 1, cursor)
        assert (page.calls, page.cursor) == ([], None)
    of_deliveries = (await house.webhooks.page(ONE, Sought(), 1, None)).cursor
    told = await house.webhooks.page(OTHER, Sought(), 1, of_deliveries)
    assert (told.deliveries, told.cursor) == ([], None)


async def test_an_idempotency_key_is_one_owner_s(house: House) -> None:
    body = {"from": {"phoneNumber": "+16505550100"}, "to": {"phoneNumber": "+16505550123"}}
    made = []
    for asker in (ONE, OTHER, HOUSE):
        for _ in range(2):
            accepted = await house.calls.accept(
                asker, Wish(parsed(body), idempotency_key="the same")
            )
            made.append((accepted.snapshot.id, accepted.replayed))
    assert [replayed for _, replayed in made] == [False, True] * 3
    assert len({call_id for call_id, _ in made}) == 3


async def test_a_webhook_is_told_of_its_owner_s_calls(house: House) -> None:
    hooks = {asker: await house.webhook(asker) for asker in (ONE, OTHER, OPERATOR, HOUSE)}
    told = {asker: hooks[asker] for asker in (ONE, OTHER)}
    wide = (hooks[OPERATOR], hooks[HOUSE])
    async with house.dispatched():
        made = {asker: await house.accepts(asker) for asker in (ONE, OTHER, OPERATOR, HOUSE)}
        wanted = {(hook, call) for hook in wide for call in made.values()}
        wanted |= {(hook, made[asker]) for asker, hook in told.items()}

        async def all_told() -> bool:
            return len(await house.deliveries(OPERATOR)) >= len(wanted)

        await wait_until(all_told)
    assert await house.deliveries(OPERATOR) == wanted
    for asker, hook in told.items():
        assert await house.deliveries(asker) == {(hook, made[asker])}


async def test_a_key_that_is_no_more_is_told_nothing(house: House, ids: Ids) -> None:
    stays = await house.webhook(OTHER)
    store = house.webhooks.webhooks
    assert await store.disable_of(ONE.owner, "key_revoked", "Its key was revoked.", now()) == 1
    assert await store.disable_of(ONE.owner, "key_revoked", "Its key was revoked.", now()) == 0
    disabled = (await store.get(ids.webhook)).disabled
    assert disabled is not None
    assert disabled.code == "key_revoked"
    assert (await store.get(stays)).disabled is None
    with pytest.raises(WebhookDisabled):
        await house.webhooks.redeliver(OPERATOR, ids.delivery)
    async with house.dispatched():
        call = await house.accepts(ONE)
        sign = await house.accepts(OTHER)

        async def is_passed() -> bool:
            return (stays, sign) in await house.deliveries(OTHER)

        await wait_until(is_passed)
    assert (ids.webhook, call) not in await house.deliveries(OPERATOR)


async def test_who_did_what_is_written_down(house: House, ids: Ids) -> None:
    done = ("cancel", "rotate", "test", "redeliver callback", "change", "read", "deliveries of")
    enabled = WebhookChange(enabled=True)
    for name in done:
        await ACTS[name][0](house, ONE, ids)
    await house.webhooks.change(OPERATOR, ids.webhook, enabled)
    for name in ("redeliver", "redeliver since", "delete"):
        await ACTS[name][0](house, OPERATOR, ids)
    one = [action for owner, action in await house.actions() if owner == ONE.owner]
    assert [action for action in one if action != audit.ACCEPTED] == [
        audit.WEBHOOK_CREATED,
        audit.CANCELLED,
        audit.WEBHOOK_CHANGED,
        audit.REDELIVERED,
        audit.WEBHOOK_CHANGED,
    ]
    operator = [action for owner, action in await house.actions() if owner == OPERATOR.owner]
    assert operator == [
        audit.WEBHOOK_CHANGED,
        audit.REDELIVERED,
        audit.REDELIVERED,
        audit.WEBHOOK_DELETED,
    ]


async def test_a_call_that_is_over_is_not_cancelled_in_the_books(house: House) -> None:
    call = await house.accepts(ONE)
    for _ in range(2):
        await house.calls.cancel(ONE, "~", "~", call)
    assert (await house.actions()).count((ONE.owner, audit.CANCELLED)) == 1


@pytest.mark.parametrize("name", [*ACTS, "create", "all", "page"])
async def test_each_act_needs_its_right(house: House, ids: Ids, name: str) -> None:
    more: dict[str, Act] = {
        "create": lambda h, a, _: h.webhooks.create(a, WebhookRequest(url=URL)),
        "all": lambda h, a, _: h.webhooks.all(a),
        "page": lambda h, a, _: h.webhooks.page(a, Sought(), 9, None),
    }
    act = more[name] if name in more else ACTS[name][0]
    needed = Scope.WEBHOOKS
    if name.startswith(("read", "known", "cancel")):
        needed = Scope.CANCEL if name.startswith("cancel") else Scope.READ
    before = await _everything(house)
    with pytest.raises(InsufficientScope, match=needed):
        await act(house, replace(ONE, scopes=ONE.scopes - {needed}), ids)
    assert await _everything(house) == before


async def test_the_index_of_an_owner_forgets_what_is_not_kept(house: House, ids: Ids) -> None:
    index = delivery_keys.of_owner(ONE.owner)
    await house.commands.redis.delete(delivery_keys.delivery(ids.callback))
    await house.accepts(ONE)
    async with house.dispatched():

        async def is_pruned() -> bool:
            kept = await house.commands.redis.zrange(index, 0, -1)
            return len(kept) >= 2 and ids.callback.encode() not in kept

        await wait_until(is_pruned)
    await house.webhooks.delete(ONE, ids.webhook)
    left = [name.decode() for name in await house.commands.redis.zrange(index, 0, -1)]
    assert left
    for name in left:
        assert (await house.webhooks.delivery(ONE, name))["webhook"] is None
