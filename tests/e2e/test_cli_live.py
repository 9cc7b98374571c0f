"""What the command line shows while things change, on a terminal and through restarts."""

import json
import os
import pty
import re
import signal
import subprocess
import termios
from collections.abc import AsyncIterator

import aiohttp
import pytest

from orchestrator.delivery import signing
from tests.harness.processes import CLI, ROOT, Fleet, Process
from tests.harness.proxy import proxied
from tests.harness.receiver import Receiver, receiving, status
from tests.harness.redis import free_port
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

CALLER, HAPPY, BUSY = "+16505550100", "+16505550123", "+16505550110"
PATIENCE_S = 30.0


@pytest.fixture
def rest(fleet: Fleet, simulated: Simulated) -> Process:
    """REST on a port that stays, and a worker."""
    port = free_port()
    fleet.environment |= {
        "RINGOUT_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "RINGOUT_REST_PORT": str(port),
        "RINGOUT_WEBHOOK_TARGETS": "any",
        "RINGOUT_WEBHOOK_LADDER": "0.1",
    }
    process = fleet.command("rest")
    process.line_with("rest listening on")
    fleet.worker()
    return process


async def ringout(fleet: Fleet, *arguments: str, **more: str) -> tuple[int, list[str], list[str]]:
    """The exit code of a command, and what it said on stdout and stderr."""
    process = fleet.command(*arguments, **more)
    await wait_until(lambda: process.code is not None, PATIENCE_S)
    return process.terminate(), process.lines, process.errors


