"""Subscriptions: what each is told of, by which way, and how long it lives.

Shapes: `SubscriptionInfo` of RingCentral's OpenAPI document. Lives run on the machine's clock.
A webhook's ends after `expiresIn` seconds unless it is renewed; one of a WebSocket lives with
its connection ("renewed automatically while websocket session is alive", renewSubscription).
"""

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from simulator.auth import Identity
from simulator.clock import rfc3339
from simulator.filters import EventFilter, Kind

MOST = 20
"""Of an extension and application (createSubscription)."""
LONGEST = 315_360_000
"""Seconds a webhook's may live (UpdateSubscriptionRequest)."""
WEBSOCKET_LIFE = 86_400.0

Event = dict[str, Any]


Reminder = Callable[["Subscription", EventFilter], None]


class Channel(Protocol):
    """The way events of one subscription go."""

    @property
    def mode(self) -> dict[str, Any]:
        """The subscription's `deliveryMode`."""

    def send(self, event: Event) -> None:
        """Has an event delivered, some time after this returns."""

    def close(self) -> None:
        """Delivers nothing any more."""


@dataclass(slots=True, eq=False)
class Subscription:
    """One subscription. `number` counts them from 0, the same in every run."""

    number: int
    owner: Identity
    channel: Channel
    filters: list[EventFilter]
    disabled: list[dict[str, str]]
    life: float
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: float = field(default_factory=time.time)
    expires: float = field(init=False)
    blacklisted: dict[str, str] | None = None
    """When and why, as `blacklistedData`."""
    sent: int = 0
    lost: int = 0
    delivered: int = 0
    failed: int = 0
    timers: list[asyncio.TimerHandle] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.renew(self.life)

    def renew(self, life: float) -> None:
        """Lives for so many seconds from now."""
        self.life = life
        self.expires = time.time() + life

    def filter_for(self, kind: Kind, account: str, extension: str) -> EventFilter | None:
        """The filter by which this subscription is told of an extension's events."""
        kinds = (one for one in self.filters if one.kind == kind)
        return next((one for one in kinds if one.covers(account, extension)), None)

    def view(self, base: str) -> dict[str, Any]:
        """The JSON of the subscription."""
        info: dict[str, Any] = {
            "uri": f"{base}/restapi/v1.0/subscription/{self.id}",
            "id": self.id,
            "creationTime": rfc3339(self.created),
            "status": "Blacklisted" if self.blacklisted else "Active",
            "eventFilters": [one.text for one in self.filters],
            "expirationTime": rfc3339(self.expires),
            "expiresIn": max(1, int(self.expires - time.time())),
            "deliveryMode": self.channel.mode,
        }
        if self.disabled:
            info["disabledFilters"] = self.disabled
        return info | ({"blacklistedData": self.blacklisted} if self.blacklisted else {})

    def counts(self) -> dict[str, Any]:
        """How many events were made for it, and what became of them, for tests."""
        return {
            "id": self.id,
            "extension": self.owner.extension,
            "transport": self.channel.mode["transportType"],
            "status": "Blacklisted" if self.blacklisted else "Active",
            "sent": self.sent,
            "lost": self.lost,
            "delivered": self.delivered,
            "failed": self.failed,
        }


class Subscriptions:
    """All of them; `changed` is called when one comes or goes."""

    def __init__(self, changed: Callable[[], None], remind: Reminder) -> None:
        self._changed = changed
        self._remind = remind
        self._by_id: dict[str, Subscription] = {}
        self._by_extension: dict[str | None, list[Subscription]] = {}
        self._created = 0

    def __len__(self) -> int:
        return len(self._by_id)

    @property
    def about_calls(self) -> bool:
        """Whether any is to be told of calls."""
        return bool(self._by_extension)

    def about(self, extension: str) -> list[Subscription]:
        """Those that are to be told of an extension's calls, the account's after its own."""
        own = self._by_extension.get(extension, [])
        return own + [one for one in self._by_extension.get(None, []) if one not in own]

    def indexed(self) -> None:
        """Takes note of filters that have changed."""
        index: dict[str | None, list[Subscription]] = {}
        for one in self.all():
            for extension in {each.extension for each in one.filters if each.kind != "reminder"}:
                index.setdefault(extension, []).append(one)
        self._by_extension = index
        self._changed()

    def all(self) -> list[Subscription]:
        """Oldest first."""
        return list(self._by_id.values())

    def owned_by(self, who: Identity) -> list[Subscription]:
        """Those of an extension and application, oldest first."""
        key = (who.extension, who.app)
        return [one for one in self.all() if (one.owner.extension, one.owner.app) == key]

    def find(self, who: Identity, wanted: str) -> Subscription | None:
        """One of an extension's own."""
        return next((one for one in self.owned_by(who) if one.id == wanted), None)

    def add(
        self,
        who: Identity,
        channel: Channel,
        filters: list[EventFilter],
        disabled: list[dict[str, str]],
        life: float,
    ) -> Subscription:
        """A new one, of which the events from now on are told."""
        one = Subscription(self._created, who, channel, filters, disabled, life)
        self._created += 1
        self._by_id[one.id] = one
        self.schedule(one)
        self.indexed()
        return one

    def remove(self, one: Subscription) -> None:
        """Ends one; nothing is delivered any more."""
        if self._by_id.pop(one.id, None) is not None:
            _forget_timers(one)
            one.channel.close()
            self.indexed()

    def clear(self) -> None:
        """Ends all."""
        for one in self.all():
            del self._by_id[one.id]
            _forget_timers(one)
            one.channel.close()
        self.indexed()

    def schedule(self, one: Subscription) -> None:
        """Sets the end of a webhook's, and its reminders, by its life as it is now."""
        _forget_timers(one)
        if one.channel.mode["transportType"] != "WebHook":
            return
        loop = asyncio.get_running_loop()
        one.timers.append(loop.call_later(one.life, self.remove, one))
        for reminder in (each for each in one.filters if each.kind == "reminder"):
            self._remind_in(one.life - reminder.seconds[0], one, reminder)

    def _remind_in(self, delay: float, one: Subscription, reminder: EventFilter) -> None:
        loop = asyncio.get_running_loop()
        ahead = [timer for timer in one.timers if timer.when() > loop.time()]
        one.timers = [*ahead, loop.call_later(delay, self._reminded, one, reminder)]

    def _reminded(self, one: Subscription, reminder: EventFilter) -> None:
        self._remind(one, reminder)
        self._remind_in(reminder.seconds[1], one, reminder)


def _forget_timers(one: Subscription) -> None:
    for timer in one.timers:
        timer.cancel()
    one.timers.clear()
