"""The console as a person uses it, in a real browser."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from orchestrator.domain.access import HOUSE
from orchestrator.runtime import FrontEnd
from tests.e2e.webhook_kit import subscribed
from tests.harness.browser import Tab, browsing, chromium
from tests.harness.clients import accept, reaches
from tests.harness.numbers import number as number_of
from tests.harness.processes import Fleet, Process
from tests.harness.receiver import Receiver, receiving, status
from tests.harness.simulated import Simulated

pytestmark = pytest.mark.skipif(chromium() is None, reason="needs Chromium, which is not here")

CALLER, HAPPY, FOREVER = "+16505550100", "+16505550123", "+16505550126"
MOST_ROWS = 200


@dataclass
class Console:
    """The console in a tab, and the REST process behind it."""

    tab: Tab
    url: str
    rest: Process
    fleet: Fleet

    async def row(self, tone: str) -> str:
        """The id of the first call that is shown so."""
        row = f"document.querySelector('#calls li[data-tone={tone}]')"
        return str(await self.tab.until(f"{row} && {row}.dataset.id"))

    async def place(self, to: str, reference: str = "") -> None:
        """Fills the box in, with the keyboard, and sends it."""
        for name, text in (("to", to), ("from", CALLER), ("reference", reference)):
            await self.tab.value(f"document.forms.place.elements.{name}.select()")
            await self.tab.type(text)
        await self.tab.press("Enter", 13)

    async def click(self, selector: str) -> None:
        """Clicks on what a selector finds first."""
        await self.tab.until(f"document.querySelector({json.dumps(selector)})")
        await self.tab.value(f"document.querySelector({json.dumps(selector)}).click()")

    async def count(self, state: str) -> int:
        """How many calls are in a state, as its button says."""
        chip = f"document.querySelector('#states [data-state=\"{state}\"] b')"
        return int(await self.tab.value(f"{chip}.textContent"))

    async def shown(self) -> list[str]:
        """The ids of the calls that are listed, in order."""
        ids: list[str] = await self.tab.value(
            "[...document.querySelectorAll('#calls li')].map((item) => item.dataset.id)"
        )
        return ids

    async def seen(self, now: bool) -> None:
        """Brings the page to the front, or puts it behind another."""
        is_hidden = f"Object.defineProperty(document, 'hidden', {{ value: {json.dumps(not now)}, "
        await self.tab.value(f"{is_hidden} configurable: true }}) && null")
        await self.tab.value("document.dispatchEvent(new Event('visibilitychange'))")

    def restart(self) -> None:
        """Ends REST and starts it at the same address."""
        self.rest.terminate()
        self.rest = self.fleet.command("rest", RINGOUT_REST_PORT=self.url.rsplit(":", 1)[1])
        self.rest.line_with("rest listening on")


@pytest.fixture
async def console(fleet: Fleet, simulated: Simulated) -> AsyncIterator[Console]:
    """The console, open and live; nothing may go wrong on the page or leave its origin."""
    rest = fleet.command("rest", RINGOUT_REST_PORT="0")
    url = rest.line_with("rest listening on").rsplit(" ", 1)[1]
    async with browsing() as tab:
        await tab.open(url)
        await tab.until("document.querySelector('#link[data-link=live]')")
        yield Console(tab, url, rest, fleet)
        assert tab.problems == []
        assert {request for request in tab.requests if not request.startswith(f"{url}/")} == set()


async def test_a_call_is_placed_and_watched_to_its_end(console: Console) -> None:
    console.fleet.worker()
    await console.place(HAPPY, "order 7")
    call_id = await console.row("completed")
    row = await console.tab.value("document.querySelector('#calls li').innerText")
    assert "+16*****0100" in row
    assert "+16*****0123" in row
    assert "order 7" in row
    await console.click("#calls .open")
    line = "[...document.querySelectorAll('#details-line .what')].map((node) => node.textContent)"
    await console.tab.until(f"{line}.at(-1) === 'ended: completed' && {line}.length > 4")
    told = await console.tab.value(line)
    assert told[:2] == ["queued", "placing"]
    assert "connected" in told
    assert call_id in await console.tab.value("document.getElementById('details').innerText")


async def test_a_call_is_cancelled(console: Console, simulated: Simulated) -> None:
    await simulated.tune(leg1_ring=600.0)
    console.fleet.worker()
    await console.place(FOREVER)
    await console.row("ringing")
    await console.click("#calls .cancel")
    await console.row("withdrawn")
    assert await console.tab.value("document.querySelector('#calls .state').textContent") == (
        "cancelled"
    )
    assert await console.tab.value("document.querySelector('#calls .cancel').hidden")


async def test_a_number_that_is_none_is_said_at_its_field(console: Console) -> None:
    await console.place("12")
    error = "document.getElementById('to-error')"
    await console.tab.until(f"!{error}.hidden")
    assert "E.164" in await console.tab.value(f"{error}.textContent")
    assert await console.tab.value("document.activeElement.id") == "to"
    assert await console.tab.value("document.activeElement.getAttribute('aria-invalid')") == "true"
    assert await console.tab.value("document.getElementById('from-error').hidden")
    assert await console.shown() == []
    (problem,) = console.tab.problems
    assert "422" in problem
    console.tab.problems.clear()


async def test_what_happened_while_rest_was_away_is_there_afterwards(
    console: Console, front: FrontEnd, simulated: Simulated
) -> None:
    await simulated.tune(leg1_ring=600.0)
    console.fleet.worker()
    before = await accept(front, FOREVER)
    await console.row("ringing")
    console.rest.terminate()
    await console.tab.until("document.querySelector('#link[data-link=away]')")
    meanwhile = await accept(front, "+16505550111")
    await front.service.cancel(HOUSE, "~", "~", before)
    await reaches(front, before, "ended")
    await reaches(front, meanwhile, "ringing")
    console.restart()
    await console.tab.until("document.querySelector('#link[data-link=live]')")
    assert await console.row("withdrawn") == before
    assert await console.row("ringing") == meanwhile
    console.tab.problems[:] = [one for one in console.tab.problems if "ERR_CONN" not in one]
    after = await accept(front, HAPPY)
    await console.tab.until(f"document.querySelector('#calls li[data-id={after}]')")


async def test_thousands_of_live_calls_are_a_bounded_list(
    console: Console, front: FrontEnd
) -> None:
    most = "window.most = Math.max(window.most || 0, document.querySelectorAll('#calls li').length)"
    watch = f"new MutationObserver(() => {{ {most} }}).observe(calls, {{ childList: true }})"
    await console.tab.value(
        f"(() => {{ const calls = document.getElementById('calls'); {watch}; }})()"
    )
    ids: list[str] = []
    for start in range(0, 5_000, 250):
        numbers = (number_of(start + n) for n in range(250))
        ids += await asyncio.gather(
            *(accept(front, number, expiresIn=3600, clientReference="bulk") for number in numbers)
        )
    live = "document.querySelector('#states [data-state=live] b')?.textContent === '5000'"
    await console.tab.until(live, 30)
    assert len(await console.shown()) == MOST_ROWS
    assert "of 5000" in await console.tab.value("document.getElementById('more').textContent")
    assert await console.tab.value("window.most") == MOST_ROWS
    await console.tab.send("Page.reload")
    await console.tab.until(live, 30)
    assert len(await console.shown()) == MOST_ROWS
    await asyncio.gather(*(front.service.cancel(HOUSE, "~", "~", one) for one in ids[:1_000]))
    await console.tab.until(
        "document.querySelector('#states [data-state=ended] b').textContent === '1000'"
    )
    await console.click("#states [data-state=ended]")
    await console.tab.until("document.querySelector('#calls li[data-tone=withdrawn]')")
    assert set(await console.shown()) <= set(ids[:1_000])


async def test_calls_are_found(console: Console, front: FrontEnd) -> None:
    ids = [await accept(front, HAPPY, clientReference=f"order {n}") for n in range(5)]
    await console.tab.until("document.querySelectorAll('#calls li').length === 5")
    await front.service.cancel(HOUSE, "~", "~", ids[3])
    await console.tab.value("document.getElementById('query').focus()")
    for text, found in (("order 2", ids[2]), (ids[4], ids[4]), ("cancelled", ids[3])):
        await console.tab.value("document.getElementById('query').select()")
        await console.tab.type(text)
        ids_shown = "[...document.querySelectorAll('#calls li')].map((item) => item.dataset.id)"
        await console.tab.until(f"{ids_shown}.join() === '{found}'")
    await console.tab.value("document.getElementById('query').select()")
    await console.tab.type("order none")
    await console.tab.until("!document.getElementById('empty').hidden")
    await console.tab.press("Enter", 13)
    await console.tab.until("document.getElementById('notice').textContent.includes('No call')")


async def test_the_keyboard_is_enough(console: Console, front: FrontEnd) -> None:
    first, second = await accept(front, HAPPY), await accept(front, FOREVER)
    await console.tab.until("document.querySelectorAll('#calls li').length === 2")
    here = "document.activeElement.closest('li')?.dataset.id"
    await console.tab.press("/")
    assert await console.tab.value("document.activeElement.id") == "query"
    await console.tab.value("document.querySelector('#calls .open[tabindex=\"0\"]').focus()")
    await console.tab.press("ArrowDown", 40)
    assert await console.tab.value(here) == first
    assert (
        await console.tab.value("document.querySelectorAll('#calls [tabindex=\"0\"]').length") == 2
    )
    await console.tab.press("Home", 36)
    assert await console.tab.value(here) == second
    await console.tab.press("Enter", 13)
    await console.tab.until("document.getElementById('details').open")
    await console.tab.press("Escape", 27)
    await console.tab.until("!document.getElementById('details').open")
    assert await console.tab.value(here) == second


@pytest.mark.parametrize("width", [375, 768, 1400])
async def test_nothing_is_wider_than_the_screen(
    console: Console, front: FrontEnd, width: int
) -> None:
    await console.tab.sized(width, 812)
    reference = "a reference that goes on for long " * 3
    await accept(front, HAPPY, clientReference=reference)
    await console.click("#calls .open")
    await console.tab.until("document.querySelector('#details-line li')")
    for part in ("document.documentElement", "document.getElementById('details')"):
        assert await console.tab.value(f"{part}.scrollWidth <= {width}"), part


@pytest.fixture
async def receiver(fleet: Fleet) -> AsyncIterator[Receiver]:
    """A receiver on this machine that says no; what it refuses twice is given up."""
    fleet.environment |= {"RINGOUT_WEBHOOK_TARGETS": "any", "RINGOUT_WEBHOOK_LADDER": "0.1"}
    async with receiving() as running:
        running.answer = status(500)
        yield running


async def test_what_a_webhook_refused_is_delivered_again(
    receiver: Receiver, console: Console, front: FrontEnd
) -> None:
    await subscribed(front, receiver.url, eventTypes=["call.queued"], description="The shop")
    console.fleet.worker()
    call_id = await accept(front, HAPPY)
    await console.tab.until("document.querySelector('#webhooks [data-key^=dlv_]')")
    told = await console.tab.value("document.getElementById('webhooks').innerText")
    assert "The shop" in told
    assert "The receiver answered 500." in told
    assert await console.tab.value("document.getElementById('dead-count').innerText") == "(2)"
    receiver.answer = status(204)
    refused = len(receiver.of(call_id))
    await console.click("#webhooks [data-key^=dlv_]")
    await console.tab.until(
        "document.getElementById('webhooks').innerText.includes('none failing')"
    )
    assert receiver.types(call_id)[refused:] == ["call.queued"]
    assert await console.tab.value("document.getElementById('dead-count').hidden")


async def test_the_page_says_what_is_left_and_who_works(console: Console) -> None:
    empty = await console.tab.until("document.getElementById('workers').textContent")
    assert "None is at work" in empty or "No data" in empty
    console.fleet.worker()
    await console.tab.until("document.getElementById('workers').textContent.includes('at work')")
    await console.tab.until("document.getElementById('house').textContent.includes('Jobs ready')")


async def test_a_script_that_was_smuggled_in_does_not_run(console: Console) -> None:
    script = "Object.assign(document.createElement('script'), { textContent: 'window.hurt = 1' })"
    await console.tab.value(f"document.body.append({script})")
    assert await console.tab.value("window.hurt ?? null") is None
    (problem,) = console.tab.problems
    assert "Content Security Policy" in problem
    console.tab.problems.clear()


async def test_a_time_line_says_what_is_missing(console: Console, front: FrontEnd) -> None:
    call_id = await accept(front, HAPPY)
    await console.click("#calls .open")
    await console.tab.until("document.querySelector('#details-line .what')")
    gap = "document.getElementById('details-gap')"
    assert await console.tab.value(f"{gap}.hidden")
    await console.click("#details-close")
    await front.backend.commands.redis.xtrim("ringout:v1:{ringout}:events", maxlen=0)
    await front.service.cancel(HOUSE, "~", "~", call_id)
    await console.row("withdrawn")
    await console.click("#calls .open")
    await console.tab.until(f"!{gap}.hidden")
    told = await console.tab.value(f"{gap}.textContent")
    assert told == "Incomplete: 1 of its 2 events is no longer found."


async def test_an_open_call_is_renewed_when_the_page_is_seen_again(
    console: Console, front: FrontEnd
) -> None:
    call_id = await accept(front, HAPPY)
    await console.click("#calls .open")
    await console.tab.until("document.querySelector('#details-line .what')")
    await console.seen(False)
    await front.service.cancel(HOUSE, "~", "~", call_id)
    await console.seen(True)
    await console.tab.until("document.querySelector('#details[data-tone=withdrawn]')")
    line = "[...document.querySelectorAll('#details-line .what')].map((node) => node.textContent)"
    assert await console.tab.until(f"{line}.length === 2 && {line}.at(-1)") == "ended: cancelled"
    assert await console.tab.value("document.getElementById('details-cancel').hidden")


HURTFUL = "\"><img src=x onerror=window.hurt=1><script>window.hurt=2</script>'`${1}javascript:"


async def test_what_others_wrote_is_text(
    receiver: Receiver, console: Console, front: FrontEnd, simulated: Simulated
) -> None:
    url = f"{receiver.url}?<img%20src=x%20onerror=window.hurt=3>"
    await subscribed(front, url, eventTypes=["call.queued"], description=HURTFUL[:64])
    console.fleet.worker()
    await accept(front, HAPPY, clientReference=HURTFUL)
    await console.tab.until("document.querySelector('#webhooks [data-key^=dlv_]')")
    await console.click("#calls .open")
    await console.row("completed")
    shown = await console.tab.value("document.getElementById('details-facts').innerText")
    assert HURTFUL in shown
    assert HURTFUL in await console.tab.value("document.querySelector('#calls .note').textContent")
    assert HURTFUL[:64] in await console.tab.value("document.getElementById('webhooks').innerText")
    assert await console.tab.value("document.querySelectorAll('main img, dialog img').length") == 0
    assert await console.tab.value("window.hurt ?? null") is None
