"""What the command line decides without a process: texts, plans, facts."""

import json
import subprocess
import sys
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from orchestrator.cli import shown
from orchestrator.cli.addresses import Address
from orchestrator.cli.ending import Ended
from orchestrator.cli.live import _legs, board
from orchestrator.cli.up import banner
from orchestrator.cli.up.plan import planned
from orchestrator.cli.up.watchdog import _facts
from orchestrator.delivery.signing import is_secret, new_secret
from orchestrator.domain.calls import Call, Endpoint
from orchestrator.domain.documents import document
from orchestrator.domain.words import Outcome, State

ANY = {"RINGOUT_REST_PORT": "0", "RINGOUT_MCP_PORT": "0", "RINGOUT_SIMULATOR_PORT": "0"}
AT = 1_795_500_000_000


def _call(**fields: Any) -> dict[str, Any]:
    made = Call(
        id="call_1",
        uri="http://127.0.0.1/call_1",
        account_id="~",
        extension_id="~",
        accepted_at=AT,
        expires_at=AT + 60_000,
        **fields,
    )
    return document(made)


def test_a_call_is_shown_without_what_is_not_known() -> None:
    text = shown.details(_call(to=Endpoint.shown("+16505550123")))
    assert [line.split()[0] for line in text.splitlines()] == [
        "call_1",
        "caller",
        "callee",
        "times",
    ]
    assert "+16*****0123  InProgress" in text


def test_a_call_that_ended_shows_how() -> None:
    call = _call(state=State.ENDED, outcome=Outcome.NO_ANSWER, ended_at=AT)
    assert shown.details(call).splitlines()[0] == "call_1  ended: no_answer"
    assert "ended: no_answer" in shown.progress(call)


def test_a_caller_may_be_a_forwarding_number() -> None:
    call = _call(from_=Endpoint(None, "77"), to=Endpoint.shown("+16505550123"))
    assert "forwarding number 77 -> +16*****0123" in shown.line(call)


def test_calls_are_shown_as_a_table() -> None:
    calls = [_call(to=Endpoint.shown("+16505550123")), _call(state=State.RINGING)]
    written = Console(width=160, file=StringIO())
    written.print(board(calls, 2, "", 160))
    top, head, first, second = written.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert top.startswith("2 live")
    assert head.split() == ["state", "caller", "callee", "reference", "time", "call"]
    assert first.split()[0] == "queued"
    assert "+16*****0123 InProgress" in first
    assert second.split()[0] == "ringing"


@pytest.mark.parametrize("reference", ["[/x] order", "[red]order[/red]", ":smile: [link=x]y"])
def test_a_reference_is_text_and_no_markup(reference: str) -> None:
    written = Console(width=200, file=StringIO())
    written.print(board([_call(client_reference=reference)], 1, "", 200))
    assert reference in written.file.getvalue()  # type: ignore[attr-defined]


def test_the_words_of_a_followed_call_are_no_markup() -> None:
    call = _call(from_=Endpoint(None, "[/77]"), to=Endpoint.shown("+16505550123"))
    written = Console(width=200, file=StringIO())
    written.print(_legs({**call, "status": {"callerStatus": "[/x]", "calleeStatus": "[red]y"}}))
    assert "forwarding number [/77]" in written.file.getvalue()  # type: ignore[attr-defined]


def test_a_narrow_terminal_has_the_whole_id_and_less_else() -> None:
    call = {**_call(state=State.RINGING), "id": f"call_{'0' * 32}"}
    written = Console(width=80, file=StringIO())
    written.print(board([call], 1, "REST does not answer", 80))
    top, head, row = written.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert "REST does not answer" in top
    assert head.split() == ["state", "callee", "time", "call"]
    assert call["id"] in row


def test_a_plan_without_credentials_simulates_ringcentral() -> None:
    plan = planned(ANY, is_terminal=False)
    assert plan.simulator is not None
    assert plan.embedded
    assert plan.environment["RC_SERVER_URL"] == plan.simulator.url
    assert plan.environment["RINGCENTRAL_API_KEY"] == "simulator-key"
    ports = {plan.rest.port, plan.mcp.port, plan.simulator.port}
    assert len(ports) == 3
    assert 0 not in ports
    assert plan.environment["RINGOUT_REST_PORT"] == str(plan.rest.port)


@pytest.mark.parametrize(("regions", "told"), [("", "US"), ("US,GB", "GB, US")])
def test_who_starts_it_is_told_which_regions_are_rung(regions: str, told: str) -> None:
    plan = planned({**ANY, "RINGOUT_REGIONS": regions}, is_terminal=False)
    assert f"Rings        {told}  (RINGOUT_REGIONS)" in banner.text(plan, "redis://")


def test_a_simulated_plan_lets_webhooks_reach_this_machine() -> None:
    plan = planned(ANY, is_terminal=False)
    assert plan.environment["RINGOUT_WEBHOOK_TARGETS"] == "any"
    secret = plan.environment["RINGOUT_CALLBACK_SECRET"]
    assert is_secret(secret)
    assert f"signed with {secret}" in banner.text(plan, "redis://")
    again = planned(ANY, is_terminal=False)
    assert again.environment["RINGOUT_CALLBACK_SECRET"] != secret


def test_what_was_said_of_webhooks_counts() -> None:
    given = {"RINGOUT_WEBHOOK_TARGETS": "public", "RINGOUT_CALLBACK_SECRET": new_secret()}
    plan = planned({**ANY, **given}, is_terminal=False)
    assert given.items() <= plan.environment.items()
    assert "whsec_" not in banner.text(plan, "redis://")
    real = planned({**ANY, "RINGCENTRAL_API_KEY": "key"}, is_terminal=False)
    assert not given.keys() & real.environment.keys()
    assert "Webhooks" not in banner.text(real, "redis://")


def test_a_plan_with_a_key_does_not() -> None:
    given = {**ANY, "RINGCENTRAL_API_KEY": "key", "REDIS_URL": "redis://example.com"}
    plan = planned(given, is_terminal=True)
    assert plan.simulator is None
    assert not plan.embedded
    assert plan.environment["RINGCENTRAL_API_KEY"] == "key"
    assert plan.environment["RINGOUT_LOG_FORMAT"] == "console"


def test_the_same_port_twice_is_refused() -> None:
    given = {**ANY, "RINGOUT_REST_PORT": "28123", "RINGOUT_MCP_PORT": "28123"}
    with pytest.raises(Ended, match="RINGOUT_MCP_PORT"):
        planned(given, is_terminal=False)


def test_a_host_that_is_not_ours_is_refused() -> None:
    with pytest.raises(Ended, match="RINGOUT_REST_HOST"):
        planned({**ANY, "RINGOUT_REST_HOST": "192.0.2.1"}, is_terminal=False)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),  # noqa: S104 (not bound)
        ("::", "http://[::1]:80"),
    ],
)
def test_an_address_is_shown_as_it_is_reached(host: str, url: str) -> None:
    assert Address(host, 80, "X").url == url


def test_the_watchdog_knows_what_is_left() -> None:
    lines = ["started 1\n", "folder /a/b c\n", "started 2\n", "ended 1\n"]
    assert _facts(lines) == ({2}, {"/a/b c"})


@pytest.mark.parametrize(
    "module", ["orchestrator.cli", "orchestrator.cli.app", "orchestrator.cli.processes"]
)
def test_a_process_loads_no_more_than_it_is(module: str) -> None:
    code = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    heavy = {"aiohttp", "arq", "mcp", "redis", "rich.live", "uvicorn", "orchestrator.runtime"}
    assert not heavy & set(json.loads(loaded.stdout))
