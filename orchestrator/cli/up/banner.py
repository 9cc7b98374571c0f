"""What `ringout up` says once everything runs."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from orchestrator.cli.up.plan import CALLBACK_SECRET, TARGETS, Plan

_RING_OUT = "/v1/restapi/v1-0/account/~/extension/~/ring-out"
_CALLER, _CALLEE = "+16505550100", "+16505550123"
_YOURS, _THEIRS = "YOUR NUMBER", "THEIR NUMBER"
_USUAL = {"RINGOUT_REST_PORT": "8080", "RINGOUT_MCP_PORT": "9090"}


def text(plan: Plan, redis_url: str) -> str:
    """Where everything is, and lines to paste that place a call, watch it and check it all."""
    simulated = f"simulated, at {plan.simulator.url}" if plan.simulator else "as configured"
    redis = f"{redis_url}  (embedded: forgets everything)" if plan.embedded else "as configured"
    real = "" if plan.simulator else " (with two phone numbers, such as +1...)"
    return f"""
Everything is up.

  REST         {plan.rest.url}
  MCP          {plan.mcp.url}/mcp
  RingCentral  {simulated}
  Redis        {redis}{_webhooks(plan)}
  Rings        {", ".join(sorted(plan.settings.allowed_regions))}  (RINGOUT_REGIONS)

Paste this into another terminal to place a call{real}:

  {_curl(plan)}

this to watch it:

  {_ringout("watch", _unusual(plan))}

and this to check that all is well:

  {_ringout("doctor", _unusual(plan) | _made_up(plan, redis_url))}

Ctrl-C ends everything.
"""


def _webhooks(plan: Plan) -> str:
    """Where webhooks may go, where that was decided for trying."""
    if plan.simulator is None or plan.environment[TARGETS] != "any":
        return ""
    secret = plan.environment[CALLBACK_SECRET]
    told = f"; a call's callbackUrl is signed with {secret}" if plan.made_secret else ""
    return f"\n  Webhooks     also to this machine{told}"


def _curl(plan: Plan) -> str:
    caller, callee = (_CALLER, _CALLEE) if plan.simulator else (_YOURS, _THEIRS)
    body = f'{{"from":{{"phoneNumber":"{caller}"}},"to":{{"phoneNumber":"{callee}"}}}}'
    url = f"{plan.rest.url}{_RING_OUT}"
    return f"curl -s '{url}' -H 'Content-Type: application/json' -d '{body}'"


def _ringout(command: str, environment: Mapping[str, str]) -> str:
    program = shlex.quote(str(Path(sys.executable).with_name("ringout")))
    words = [f"{name}={shlex.quote(value)}" for name, value in environment.items()]
    return " ".join([*words, program, command])


def _unusual(plan: Plan) -> dict[str, str]:
    return {
        name: plan.environment[name]
        for name, usual in _USUAL.items()
        if plan.environment[name] != usual
    }


def _made_up(plan: Plan, redis_url: str) -> dict[str, str]:
    """What the processes were given and the reader's terminal does not have."""
    simulated = ("RC_SERVER_URL", "RINGCENTRAL_API_KEY") if plan.simulator else ()
    redis = {"REDIS_URL": redis_url} if plan.embedded else {}
    return redis | {name: plan.environment[name] for name in simulated}
