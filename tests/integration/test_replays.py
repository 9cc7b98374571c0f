"""A request that is repeated with its key gets its call, whatever has been forbidden since."""

from dataclasses import replace

import pytest

from orchestrator.domain.access import HOUSE
from orchestrator.domain.errors import (
    IdempotencyKeyReused,
    InvalidRequest,
    RefusedByPolicy,
    UpstreamRefused,
)
from orchestrator.runtime import FrontEnd
from orchestrator.service.destinations import Destinations
from orchestrator.service.models import parsed
from orchestrator.service.whom import Whom
from orchestrator.service.wishes import Wish
from orchestrator.storage.credentials import CredentialBook, CredentialStore

ENDS = {"from": {"phoneNumber": "+16505550100"}, "to": {"phoneNumber": "+16505550123"}}
NOWHERE = Destinations(frozenset({"GB"}))


async def test_a_rule_that_came_later_does_not_hide_the_call(front: FrontEnd) -> None:
    accepting = front.service.accepting
    made = await accepting.accept(HOUSE, Wish(parsed(ENDS), idempotency_key="key"))
    stricter = replace(accepting, whom=Whom(NOWHERE, accepting.whom.digests))

    again = await stricter.accept(HOUSE, Wish(parsed(ENDS), idempotency_key="key"))

    assert (again.replayed, again.snapshot.id) == (True, made.snapshot.id)
    with pytest.raises(RefusedByPolicy):
        await stricter.accept(HOUSE, Wish(parsed(ENDS), idempotency_key="another key"))
    with pytest.raises(RefusedByPolicy):
        await stricter.accept(
            HOUSE, Wish(parsed(ENDS | {"clientReference": "x"}), idempotency_key="key")
        )


async def test_a_setting_or_a_credential_that_is_gone_does_not_hide_the_call(
    front: FrontEnd,
) -> None:
    targets = replace(front.service.accepting.options, callbacks="any")
    accepting = replace(front.service.accepting, options=targets)
    wish = parsed(ENDS | {"callbackUrl": "http://127.0.0.1:9/hook"})
    made = await accepting.accept(HOUSE, Wish(wish, idempotency_key="key"))
    without = replace(accepting, options=replace(targets, callbacks=None))
    nobody = CredentialBook((), CredentialStore(front.backend.commands, None))
    orphan = replace(accepting, payers=nobody)

    for later in (without, orphan):
        again = await later.accept(HOUSE, Wish(wish, idempotency_key="key"))
        assert (again.replayed, again.snapshot.id) == (True, made.snapshot.id)
    with pytest.raises(InvalidRequest):
        await without.accept(HOUSE, Wish(wish, idempotency_key="another key"))
    with pytest.raises(UpstreamRefused):
        await orphan.accept(HOUSE, Wish(wish, idempotency_key="another key"))


async def test_hours_that_have_ended_do_not_hide_the_call(front: FrontEnd) -> None:
    moment = 1_769_000_400_000  # 2026-01-21, 13:00 in UTC
    accepting = replace(front.service.accepting, clock=lambda: moment)
    hours = {"allowedHours": {"from": "12:00", "to": "13:30", "timeZone": "Etc/UTC"}}
    made = await accepting.accept(HOUSE, Wish(parsed(ENDS | hours), idempotency_key="key"))
    later = replace(accepting, clock=lambda: moment + 3_600_000)

    again = await later.accept(HOUSE, Wish(parsed(ENDS | hours), idempotency_key="key"))

    assert (again.replayed, again.snapshot.id) == (True, made.snapshot.id)
    with pytest.raises(RefusedByPolicy):
        await later.accept(HOUSE, Wish(parsed(ENDS | hours)))


async def test_what_is_said_by_default_is_the_same_wish(front: FrontEnd) -> None:
    accepting = front.service.accepting
    made = await accepting.accept(HOUSE, Wish(parsed(ENDS), idempotency_key="key"))

    again = await accepting.accept(
        HOUSE, Wish(parsed(ENDS | {"expiresIn": 60}), idempotency_key="key")
    )

    assert again.snapshot.id == made.snapshot.id
    with pytest.raises(IdempotencyKeyReused):
        await accepting.accept(HOUSE, Wish(parsed(ENDS | {"expiresIn": 61}), idempotency_key="key"))