class Terminal:
    """A command on a terminal of 160 columns; `text` is all it wrote, without the colours."""

    def __init__(self, fleet: Fleet, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, 160))
        given = {"COLUMNS": "160", "LINES": "24", "TERM": "xterm-256color"}
        environment = {**os.environ, **fleet.environment, **given}
        self._process = subprocess.Popen(
            [*CLI, *arguments],
            cwd=ROOT,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        os.set_blocking(self._ours, False)
        self.text = ""

    def read(self) -> str:
        """All that was written so far."""
        try:
            while more := os.read(self._ours, 65_536):
                self.text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", more.decode(errors="replace"))
        except OSError:
            return self.text
        return self.text

    @property
    def code(self) -> int | None:
        """The exit code, None while it runs."""
        return self._process.poll()

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def close(self) -> None:
        """Ends it where it still runs."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(10)
        os.close(self._ours)


async def test_a_call_is_followed_on_a_terminal(rest: Process, fleet: Fleet) -> None:
    terminal = Terminal(fleet, "call", BUSY, "--from", CALLER, "--wait")
    try:
        await wait_until(lambda: terminal.read() and terminal.code is not None, PATIENCE_S)
        assert terminal.code == 1
        shown = terminal.read()
        assert "caller +16*****0100 ◌ not answered yet" in shown
        assert "caller +16*****0100 ● answered" in shown
        assert "callee +16*****0110 ● Busy" in shown
        assert "ended: busy" in shown
    finally:
        terminal.close()


async def test_a_table_of_calls_stays_up_to_date_until_ctrl_c(rest: Process, fleet: Fleet) -> None:
    terminal = Terminal(fleet, "watch")
    try:
        await wait_until(lambda: "0 live" in terminal.read(), PATIENCE_S)
        options = ("--from", CALLER, "--reference", "order 7")
        code, lines, _ = await ringout(fleet, "call", HAPPY, *options)
        assert code == 0
        call_id = lines[0].split()[0]
        row = rf"completed +\+16\*+0100 \w+ +\+16\*+0123 \w+ +order 7 +\d:\d\d +{call_id}"
        await wait_until(lambda: re.search(row, terminal.read()), PATIENCE_S)
        terminal.interrupt()
        await wait_until(lambda: terminal.read() and terminal.code is not None)
        assert terminal.code == 0
    finally:
        terminal.close()


async def test_watching_goes_on_after_rest_was_away(rest: Process, fleet: Fleet) -> None:
    watching = fleet.command("watch")
    _, lines, _ = await ringout(fleet, "call", BUSY, "--from", CALLER)
    call_id = lines[0].split()[0]
    watching.line_with("ended: busy")
    rest.terminate()
    await wait_until(lambda: any("REST does not answer" in line for line in watching.errors))
    fleet.command("rest").line_with("rest listening on")
    _, lines, _ = await ringout(fleet, "call", HAPPY, "--from", CALLER)
    watching.line_with("ended: completed")
    ends = [line for line in watching.lines if "ended" in line]
    assert [line.split()[0] for line in ends] == [call_id, lines[0].split()[0]]
    assert len(watching.errors) == 1


async def test_every_option_of_a_call_arrives(
    rest: Process, fleet: Fleet, simulated: Simulated
) -> None:
    options = ("--caller-id", "+16505550199", "--prompt", "--expires-in", "30", "--key", "one")
    code, _, errors = await ringout(fleet, "call", HAPPY, "--from", CALLER, *options)
    assert (code, errors) == (0, [])
    await wait_until(lambda: simulated.dialled(HAPPY))
    code, _, errors = await ringout(fleet, "call", HAPPY, "--expires-in", "0")
    assert code == 2
    assert "expiresIn" in errors[0]
    code, _, errors = await ringout(fleet, "call", HAPPY, "--from", CALLER, "--key", "one")
    assert code == 2, "the same key with another wish"
    assert "Idempotency-Key" in errors[0]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver that says no."""
    async with receiving() as running:
        running.answer = status(500)
        yield running


async def test_a_webhook_from_its_beginning_to_its_end(
    rest: Process, fleet: Fleet, receiver: Receiver
) -> None:
    wish = ("webhooks", "add", receiver.url, "--event", "call.queued", "--description", "the shop")
    code, lines, errors = await ringout(fleet, *wish)
    assert (code, errors) == (0, [])
    webhook = lines[0].split()[0]
    assert lines[0] == f"{webhook}  enabled  {receiver.url}"
    assert lines[-1].startswith("  secret     whsec_")
    _, lines, _ = await ringout(fleet, "webhooks", "list")
    assert "  about      the shop" in lines
    assert not any("whsec_" in line for line in lines)
    await ringout(fleet, "call", BUSY, "--from", CALLER)
    dead = ("webhooks", "deliveries", "--state", "dead", "--json")

    async def given_up() -> list[str] | None:
        found = re.findall(r"dlv_[0-9a-f]+", (await ringout(fleet, *dead))[1][0])
        return found or None

    (delivery,) = await wait_until(given_up, PATIENCE_S, every=0.2)
    receiver.answer = status(204)
    before = len(receiver.got)
    code, lines, _ = await ringout(fleet, "webhooks", "redeliver", delivery)
    assert (code, lines[0].split()[0]) == (0, delivery)
    await wait_until(lambda: len(receiver.got) > before)
    since = ("webhooks", "redeliver", webhook, "--since", "2020-01-01T00:00:00Z")
    code, lines, _ = await ringout(fleet, *since)
    assert (code, lines) == (0, ["0 deliveries are made anew"])
    code, lines, _ = await ringout(fleet, "webhooks", "enable", webhook, "--json")
    assert code == 0
    assert '"enabled": true' in lines[0]
    code, lines, _ = await ringout(fleet, "webhooks", "remove", webhook)
    assert (code, lines) == (0, [f"{webhook}  removed"])
    assert (await ringout(fleet, "webhooks", "list"))[:2] == (0, [])


async def test_one_call_is_told_to_an_url(rest: Process, fleet: Fleet, receiver: Receiver) -> None:
    secret = signing.new_secret()
    fleet.environment["RINGOUT_CALLBACK_SECRET"] = secret
    wish = ("call", BUSY, "--from", CALLER, "--callback-url", receiver.url)
    code, _, errors = await ringout(fleet, *wish)
    assert code == 2, "this REST has no secret to sign with"
    assert "callbackUrl" in errors[0]
    rest.terminate()
    fleet.command("rest").line_with("rest listening on")
    fleet.worker()
    receiver.answer = status(204)
    code, lines, errors = await ringout(fleet, *wish, "--json")
    assert (code, errors) == (0, [])
    assert "callbackUrl" not in lines[0]
    call_id = json.loads(lines[0])["id"]
    await wait_until(lambda: "call.ended" in receiver.types(call_id), 45)
    assert receiver.got[0].verified(secret)["data"]["id"] == call_id


async def test_an_answer_that_was_lost_says_how_to_ask_again(
    rest: Process, fleet: Fleet, session: aiohttp.ClientSession
) -> None:
    wish = ("call", BUSY, "--from", CALLER, "--json")
    async with proxied(fleet.environment["RINGOUT_PUBLIC_URL"], "http") as proxy:
        proxy.hold_replies_after("POST ")
        lost = fleet.command(*wish, RINGOUT_PUBLIC_URL=proxy.url)
        await proxy.held.wait()

        async def accepted() -> list[str]:
            async with session.get(f"{fleet.environment['RINGOUT_PUBLIC_URL']}/v1/calls") as answer:
                return [call["id"] for call in (await answer.json())["calls"]]

        (call_id,) = await wait_until(accepted)
        await proxy.close()
        await wait_until(lambda: lost.code is not None, PATIENCE_S)
        assert lost.code == 1
        key = re.search(r"--key (\w+)", lost.errors[0])
        assert key is not None, lost.errors
    again = await ringout(fleet, *wish, "--key", key[1])
    assert json.loads(again[1][0])["id"] == call_id
    code, _, errors = await ringout(fleet, *wish, RINGOUT_PUBLIC_URL="http://127.0.0.1:9")
    assert (code, "--key" in errors[0]) == (1, False), "nobody was asked"


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (("add", "ftp://example.com"), 2, "url: "),
        (("add", "https://example.com", "--event", "call.nope"), 2, "eventTypes"),
        (("remove", "wh_1"), 1, "There is no such webhook."),
        (("redeliver", "wh_1"), 2, "--since"),
        (("redeliver", "dlv_1"), 1, "There is no such delivery."),
        (("deliveries", "--state", "lost"), 2, "state: "),
        (("deliveries", "--limit", "0"), 2, "--limit"),
        ((), 2, "Missing command"),
    ],
)
async def test_what_is_wrong_about_a_webhook_is_said_in_one_line(
    rest: Process, fleet: Fleet, arguments: tuple[str, ...], code: int, reason: str
) -> None:
    ended, lines, errors = await ringout(fleet, "webhooks", *arguments)
    assert (ended, lines, len(errors)) == (code, [], 1)
    assert errors[0].startswith("ringout: ")
    assert reason in errors[0]
