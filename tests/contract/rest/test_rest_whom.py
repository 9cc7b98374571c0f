"""Whom REST lets be rung: what is refused names its policy and its field, and leaves no trace."""

from typing import Any

import pytest

from orchestrator.domain.access import HOUSE, Principal, Scope
from orchestrator.domain.errors import RefusedByPolicy
from orchestrator.service.models import parsed
from orchestrator.service.wishes import Wish
from tests.contract.rest.conftest import PATHS, Rest
from tests.harness.hostile import NUMBERS

OK = "+16505550100"


def _body(leg: str, number: str) -> dict[str, Any]:
    ends = {"from": {"phoneNumber": OK}, "to": {"phoneNumber": "+16505550123"}}
    return {**ends, leg: {"phoneNumber": number}}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("leg", ["from", "to"])
@pytest.mark.parametrize(("number", "policy"), NUMBERS.items())
async def test_a_hostile_number_is_refused(
    rest: Rest, path: str, leg: str, number: str, policy: str
) -> None:
    answer = await rest.place(_body(leg, number), path)

    problem = answer.json
    assert answer.status == 422
    assert [one["field"] for one in problem["errors"]] == [f"{leg}.phoneNumber"]
    assert problem.get("policy", "") == policy
    assert problem["code"] == ("refused_by_policy" if policy else "invalid_field")
    digits = "".join(char for char in number if char.isdecimal())
    assert len(digits) < 7 or digits not in answer.raw.decode()
    assert await rest.front.backend.commands.redis.dbsize() == 0


@pytest.mark.parametrize(
    ("caller", "field"),
    [
        ({"phoneNumber": OK}, None),
        ({"forwardingNumberId": "42"}, None),
        ({"phoneNumber": "+16505550101"}, "from.phoneNumber"),
        ({"forwardingNumberId": "43"}, "from.forwardingNumberId"),
        (None, "from"),
    ],
)
async def test_a_key_rings_its_own_callers_first(
    rest: Rest, caller: dict[str, str] | None, field: str | None
) -> None:
    service = rest.front.service
    digests = service.accepting.whom.digests
    asker = Principal(
        owner="k",
        name="k",
        scopes=frozenset({Scope.CREATE}),
        callers=frozenset({await digests.of(OK)}),
        forwarding_numbers=frozenset({"42"}),
    )
    wish = parsed({"to": {"phoneNumber": "+16505550123"}} | ({"from": caller} if caller else {}))

    if field is None:
        await service.accept(asker, Wish(wish))
        return
    with pytest.raises(RefusedByPolicy) as refusal:
        await service.accept(asker, Wish(wish))
    assert (refusal.value.policy, refusal.value.field) == ("caller.not_allowed", field)
    await service.accept(HOUSE, Wish(wish))
