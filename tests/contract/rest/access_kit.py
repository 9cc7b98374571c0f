"""Keys for REST, and a request that shows one."""

from typing import Any

from orchestrator.domain.access import Scope
from orchestrator.domain.tokens import Token
from orchestrator.runtime import now
from orchestrator.storage.api_keys import ApiKeys
from tests.contract.rest.conftest import Rest
from tests.contract.rest.documented import Answer
from tests.harness.api_keys import bearer, made

CALLS = "/v1/calls"
CREATE, READ = Scope.CREATE, Scope.READ


async def key_of(rest: Rest, *scopes: Scope, **more: Any) -> Token:
    commands = rest.front.backend.commands
    return await (made(commands, scopes, **more) if scopes else made(commands, **more))


def keys_of(rest: Rest) -> ApiKeys:
    return ApiKeys(rest.front.backend.commands, now)


async def listed(rest: Rest, text: str) -> Answer:
    return await rest.ask("GET", CALLS, headers=bearer(text))
