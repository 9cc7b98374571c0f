"""All that the simulator remembers, and the few things that change it."""

import time
from dataclasses import dataclass
from typing import Any

from simulator import caps
from simulator.auth import Doorman, Identity, Sessions
from simulator.board import Board
from simulator.calls import Call
from simulator.clock import SimulatedClock, rfc3339
from simulator.faults import Faults
from simulator.gateway import Gateway
from simulator.ids import Ids, fraction
from simulator.journal import Journal
from simulator.limits import Limiter, Limits
from simulator.notices import Notices
from simulator.roster import Roster
from simulator.scenarios import Pace, Scenario, scenario_for
from simulator.settings import SimulatorSettings, Tuning
from simulator.usage import Usage
from simulator.webhooks import Courier


@dataclass(frozen=True, slots=True)
class Wish:
    """A ring-out request that was understood; its numbers are E.164."""

    caller: str
    callee: str
    caller_id: str | None
    prompt: bool


class World:
    """One account at a simulated RingCentral. Tests may read all of it."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self.settings = settings
        self.ids = Ids()
        self.courier = Courier()
        self.tuning = settings.first_tuning()
        self._begin()

    def reset(self) -> None:
        """As freshly started: no calls, faults, requests, tokens or subscriptions; first settings
        and speed."""
        self.stop()
        self._begin()

    def _begin(self) -> None:
        self.clock = SimulatedClock(self.settings.speed)
        self.faults = Faults()
        self.journal = Journal()
        self.sessions = Sessions(time.monotonic)
        self.roster = Roster(self.settings)
        self.doorman = Doorman(self.roster, self.sessions)
        self.limiter = Limiter(self._limits_now)
        self.calls: list[Call] = []
        self.limited = 0
        self._by_ringout_id: dict[str, Call] = {}
        self._by_callee: dict[str, list[Call]] = {}
        self._by_session: dict[str, Call] = {}
        self._board = Board(self._still_shown)
        self.usage = Usage()
        self.notices = Notices(self)
        self.gateway = Gateway(lambda: self.tuning, self.notices.subscriptions)
        self.tune(self.settings.first_tuning())

    def tune(self, tuning: Tuning) -> None:
        """Puts other settings in force; calls dialled before keep their timelines."""
        self.tuning = tuning
        self.limiter.limits = Limits.parse(tuning.limits)

    def scenario(self, wish: Wish) -> Scenario:
        """What will happen to a wish."""
        return scenario_for(wish.callee, self.tuning.default_scenario)

    def dial(self, identity: Identity, wish: Wish, received_ns: int) -> Call:
        """Rings the caller's phone: from here on the call is in the ledger."""
        scenario = self.scenario(wish)
        if scenario.play is None:
            raise ValueError(f"calls to this number are refused: {scenario.name}")
        cap = caps.exceeded(self.live_calls, identity.account, identity.extension, self.tuning)
        line = scenario.play(Pace(self.tuning, wish.prompt))
        mode = self.tuning.id_mode
        ringout_id = self.ids.new(mode)
        call = Call(
            number=len(self.calls),
            ringout_id=ringout_id,
            telephony_session_id=ringout_id if self.tuning.ids_equal else self.ids.new(mode),
            session_id=self.ids.session(),
            account=identity.account,
            extension=identity.extension,
            caller=wish.caller,
            callee=wish.callee,
            caller_id=wish.caller_id,
            scenario=cap or scenario.name,
            dialled_at=self.clock.now(),
            dialled_wall=time.time(),
            received_monotonic_ns=received_ns,
            timeline=caps.refused(cap, self.tuning) if cap else line,
            kept=self.tuning.capped_shows == "error" if cap else scenario.kept,
            capped=cap is not None,
            on_rewritten=self.notices.rewritten,
        )
        self._remember(call)
        if not call.capped:
            self.notices.dialled(call)
        return call

    def find(self, ringout_id: str) -> Call | None:
        """The call of a ring-out id, however long it is over."""
        return self._by_ringout_id.get(ringout_id)

    def session(self, telephony_session_id: str) -> Call | None:
        """The call of a telephony session that can be read: until so long after its end."""
        call = self._by_session.get(telephony_session_id)
        if call is None or call.capped:
            return None
        gone = self.clock.now() >= call.ended_at() + self.tuning.session_retention
        return None if gone else call

    def present(self, extension: str) -> list[tuple[Call, float]]:
        """The live calls presence shows of an extension, oldest first, each with the moment it
        shows it at: a lag ago."""
        now = self.clock.now()
        lagging = [
            (call, now - self._lag(call, "presence", self.tuning.presence_lag))
            for call in self._board.of(extension)
        ]
        return [
            (call, then)
            for call, then in lagging
            if call.dialled_at <= then < call.ended_at() and not call.capped
        ]

    def live_calls(self, extension: str | None = None) -> list[Call]:
        """Calls that have not ended, an extension's or all, oldest first."""
        now = self.clock.now()
        calls = self._board.all() if extension is None else self._board.of(extension)
        return [call for call in calls if not (call.capped or call.ended(now))]

    def stop(self) -> None:
        """Ends all subscriptions and connections, and breaks off what is being delivered."""
        self.gateway.stop()
        self.notices.stop()
        self.courier.stop()

    def readable(self, call: Call) -> bool:
        """Whether its status can still be read: until the retention after its end is over."""
        retention = self.tuning.retention if call.kept else 0.0
        return self.clock.now() < call.ended_at() + retention

    def calls_to(self, callee: str) -> list[Call]:
        """The ledger's rows for one callee, oldest first."""
        return self._by_callee.get(callee, [])

    def active_calls(self) -> list[Call]:
        """Calls that active-calls shows now, newest first: from a lag after dialling on."""
        now = self.clock.now()
        kept = self.tuning.active_calls_kept
        return [
            call
            for call in reversed(self._board.all())
            if self._active_from(call) <= now < call.ended_at() + kept and not call.capped
        ]

    def logged(self, call: Call) -> bool:
        """Whether the call log shows a call yet: some while after its end."""
        since_end = self.clock.now() - call.ended_at()
        return since_end >= self._lag(call, "call-log", self.tuning.call_log_lag)

    def stats(self) -> dict[str, Any]:
        """Counts since the start or the last reset."""
        return {
            "requests": self.journal.next_index,
            "requests_by_operation": dict(self.journal.by_operation),
            "answers_by_status": dict(self.journal.by_status),
            "requests_limited": self.limited,
            "requests_inside_penalty": self.journal.inside_penalty,
            "inside_penalty_by_holder": self.usage.penalties(),
            "calls_dialled": len(self.calls),
            "calls_live": len(self.live_calls()),
            "speed": self.clock.speed,
            "simulated_seconds": round(self.clock.now(), 3),
        }

    def row(self, call: Call) -> dict[str, Any]:
        """A row of the ledger as JSON."""
        now = self.clock.now()
        return {
            "number": call.number,
            "id": call.ringout_id,
            "telephonySessionId": call.telephony_session_id,
            "sessionId": call.session_id,
            "at": rfc3339(call.dialled_wall),
            "received_monotonic_ns": call.received_monotonic_ns,
            "extension": call.extension,
            "from": call.caller,
            "to": call.callee,
            "scenario": call.scenario,
            "fate": call.fate,
            "state": call.state(now),
            "status": call.words(now),
            "cancelled": call.cancelled,
        }

    def _remember(self, call: Call) -> None:
        self.calls.append(call)
        self._by_ringout_id[call.ringout_id] = call
        self._by_callee.setdefault(call.callee, []).append(call)
        self._by_session[call.telephony_session_id] = call
        self._board.add(call)

    def _still_shown(self, call: Call) -> bool:
        kept = max(self.tuning.active_calls_kept, self.tuning.presence_lag[1])
        return self.clock.now() < call.ended_at() + kept

    def _limits_now(self) -> float:
        return self.clock.now() if self.tuning.scale_limits else time.monotonic()

    def _active_from(self, call: Call) -> float:
        visible = call.dialled_at + self._lag(call, "active", self.tuning.active_calls_lag)
        return max(visible, call.answered_at()) if self.tuning.active_calls_after_leg1 else visible

    def _lag(self, call: Call, name: str, bounds: tuple[float, float]) -> float:
        """The same for a call whenever it is asked, and for every run with the same seed."""
        low, high = bounds
        return low + (high - low) * fraction(self.tuning.seed, name, call.number)
