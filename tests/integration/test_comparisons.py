"""What is shown is compared with what is kept in constant time: unknown keys as well."""

import hmac
from collections.abc import Callable
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from orchestrator.domain.tokens import Kind, Token
from orchestrator.runtime import now
from orchestrator.service.gate import Gatekeeper
from orchestrator.storage.connection import WORKER, Commands
from tests.harness.api_keys import made

HEX_DIGITS = 64
"""Of a SHA-256, of which nobody can choose a part: not even the length tells of a secret."""


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The lengths of what was compared in constant time."""
    found: list[tuple[int, int]] = []
    compare: Callable[[str, str], bool] = hmac.compare_digest

    def noting(kept: str, shown: str) -> bool:
        found.append((len(kept), len(shown)))
        return compare(kept, shown)

    monkeypatch.setattr(hmac, "compare_digest", noting)
    return found


@pytest.fixture
def commands(redis: Redis) -> Commands:
    return Commands(redis, WORKER)


@pytest.fixture
def gate(commands: Commands) -> Gatekeeper:
    return Gatekeeper.over(commands, now, may_open=True, most_failures=3)


async def test_a_wrong_secret_and_an_unknown_key_cost_what_the_right_one_does(
    commands: Commands, gate: Gatekeeper, compared: list[tuple[int, int]]
) -> None:
    right, revoked = await made(commands), await made(commands)
    await gate.keys.revoke(revoked.key)
    wrong = Token(Kind.KEY, right.key, revoked.secret)
    nobody = Token(Kind.KEY, "0" * len(right.key), right.secret)
    for token, serves in ((right, True), (wrong, False), (nobody, False), (revoked, False)):
        compared.clear()
        assert (await gate.by_token(token) is not None) == serves
        assert compared == [(HEX_DIGITS, HEX_DIGITS)], token.kind


@pytest.mark.parametrize("kind", [Kind.ACCESS, Kind.SESSION])
async def test_so_do_tokens_that_were_given_out(
    commands: Commands, gate: Gatekeeper, compared: list[tuple[int, int]], kind: Kind
) -> None:
    key = await made(commands)
    if kind is Kind.ACCESS:
        given = (await gate.grants.pair(key.key, key.digest)).access
    else:
        given = await gate.grants.session(key.key, key.digest)
    for token, serves in ((given, True), (replace(given, secret=key.secret), False)):
        compared.clear()
        assert (await gate.by_token(token) is not None) == serves
        assert compared[0] == (HEX_DIGITS, HEX_DIGITS)
