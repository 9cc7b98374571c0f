"""`ringout events tail`, against running processes."""

import json
import shlex
import signal

import pytest

from tests.harness.processes import CLI, Fleet, Process
from tests.harness.redis import free_port
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

CALL = ("call", "+16505550123", "--from", "+16505550100", "--json")


@pytest.fixture
def rest(fleet: Fleet, simulated: Simulated) -> Process:
    """REST on a port that stays, and a worker."""
    port = free_port()
    fleet.environment["RINGOUT_PUBLIC_URL"] = f"http://127.0.0.1:{port}"
    fleet.environment["RINGOUT_REST_PORT"] = str(port)
    process = fleet.command("rest")
    process.line_with("rest listening on")
    fleet.worker()
    return process


async def _placed(fleet: Fleet) -> str:
    process = fleet.command(*CALL)
    await wait_until(lambda: process.code is not None)
    assert process.code == 0, process.errors
    return str(json.loads(process.lines[0])["id"])


async def _ended(process: Process, seconds: float = 20) -> int | None:
    await wait_until(lambda: process.code is not None, seconds)
    return process.code


async def test_one_call_is_told_until_it_has_ended(rest: Process, fleet: Fleet) -> None:
    call_id = await _placed(fleet)
    tail = fleet.command("events", "tail", "--call", call_id)
    assert await _ended(tail) == 0
    assert tail.lines[-1].split()[1:3] == ["call.ended", call_id]
    again = fleet.command("events", "tail", "--call", call_id, "--since", "0", "--json")
    assert await _ended(again) == 0
    told = [json.loads(line) for line in again.lines]
    assert [one["data"]["sequence"] for one in told] == list(range(1, len(told) + 1))
    assert (told[0]["type"], told[-1]["type"]) == ("call.queued", "call.ended")
    assert rest.code is None


async def test_all_are_told_across_a_restart_of_rest(rest: Process, fleet: Fleet) -> None:
    tail = fleet.command("events", "tail", "--type", "call.ended", "--since", "0", "--json")
    first = await _placed(fleet)
    await wait_until(lambda: len(tail.lines) == 1)
    assert rest.terminate() == 0
    rest = fleet.command("rest")
    rest.line_with("rest listening on")
    second = await _placed(fleet)
    await wait_until(lambda: len(tail.lines) == 2, 20)
    told = [json.loads(line) for line in tail.lines]
    assert [one["data"]["id"] for one in told] == [first, second]
    assert {one["type"] for one in told} == {"call.ended"}
    tail.send(signal.SIGINT)
    assert await _ended(tail) == 0


@pytest.mark.parametrize(
    ("options", "code"),
    [(("--type", "x"), 2), (("--since", "x"), 2), (("--call", "call_none"), 1)],
    ids=["type", "id", "call"],
)
async def test_what_is_not_understood_ends_with_one_line(
    rest: Process, fleet: Fleet, options: tuple[str, ...], code: int
) -> None:
    tail = fleet.command("events", "tail", *options)
    assert await _ended(tail) == code
    assert len(tail.errors) == 1
    assert rest.code is None


async def test_nobody_there_is_a_failure(fleet: Fleet) -> None:
    tail = fleet.command("events", "tail", RINGOUT_PUBLIC_URL=f"http://127.0.0.1:{free_port()}")
    assert await _ended(tail) == 1
    assert "REST does not answer" in tail.errors[0]


@pytest.mark.parametrize("command", [("events", "tail", "--since", "0"), ("watch",)], ids=str)
async def test_a_reader_that_has_enough_ends_it_without_a_word(
    rest: Process, fleet: Fleet, command: tuple[str, ...]
) -> None:
    await _placed(fleet)
    words = " ".join(shlex.quote(word) for word in [*CLI, *command])
    piped = fleet.run(["sh", "-c", f"({words}; echo $? >&2) | head -n 1"])
    await wait_until(lambda: piped.lines)
    await _placed(fleet)
    assert await _ended(piped) == 0
    assert piped.errors == ["1"]
