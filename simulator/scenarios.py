"""What a dialled number makes happen, chosen by the last seven digits of the callee's number.

Any area code does, so that distinct numbers can play one scenario: +1 650 555 0110 and
+1 212 555 0110 are both busy. Every other number plays `happy`, or what the setting
`default_scenario` names. `GET /__sim/scenarios` answers this table from the code.

    number    scenario                  what happens
    555 0123  happy                     both answer, talk, hang up
    555 0110  callee_busy               callee Busy
    555 0111  callee_no_answer          callee NoAnswer
    555 0112  callee_rejected           callee Rejected
    555 0113  caller_no_answer          caller NoAnswer, the callee is never dialled
    555 0114  caller_busy               caller Busy, the callee is never dialled
    555 0115  caller_voicemail          leg 1 is answered by a voicemail; with playPrompt nobody
                                        presses 1 and the callee is never dialled
    555 0116  phone_offline             caller GenericError and, as seen in the
                                        field, callee Success
    555 0117  international_refused     403 from the request itself
    555 0118  international_disabled    callee InternationalDisabled
    555 0119  destination_blocked       callee DestinationBlocked
    555 0120  no_funds                  callee NotEnoughFunds
    555 0121  no_answering_machine      the call shows NoAnsweringMachine, the legs stay InProgress
    555 0122  caller_drops              caller hangs up while leg 2 rings: callee Rejected
    555 0124  transient_cannot_reach    CannotReach in passing, then as happy
    555 0125  unknown_word              the callee shows a word that is in no list, then as happy
    555 0126  talk_forever              both answer, nobody hangs up
    555 0127  gone_at_once              callee Busy, and 404 from that moment
    555 0128  no_such_user              callee NoSuchUser
    555 0130  callee_number_blocked     403 TEL-101
    555 0131  no_funds_refused          403 from the request itself
    555 0132  feature_unavailable       403 BIL-103
    555 0133  permission_missing        403 CMN-408

A caller's number (`from`) ending in 555 0102 is blocked: 403 TEL-102. A caller id ending in
555 0107 is not allowed (400 TEL-107) and in 555 0108 not one of the company's (403 RNG-102).

Which codes refuse an international call or one without funds is documented nowhere; CMN-113
and BIL-103 are the nearest of the published ones.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from simulator.calls import (
    ANSWERED,
    CONNECTED,
    HUNG_UP,
    NEVER,
    RINGING,
    Shown,
    Step,
    Timeline,
)
from simulator.durations import Durations


@dataclass(frozen=True, slots=True)
class Pace:
    """What a timeline is written from: the durations, and whether the caller must press 1."""

    durations: Durations
    prompt: bool

    @property
    def answered(self) -> float:
        return self.durations.leg1_ring

    @property
    def callee_rings(self) -> float:
        return self.answered + (self.durations.prompt_press if self.prompt else 0.0)

    def opening(self) -> tuple[Step, Step]:
        """Leg 1 rings and is answered."""
        return Step(0.0, RINGING), Step(self.answered, ANSWERED)


Play = Callable[[Pace], Timeline]
Wait = Callable[[Durations], float]


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens to calls to one number: a timeline, or a refusal of the request."""

    name: str
    suffix: str
    summary: str
    play: Play | None = None
    refusal: tuple[str, str] | None = None
    """The code and the message of a 403."""
    kept: bool = True


def _no_time(_durations: Durations) -> float:
    return 0.0


def _leg1_ring(durations: Durations) -> float:
    return durations.leg1_ring


def _leg2_ring(durations: Durations) -> float:
    return durations.leg2_ring


def _no_answer(durations: Durations) -> float:
    return durations.no_answer


def _talk(pace: Pace) -> Timeline:
    connected = pace.callee_rings + pace.durations.leg2_ring
    ended = connected + pace.durations.talk
    steps = (*pace.opening(), Step(connected, CONNECTED), Step(ended, HUNG_UP))
    return Timeline(steps, pace.answered, pace.callee_rings, connected, ended)


def _talk_forever(pace: Pace) -> Timeline:
    line = _talk(pace)
    return replace(line, steps=line.steps[:-1], ended=NEVER)


def _in_passing(word: Callable[[Pace], Step]) -> Play:
    """As happy, with a step put in between."""

    def play(pace: Pace) -> Timeline:
        line = _talk(pace)
        return replace(line, steps=tuple(sorted((*line.steps, word(pace)), key=_moment)))

    return play


def _moment(step: Step) -> float:
    return step.at


def _callee_fails(word: str, result: str, reason: str | None, wait: Wait = _no_time) -> Play:
    """The caller answers, the callee does not, after ringing for so long."""

    def play(pace: Pace) -> Timeline:
        ended = pace.callee_rings + wait(pace.durations)
        steps = (*pace.opening(), Step(ended, Shown("CannotReach", "Success", word)))
        return Timeline(
            steps, pace.answered, pace.callee_rings, ended=ended, result=result, reason=reason
        )

    return play


def _caller_fails(shown: Shown, result: str, reason: str | None, wait: Wait) -> Play:
    """Leg 1 is not answered, after ringing for so long."""

    def play(pace: Pace) -> Timeline:
        ended = wait(pace.durations)
        steps = (Step(0.0, RINGING), Step(ended, shown))
        return Timeline(steps, ended=ended, result=result, reason=reason)

    return play


