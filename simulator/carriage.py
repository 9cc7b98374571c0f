"""What may happen to a notification on its way to a subscription.

It can be lost, late, sent twice with the same `uuid`, or held back until the session's next one
has gone ("an event with a sequence number of 5 can be received before sequence 2 or 3",
ringcentral-api-docs, docs/voice/telephony-session-notifications.md). What does happen is drawn
from the seed, the numbers of the subscription and the call, and the sequence: the same in every
run. A session's last notification is never held back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from simulator.agenda import Agenda
from simulator.ids import fraction
from simulator.settings import Tuning
from simulator.subscriptions import Event, Subscription

About = tuple[str, int]
"""The kind of session and the number of the call."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification for one subscription."""

    to: Subscription
    about: About
    sequence: int
    at: float
    """When what it tells of happened, on the simulated clock."""
    last: bool
    event: Event


class Carriage:
    """Carries notices to the channels of their subscriptions."""

    def __init__(self, agenda: Agenda, tuning: Callable[[], Tuning]) -> None:
        self._agenda = agenda
        self._tuning = tuning
        self._held: dict[tuple[int, About], list[Notice]] = {}

    def hand_over(self, notice: Notice) -> None:
        """Sends a notice on its way."""
        tuning = self._tuning()
        notice.to.sent += 1
        if self._drawn(notice, "loss") < tuning.notice_loss:
            notice.to.lost += 1
            return
        low, high = tuning.notice_lag
        arrival = notice.at + low + (high - low) * self._drawn(notice, "lag")
        if arrival > notice.at:
            self._agenda.at(arrival, partial(self._arrived, notice, arrival))
        else:
            self._arrived(notice, arrival)

    def clear(self) -> None:
        """Forgets what is held back."""
        self._held.clear()

    def _arrived(self, notice: Notice, arrival: float) -> None:
        tuning, key = self._tuning(), (notice.to.number, notice.about)
        if not notice.last and self._drawn(notice, "shuffle") < tuning.notice_shuffle:
            self._held.setdefault(key, []).append(notice)
            self._agenda.at(arrival + tuning.notice_hold, partial(self._release, key))
            return
        self._send(notice)
        self._release(key)

    def _release(self, key: tuple[int, About]) -> None:
        for notice in self._held.pop(key, []):
            self._send(notice)

    def _send(self, notice: Notice) -> None:
        twice = self._drawn(notice, "duplicates") < self._tuning().notice_duplicates
        for _ in range(2 if twice else 1):
            notice.to.channel.send(notice.event)

    def _drawn(self, notice: Notice, what: str) -> float:
        kind, number = notice.about
        name = f"notice-{what}:{notice.to.number}:{kind}:{notice.sequence}"
        return fraction(self._tuning().seed, name, number)
