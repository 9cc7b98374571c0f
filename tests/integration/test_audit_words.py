"""What the audit stream and the pauses say of who did something: nobody's number is among it."""

from dataclasses import replace

import pytest

from orchestrator.domain.access import Scope
from orchestrator.runtime import now
from orchestrator.service.numbering import spellings
from orchestrator.service.pausing import PauseRequest, Pausing
from orchestrator.service.webhook_models import WebhookRequest
from orchestrator.storage import api_keys, keys
from orchestrator.storage.audit import Actor
from orchestrator.storage.listing import Wanted
from orchestrator.storage.pauses import Pauses
from orchestrator.storage.search import Search
from tests.harness.owners import OPERATOR, OTHER, House

NUMBER = "+16505550177"
URL = f"https://{NUMBER[1:]}.example.com/"


@pytest.fixture
def house(owned_house: House) -> House:
    """An empty house."""
    return owned_house


def pausing(house: House) -> Pausing:
    """The pause switch of the house."""
    known = api_keys.ApiKeys(house.commands, now)
    return Pausing(Pauses(house.commands), known, house.audit, now)


async def test_a_number_in_a_name_or_a_host_is_masked_where_it_would_stay(house: House) -> None:
    # A key may have been named so before names with numbers were refused.
    known_keys = api_keys.ApiKeys(house.commands, now)
    token = await known_keys.create(api_keys.Wanted(f"Alice {NUMBER}", frozenset(Scope)))
    alice = replace(OPERATOR, owner=token.key, name=f"Alice {NUMBER}")
    switch = pausing(house)

    await house.accepts(alice)
    await house.webhooks.create(alice, WebhookRequest(url=URL))
    await switch.pause(Actor.of(alice, "rest"), PauseRequest(reason="drill"))
    await switch.pause(Actor.of(alice, "rest"), PauseRequest(key=token.key))
    await switch.pauses.begin(None, f"called {NUMBER}", "me", now())

    entries = await house.audit.newest(10)
    assert {one["actor"] for one in entries} == {"Alice +16*****0177"}
    assert {one["owner"] for one in entries} == {token.key}
    assert "165****0177.example.com" in {one["detail"] for one in entries}
    known = await switch.pauses.read()
    assert known.house is not None
    assert known.house.reason == "called +16*****0177"
    assert known.keys[token.key].by == "Alice +16*****0177"
    found = (await Search(house.commands).number(spellings(NUMBER))).keys
    assert not {keys.AUDIT, keys.PAUSED} & set(found)


async def test_a_subject_of_digits_alone_is_masked_as_a_name_and_stays_an_owner(
    house: House,
) -> None:
    subject = "oidc_123456789012345678901234"
    asker = replace(OPERATOR, owner=subject, name=subject)
    call_id = await house.accepts(replace(asker, scopes=OTHER.scopes))
    switch = pausing(house)
    await switch.pause(Actor.of(asker, "rest"), PauseRequest(key=subject))

    named = "oidc_123" + "*" * 17 + "1234"
    entries = await house.audit.newest(10)
    assert {(one["owner"], one["actor"]) for one in entries} == {(subject, named)}
    assert list((await switch.pauses.read()).keys) == [subject]
    mine = await house.calls.page(replace(asker, scopes=OTHER.scopes), Wanted(), 10, None)
    assert [one.id for one in mine.calls] == [call_id]