def _caller_voicemail(pace: Pace) -> Timeline:
    if not pace.prompt:
        return _talk(pace)
    ended = pace.answered + pace.durations.no_answer
    steps = (*pace.opening(), Step(ended, Shown("CannotReach", "Finished", "InProgress")))
    result, reason = "Answered Not Accepted", "Connected"
    return Timeline(steps, pace.answered, ended=ended, result=result, reason=reason)


def _caller_drops(pace: Pace) -> Timeline:
    ended = pace.callee_rings + pace.durations.leg2_ring / 2
    steps = (*pace.opening(), Step(ended, Shown("CannotReach", "Finished", "Rejected")))
    return Timeline(
        steps, pace.answered, pace.callee_rings, ended=ended, result="Hang Up", reason="Hang Up"
    )


def _cannot_reach(pace: Pace) -> Step:
    return Step(pace.answered / 2, Shown("CannotReach", "InProgress", "InProgress"))


def _word_in_no_list(pace: Pace) -> Step:
    at = pace.callee_rings + pace.durations.leg2_ring / 2
    return Step(at, Shown("InProgress", "Success", "Screening"))


def _number_and_name(entry: str) -> tuple[str, str, str]:
    digits, name, summary = entry.split(maxsplit=2)
    return digits, name, summary


def _played(entry: str, play: Play, *, kept: bool = True) -> Scenario:
    digits, name, summary = _number_and_name(entry)
    return Scenario(name, f"555{digits}", summary, play=play, kept=kept)


def _refused(entry: str, code: str, message: str) -> Scenario:
    digits, name, summary = _number_and_name(entry)
    return Scenario(name, f"555{digits}", summary, refusal=(code, message))


_CALLER_NO_ANSWER = Shown("CannotReach", "NoAnswer", "InProgress")
_CALLER_BUSY = Shown("CannotReach", "Busy", "InProgress")
_PHONE_OFFLINE = Shown("CannotReach", "GenericError", "Success")
_NO_MACHINE = Shown("NoAnsweringMachine", "InProgress", "InProgress")
_BUSY = _callee_fails("Busy", "Busy", "Line Busy")

_TABLE = (
    _played("0123 happy both answer, talk, hang up", _talk),
    _played("0110 callee_busy callee Busy", _BUSY),
    _played(
        "0111 callee_no_answer callee NoAnswer",
        _callee_fails("NoAnswer", "No Answer", "No Answer", _no_answer),
    ),
    _played(
        "0112 callee_rejected callee Rejected",
        _callee_fails("Rejected", "Rejected", None, _leg2_ring),
    ),
    _played(
        "0113 caller_no_answer caller NoAnswer, the callee is never dialled",
        _caller_fails(_CALLER_NO_ANSWER, "No Answer", "No Answer", _no_answer),
    ),
    _played(
        "0114 caller_busy caller Busy, the callee is never dialled",
        _caller_fails(_CALLER_BUSY, "Busy", "Line Busy", _leg1_ring),
    ),
    _played("0115 caller_voicemail leg 1 is answered by a voicemail", _caller_voicemail),
    _played(
        "0116 phone_offline caller GenericError, callee Success",
        _caller_fails(_PHONE_OFFLINE, "IP Phone Offline", None, _leg1_ring),
    ),
    _refused(
        "0117 international_refused 403 CMN-113",
        "CMN-113",
        "Feature [InternationalCalls] is not available for this extension",
    ),
    _played(
        "0118 international_disabled callee InternationalDisabled",
        _callee_fails("InternationalDisabled", "International Disabled", "International Disabled"),
    ),
    _played(
        "0119 destination_blocked callee DestinationBlocked",
        _callee_fails("DestinationBlocked", "Blocked", "Number Blocked"),
    ),
    _played(
        "0120 no_funds callee NotEnoughFunds",
        _callee_fails("NotEnoughFunds", "No Calling Credit", "No Credit"),
    ),
    _played(
        "0121 no_answering_machine the call shows NoAnsweringMachine",
        _caller_fails(_NO_MACHINE, "Internal Error", "Internal Error", _leg1_ring),
    ),
    _played("0122 caller_drops caller hangs up while leg 2 rings", _caller_drops),
    _played(
        "0124 transient_cannot_reach CannotReach in passing, then as happy",
        _in_passing(_cannot_reach),
    ),
    _played("0125 unknown_word callee Screening, then as happy", _in_passing(_word_in_no_list)),
    _played("0126 talk_forever both answer, nobody hangs up", _talk_forever),
    _played("0127 gone_at_once callee Busy, and 404 from that moment", _BUSY, kept=False),
    _played(
        "0128 no_such_user callee NoSuchUser", _callee_fails("NoSuchUser", "Wrong Number", None)
    ),
    _refused("0130 callee_number_blocked 403 TEL-101", "TEL-101", "To number is blocked"),
    _refused(
        "0131 no_funds_refused 403 BIL-103",
        "BIL-103",
        "Feature [CallingCredit] is not available for current account",
    ),
    _refused(
        "0132 feature_unavailable 403 BIL-103",
        "BIL-103",
        "Feature [RingOut] is not available for current account",
    ),
    _refused(
        "0133 permission_missing 403 CMN-408",
        "CMN-408",
        "In order to call this API endpoint, user needs to have [OutboundCalls] permission",
    ),
)

SCENARIOS = {scenario.name: scenario for scenario in _TABLE}
_BY_SUFFIX = {scenario.suffix: scenario for scenario in _TABLE}


def scenario_for(callee: str, default: str) -> Scenario:
    """The scenario of a callee's number, or the one named `default`."""
    return _BY_SUFFIX.get(callee[-7:]) or SCENARIOS[default]
