"""What a callee's number makes happen, step by step."""

import re

import pytest

from simulator import scenarios
from tests.contract.simulator.simulator_kit import box

RING = "InProgress InProgress InProgress"
ANSWERED = "InProgress Success InProgress"
CONNECTED = "Success Success Success"
HUNG_UP = "Success Finished Finished"

PLAYS = {
    # leg 1 rings for 2 s, leg 2 for 3 s, unanswered for 8 s, the two talk for 10 s
    "0123": {1.9: RING, 2.1: ANSWERED, 5.1: CONNECTED, 14.9: CONNECTED, 15.1: HUNG_UP},
    "0110": {1.9: RING, 2.1: "CannotReach Success Busy"},
    "0111": {9.9: ANSWERED, 10.1: "CannotReach Success NoAnswer"},
    "0112": {4.9: ANSWERED, 5.1: "CannotReach Success Rejected"},
    "0113": {7.9: RING, 8.1: "CannotReach NoAnswer InProgress"},
    "0114": {1.9: RING, 2.1: "CannotReach Busy InProgress"},
    "0115": {2.1: ANSWERED, 5.1: CONNECTED, 15.1: HUNG_UP},
    "0116": {1.9: RING, 2.1: "CannotReach GenericError Success"},
    "0118": {2.1: "CannotReach Success InternationalDisabled"},
    "0119": {2.1: "CannotReach Success DestinationBlocked"},
    "0120": {2.1: "CannotReach Success NotEnoughFunds"},
    "0121": {2.1: "NoAnsweringMachine InProgress InProgress"},
    "0122": {3.4: ANSWERED, 3.6: "CannotReach Finished Rejected"},
    "0124": {
        0.9: RING,
        1.1: "CannotReach InProgress InProgress",
        2.1: ANSWERED,
        5.1: CONNECTED,
        15.1: HUNG_UP,
    },
    "0125": {2.1: ANSWERED, 3.6: "InProgress Success Screening", 5.1: CONNECTED, 15.1: HUNG_UP},
    "0126": {5.1: CONNECTED, 1000000: CONNECTED},
    "0127": {1.9: RING, 2.1: "404"},
    "0128": {2.1: "CannotReach Success NoSuchUser"},
}
REFUSED = {"0117", "0130", "0131", "0132", "0133"}


@pytest.mark.parametrize("digits", PLAYS)
async def test_a_scenario_plays_as_written(digits: str) -> None:
    async with box() as api:
        ringout_id = await api.made(f"+1212555{digits}")
        now = 0.0
        for moment, expected in PLAYS[digits].items():
            await api.advance(moment - now)
            now = moment
            answer = await api.read(ringout_id)
            shown = " ".join(answer.words) if answer.status == 200 else str(answer.status)
            assert (moment, shown) == (moment, expected)


async def test_with_a_prompt_leg_2_waits_for_the_press() -> None:
    async with box() as api:
        ringout_id = await api.made(playPrompt=True)
        states = []
        for step in (1.9, 0.2, 1.0, 3.0):
            await api.advance(step)
            states.append((await api.ledger())[0]["state"])
        assert states == ["ringing_caller", "prompting", "ringing_callee", "connected"]
        assert " ".join((await api.read(ringout_id)).words) == CONNECTED


async def test_a_voicemail_presses_nothing() -> None:
    async with box() as api:
        ringout_id = await api.made("+16505550115", playPrompt=True)
        await api.advance(9.9)
        assert (await api.ledger())[0]["state"] == "prompting"
        await api.advance(0.2)
        assert " ".join((await api.read(ringout_id)).words) == "CannotReach Finished InProgress"


async def test_durations_and_the_default_scenario_are_settings() -> None:
    async with box(leg1_ring=100, default_scenario="caller_busy") as api:
        ringout_id = await api.made("+12128670000")
        await api.advance(99)
        assert " ".join((await api.read(ringout_id)).words) == RING
        await api.advance(2)
        assert " ".join((await api.read(ringout_id)).words) == "CannotReach Busy InProgress"


async def test_a_faster_clock_needs_no_telling() -> None:
    async with box(speed=100000) as api:
        ringout_id = await api.made("+16505550126")
        while (await api.read(ringout_id)).words[0] != "Success":
            pass


async def test_a_conversation_can_be_hung_up() -> None:
    async with box() as api:
        ringout_id = await api.made("+16505550126")
        early = await api.ask("POST", "/__sim/hangup", json={"id": ringout_id})
        assert early.status == 400
        await api.advance(6)
        assert (await api.sim("hangup", id=ringout_id))["state"] == "ended"
        assert " ".join((await api.read(ringout_id)).words) == HUNG_UP


async def test_the_table_is_answered_written_down_and_played() -> None:
    async with box() as api:
        rows = (await api.get("/__sim/scenarios")).json["scenarios"]
    answered = {row["calleeEndsWith"]: row["name"] for row in rows}
    table = re.findall(r"^    555 (\d{4})  (\w+) ", scenarios.__doc__ or "", re.MULTILINE)
    assert {f"555{digits}": name for digits, name in table} == answered
    assert {digits for digits, _ in table} == set(PLAYS) | REFUSED
