"""The hours of the day in which a call may be placed, by the clocks of the place it is about.

Hours are read off a wall clock: where clocks are set forward, what opens in the hour that is left
out opens when it is over; where they are set back, the hour that comes twice counts twice.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERY_DAY = frozenset(range(7))

_MINUTE_MS = 60_000
_TEXT = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d) (\S+)(?: ([a-z,]+))?")


@dataclass(frozen=True, slots=True)
class AllowedHours:
    """From `opens` until just before `closes` (minutes since midnight), where `closes` is on the
    next day unless it is later; `days` are those on which they open, Monday being 0."""

    opens: int
    closes: int
    zone: str
    days: frozenset[int] = EVERY_DAY

    @classmethod
    def read(cls, text: str) -> "AllowedHours":
        """The hours that `text` was made of; ValueError."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise ValueError("these are no hours")
        hour, minute, last_hour, last_minute = (int(part) for part in match.groups()[:4])
        named = match[6].split(",") if match[6] else DAYS
        days = frozenset(DAYS.index(name) for name in named)
        return cls(60 * hour + minute, 60 * last_hour + last_minute, match[5], days)

    def text(self) -> str:
        """Such as `08:00-21:00 America/New_York mon,tue`."""
        begin, end = (f"{at // 60:02}:{at % 60:02}" for at in (self.opens, self.closes))
        named = (
            "" if self.days == EVERY_DAY else " " + ",".join(DAYS[day] for day in sorted(self.days))
        )
        return f"{begin}-{end} {self.zone}{named}"

    def hold(self, moment: datetime) -> bool:
        """Whether a call may be placed when the clocks show this."""
        minute, day = 60 * moment.hour + moment.minute, moment.weekday()
        if self.opens < self.closes:
            return day in self.days and self.opens <= minute < self.closes
        yesterday = (moment.date() - timedelta(days=1)).weekday()
        is_late = day in self.days and minute >= self.opens
        return is_late or (yesterday in self.days and minute < self.closes)

    def open_at(self, now: int, zone: tzinfo) -> bool:
        """Whether a call may be placed at `now`, milliseconds since the epoch."""
        return self.hold(datetime.fromtimestamp(now / 1000, tz=zone))

    def opening(self, now: int, until: int, zone: tzinfo) -> int | None:
        """The first moment from `now` to just before `until` at which a call may be placed."""
        return self._first(now, until, zone, is_open=True)

    def closing(self, now: int, until: int, zone: tzinfo) -> int:
        """The first moment from `now` on at which no call may be placed, at the latest `until`."""
        found = self._first(now, until, zone, is_open=False)
        return until if found is None else found

    def _first(self, now: int, until: int, zone: tzinfo, *, is_open: bool) -> int | None:
        at = now
        while at < until:
            if self.open_at(at, zone) == is_open:
                return at
            at = (at // _MINUTE_MS + 1) * _MINUTE_MS
        return None
