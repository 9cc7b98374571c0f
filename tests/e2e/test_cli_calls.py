"""The commands a person uses, against running processes."""

import json
import re
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.harness.processes import Fleet, Process
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

CALLER = "+16505550100"
HAPPY, BUSY, FOREVER = "+16505550123", "+16505550110", "+16505550126"
PATIENCE_S = 30.0


class CommandLine:
    """Runs `ringout` commands against one REST process."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def start(self, *arguments: str, **more: str) -> Process:
        """A command that goes on."""
        return self._fleet.command(*arguments, **more)

    def run(self, *arguments: str, **more: str) -> tuple[int, list[str], list[str]]:
        """The exit code of a command that ends, and what it said on stdout and stderr."""
        process = self.start(*arguments, **more)
        process._process.wait(PATIENCE_S)
        return process.terminate(), process.lines, process.errors

    def call(self, to: str, *more: str) -> dict[str, Any]:
        """A call that was placed from the command line."""
        code, lines, errors = self.run("call", to, "--from", CALLER, "--json", *more)
        assert code == 0, errors
        return dict(json.loads(lines[0]))


@pytest.fixture
def ringout(fleet: Fleet, simulated: Simulated) -> CommandLine:
    """A command line beside REST, a worker and a simulator."""
    rest = fleet.command("rest", RINGOUT_REST_PORT="0")
    url = rest.line_with("rest listening on").rsplit(" ", 1)[1]
    fleet.environment["RINGOUT_PUBLIC_URL"] = url
    fleet.worker()
    return CommandLine(fleet)


def test_a_call_is_followed_to_its_end(ringout: CommandLine) -> None:
    code, lines, errors = ringout.run("call", HAPPY, "--from", CALLER, "--wait")
    assert (code, errors) == (0, [])
    states = [line.split()[1] for line in lines]
    assert states[0] in ("queued", "placing", "ringing")
    assert "connected" in states
    assert lines[-1].split()[1:3] == ["ended:", "completed"]


def test_a_call_that_is_not_completed_is_a_failure(ringout: CommandLine) -> None:
    code, lines, errors = ringout.run("call", BUSY, "--from", CALLER, "--wait", "--json")
    assert (code, errors) == (1, [])
    assert json.loads(lines[0])["outcome"] == "busy"


async def test_who_waits_is_told_which_call_was_lost(ringout: CommandLine, redis_url: str) -> None:
    waiting = ringout.start("call", FOREVER, "--from", CALLER, "--wait")
    await wait_until(lambda: any("connected" in line for line in waiting.lines))
    async with Redis.from_url(redis_url) as redis:
        ((call_id, _),) = await redis.zrange("ringout:v1:{ringout}:calls", 0, -1, withscores=True)
        await redis.flushdb()
    await wait_until(lambda: waiting.code is not None, PATIENCE_S)
    assert waiting.code == 1
    assert waiting.errors[0].startswith(f"ringout: {call_id.decode()} goes on: ")


def test_a_key_makes_one_call(ringout: CommandLine) -> None:
    options = ("--key", 'the "first"', "--reference", "order 7")
    first, again = ringout.call(HAPPY, *options), ringout.call(HAPPY, *options)
    assert first["id"] == again["id"]
    assert first["clientReference"] == "order 7"


async def test_a_call_can_be_shown_and_cancelled(
    ringout: CommandLine, simulated: Simulated
) -> None:
    await simulated.tune(leg1_ring=600.0)
    call_id = ringout.call(FOREVER)["id"]
    code, lines, _ = ringout.run("cancel", call_id)
    assert code == 0
    assert lines[0] == f"{call_id}  ended: cancelled"
    code, lines, _ = ringout.run("status", call_id, "--json")
    assert code == 0
    assert json.loads(lines[0])["cancel"]["outcome"] == "cancelled"
    code, _, _ = ringout.run("cancel", call_id)
    assert code == 0


async def test_a_connected_call_is_too_late_to_cancel(ringout: CommandLine) -> None:
    call_id = ringout.call(FOREVER)["id"]
    await wait_until(lambda: "connected" in ringout.run("status", call_id)[1][0])
    code, lines, _ = ringout.run("cancel", call_id)
    assert code == 1
    assert "  cancel     too_late" in lines


async def test_all_calls_are_watched_a_line_a_change(ringout: CommandLine) -> None:
    watching = ringout.start("watch")
    call_id = ringout.call(BUSY)["id"]
    line = watching.line_with("ended: busy")
    assert line.startswith(f"{call_id}  +16*****0100 -> +16*****0110  ")
    one = ringout.start("watch", call_id, "--json")
    assert json.loads(one.line_with(call_id))["outcome"] == "busy"


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (("call", "12"), 2, r"to\.phoneNumber: must be a phone number in E\.164 form.*"),
        (("status", "no-such-call"), 1, "There is no such call.*"),
        (("cancel", "call_0"), 1, "There is no such call.*"),
        (("call",), 2, "Missing argument 'TO'.*"),
        (("call", HAPPY, "--fro", "x"), 2, "No such option: --fro.*"),
        (("dial",), 2, "No such command 'dial'.*"),
        ((), 2, "which command.*"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    ringout: CommandLine, arguments: tuple[str, ...], code: int, reason: str
) -> None:
    ended, lines, errors = ringout.run(*arguments)
    assert (ended, lines, len(errors)) == (code, [], 1)
    assert re.fullmatch(f"ringout: {reason}", errors[0])


def test_rest_that_is_not_there_is_said_with_what_to_do(fleet: Fleet) -> None:
    ringout = CommandLine(fleet)
    code, _, errors = ringout.run("status", "x", RINGOUT_PUBLIC_URL="http://127.0.0.1:1")
    assert code == 1
    (line,) = errors
    assert line.startswith("ringout: REST does not answer at http://127.0.0.1:1 ")
    assert "RINGOUT_PUBLIC_URL" in line


def _verdicts(lines: list[str]) -> dict[str, str]:
    return {finding["about"]: finding["verdict"] for finding in json.loads("\n".join(lines))}


def test_doctor_finds_a_running_system_well(ringout: CommandLine, fleet: Fleet) -> None:
    mcp = fleet.command("mcp", RINGOUT_MCP_PORT="0")
    port = mcp.line_with("mcp listening on").rsplit(":", 1)[1].split("/")[0]
    code, lines, errors = ringout.run("doctor", "--json", RINGOUT_MCP_PORT=port)
    assert (code, errors) == (0, [])
    assert set(_verdicts(lines).values()) == {"ok"}
    assert list(_verdicts(lines)) == [
        "settings",
        "redis",
        "memory",
        "eviction",
        "persistence",
        "redis clock",
        "ringcentral",
        "clock",
        "credential",
        "permissions",
        "extension",
        "caller-id",
        "phones",
        "rest",
        "mcp",
        "workers",
    ]


@pytest.mark.parametrize(
    ("broken", "verdicts"),
    [
        ({"REDIS_URL": "redis://127.0.0.1:1/0"}, {"redis": "fail", "credential": "warn"}),
        ({"RC_SERVER_URL": "http://127.0.0.1:1"}, {"ringcentral": "fail", "credential": "fail"}),
        ({"RINGCENTRAL_API_KEY": "wrong"}, {"credential": "fail", "ringcentral": "ok"}),
        ({"RINGCENTRAL_API_KEY": ""}, {"credential": "fail"}),
        ({"RINGOUT_MCP_PORT": "1"}, {"mcp": "fail", "rest": "ok"}),
    ],
)
def test_doctor_names_what_is_broken(
    ringout: CommandLine, broken: dict[str, str], verdicts: dict[str, str]
) -> None:
    code, lines, errors = ringout.run("doctor", "--json", **broken)
    assert (code, errors) == (1, [])
    assert verdicts.items() <= _verdicts(lines).items()


def test_doctor_says_what_to_do(ringout: CommandLine) -> None:
    code, lines, _ = ringout.run("doctor", REDIS_URL="redis://127.0.0.1:1/0")
    assert code == 1
    at = next(number for number, line in enumerate(lines) if line.startswith("fail  redis"))
    assert "-> start Redis, or set REDIS_URL" in lines[at + 1]
