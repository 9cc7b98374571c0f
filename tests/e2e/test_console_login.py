"""The console in a house that asks who is there: a key is typed in once, and is in no URL."""

import json

import pytest

from tests.e2e.credentials_kit import ringout
from tests.harness.browser import browsing, chromium
from tests.harness.processes import Fleet
from tests.harness.simulated import Simulated

pytestmark = pytest.mark.skipif(chromium() is None, reason="needs Chromium, which is not here")

ALL = "calls:create,calls:read,calls:cancel,webhooks,ops"
LIVE = "document.querySelector('#link[data-link=live]')"
ASKED = "document.querySelector('#login[open]')"
CALLEE = "+16505550123"


def _key(fleet: Fleet, *arguments: str) -> str:
    ended = ringout(fleet, "keys", "create", *arguments, "--json")
    key: str = ended.document["key"]
    return key


async def test_a_key_lets_a_person_in_and_leaving_locks_the_door(
    fleet: Fleet, simulated: Simulated
) -> None:
    key = _key(fleet, "desk", "--scope", ALL)
    url = fleet.command("rest", RINGOUT_REST_PORT="0").line_with("rest listening on").split()[-1]
    async with browsing() as tab:
        await tab.open(url)
        await tab.until(ASKED)
        await tab.value("document.getElementById('key').focus()")
        await tab.type(key[:-1] + ("a" if key[-1] != "a" else "b"))
        await tab.press("Enter", 13)
        await tab.until("!document.getElementById('key-error').hidden")
        assert not await tab.value(LIVE + " !== null")

        await tab.value("document.getElementById('key').select()")
        await tab.type(key)
        await tab.press("Enter", 13)
        await tab.until(LIVE)
        assert await tab.value("document.getElementById('who-name').textContent") == "desk"
        await tab.value(f"document.forms.place.elements.to.value = {json.dumps(CALLEE)}")
        await tab.value("document.forms.place.elements.from.value = '+16505550100'")
        await tab.value("document.forms.place.querySelector('button').click()")
        await tab.until("document.querySelector('#calls li')")

        await tab.value("document.getElementById('logout').click()")
        await tab.until(ASKED)
        assert await tab.value("document.querySelectorAll('#calls li').length") == 0
        secret = key.rpartition("_")[2]
        assert [one for one in tab.requests if secret in one] == []
        assert await tab.value("document.cookie + Object.keys(localStorage)") == ""
        refused = [one for one in tab.problems if "401" not in one]
        assert refused == []


async def test_a_key_that_is_revoked_is_asked_for_anew(fleet: Fleet, simulated: Simulated) -> None:
    key = _key(fleet, "--scope", ALL)
    url = fleet.command("rest", RINGOUT_REST_PORT="0").line_with("rest listening on").split()[-1]
    async with browsing() as tab:
        await tab.open(url)
        await tab.until(ASKED)
        await tab.value("document.getElementById('key').focus()")
        await tab.type(key)
        await tab.press("Enter", 13)
        await tab.until(LIVE)

        assert ringout(fleet, "keys", "revoke", key.split("_")[2]).code == 0

        await tab.until(ASKED)
