"""Telling subscriptions of every change of a call's parties, at the moment it happens.

A call's future is written when it is dialled, so its notifications need no looking: one entry
of the agenda stands for a call's next change, and a cancel or a hang-up puts another in its
place. While nobody subscribes to an extension's calls, there are no entries for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from simulator.agenda import Agenda
from simulator.calls import Call
from simulator.carriage import Carriage, Notice
from simulator.events import (
    Party,
    envelope,
    event_parties,
    phantom_event,
    presence_event,
    session_event,
    session_path,
    telephony_status,
)
from simulator.filters import EventFilter
from simulator.sessions import moments, session_body
from simulator.subscriptions import Subscription, Subscriptions

if TYPE_CHECKING:
    from simulator.world import World

_JUST_AFTER = 1e-6
"""Simulated seconds: a sum of times may fall short of the moment it stands for."""
_HOST = "https://platform.ringcentral.com"


@dataclass(slots=True)
class _Followed:
    """A call whose changes are told."""

    call: Call
    told: float
    """The age up to which its changes have been told."""
    parties: dict[str, Party] = field(default_factory=dict)
    """As they were then, by id."""
    status: str = ""
    """What presence said of it then."""
    turn: int = 0
    """Which entry of the agenda is the present one."""


@dataclass(frozen=True, slots=True)
class _Change:
    """What has changed of a call, and when."""

    call: Call
    at: float
    last: bool
    body: dict[str, Any]
    parties: list[Party]
    presence: int | None
    """The number of this change of the extension's presence, where that changed too."""


class Notices:
    """All subscriptions, and the changes of calls on their way to them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._agenda = Agenda(world.clock)
        self._carriage = Carriage(self._agenda, lambda: world.tuning)
        self._followed: dict[str, dict[int, _Followed]] = {}
        """By extension and number."""
        self._presence_changes: Counter[str] = Counter()
        self.subscriptions = Subscriptions(self._listen, self._remind)

    def __len__(self) -> int:
        """How much is planned."""
        return len(self._agenda)

    def dialled(self, call: Call) -> None:
        """A call has just been dialled."""
        if self.subscriptions.about(call.extension):
            self._follow(_Followed(call, told=-1.0))

    def rewritten(self, call: Call) -> None:
        """The future of a call has become another."""
        followed = self._followed.get(call.extension, {}).get(call.number)
        if followed is not None:
            self._plan(followed)

    def stop(self) -> None:
        """Ends all subscriptions; nothing is planned any more."""
        self.subscriptions.clear()

    def _listen(self) -> None:
        """Follows the calls there are, or none, as the subscriptions ask for."""
        if not self.subscriptions.about_calls:
            self._agenda.clear()
            self._carriage.clear()
            self._followed.clear()
            return
        for call in self._world.live_calls():
            known = call.number in self._followed.get(call.extension, {})
            if not known and self.subscriptions.about(call.extension):
                self._follow(self._present(call))

    def _present(self, call: Call) -> _Followed:
        now = self._world.clock.now()
        age = now - call.dialled_at
        body = session_body(self._world, call, now)
        return _Followed(call, age, self._parties(body, call), telephony_status(call, age))

    def _follow(self, followed: _Followed) -> None:
        call = followed.call
        self._followed.setdefault(call.extension, {})[call.number] = followed
        self._plan(followed)

    def _plan(self, followed: _Followed) -> None:
        call = followed.call
        followed.turn += 1
        following = next((age for age in moments(call) if age > followed.told), None)
        if following is not None:
            due = partial(self._happened, followed, followed.turn, following)
            self._agenda.at(call.dialled_at + following, due)
        elif call.ended(self._world.clock.now()):
            self._followed[call.extension].pop(call.number, None)

    def _happened(self, followed: _Followed, turn: int, age: float) -> None:
        if turn != followed.turn:
            return
        change = self._change(followed, age)
        for subscription in self.subscriptions.about(change.call.extension):
            for kind, path, body in self._bodies(subscription, change):
                owner = subscription.owner.extension
                event = envelope(path, subscription.id, owner, body)
                about, sequence = (kind, change.call.number), body["sequence"]
                self._carriage.hand_over(
                    Notice(subscription, about, sequence, change.at, change.last, event)
                )
        self._plan(followed)

    def _change(self, followed: _Followed, age: float) -> _Change:
        call = followed.call
        at = call.dialled_at + age
        body = session_body(self._world, call, at + _JUST_AFTER)
        parties = self._parties(body, call)
        changed = [one for name, one in parties.items() if followed.parties.get(name) != one]
        status, presence = telephony_status(call, age), None
        if status != followed.status:
            self._presence_changes[call.extension] += 1
            presence = self._presence_changes[call.extension]
        followed.told, followed.parties, followed.status = age, parties, status
        return _Change(call, at, age >= call.timeline.ended, body, changed, presence)

    def _parties(self, body: dict[str, Any], call: Call) -> dict[str, Party]:
        return {one["id"]: one for one in event_parties(body, call, self._world.tuning)}

    def _bodies(
        self, subscription: Subscription, change: _Change
    ) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """What a subscription is told of a change: the kind, `event` and the body."""
        call, tuning = change.call, self._world.tuning
        sessions = subscription.filter_for("sessions", call.account, call.extension)
        if sessions is not None:
            parties = [one for one in change.parties if sessions.wants(one)]
            if parties:
                yield "sessions", session_path(call), session_event(change.body, parties)
            if tuning.phantom_inbound:
                body = phantom_event(change.body, call, tuning.seed)
                yield "phantom", session_path(call), body
        presence = subscription.filter_for("presence", call.account, call.extension)
        if presence is not None and change.presence is not None:
            yield "presence", presence.text, self._presence(presence, change, change.presence)

    def _presence(self, wanted: EventFilter, change: _Change, sequence: int) -> dict[str, Any]:
        extension = change.call.extension
        calls = [(one.call, one.status) for one in self._followed[extension].values()]
        detailed = ("detailedTelephonyState", "true") in wanted.query
        return presence_event(extension, calls, sequence, detailed=detailed)

    def _remind(self, subscription: Subscription, reminder: EventFilter) -> None:
        """The body of a reminder is documented nowhere; the subscription itself is taken."""
        owner, body = subscription.owner.extension, subscription.view(_HOST)
        subscription.sent += 1
        subscription.channel.send(envelope(reminder.text, subscription.id, owner, body))
