"""Who may be sent to now: a share of the worker for deliveries, and a share of that for each
receiver, so that one that hangs keeps nobody else waiting."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from secrets import SystemRandom

_chance = SystemRandom()
_MOST_OF_ONE = 10
_MOST_OF_A_SLOW_ONE = 2
_SLOW_S = 2.0
_MOST_REMEMBERED = 1_000
_SHORTEST_S, _LONGEST_S = 0.05, 60.0
_SMOOTHING = 0.3


@dataclass(slots=True)
class _Receiver:
    """`typical` is what an attempt takes (s); `put_off` is when those come again that were told
    to: one whose time has come does not wait any more, wherever it is attempted."""

    in_flight: int = 0
    typical: float = 0.1
    put_off: list[float] = field(default_factory=list)

    @property
    def most(self) -> int:
        return _MOST_OF_A_SLOW_ONE if self.typical > _SLOW_S else _MOST_OF_ONE

    def turn(self, now: float) -> float:
        """The wait of one more, behind those that wait now."""
        while self.put_off and self.put_off[0] <= now:
            heappop(self.put_off)
        needed = (len(self.put_off) + 1) * self.typical / self.most
        wait = min(_LONGEST_S, max(_SHORTEST_S, needed)) * _chance.uniform(0.5, 1.5)
        heappush(self.put_off, now + wait)
        return wait


class Slots:
    """Counts the attempts under way in this process."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`most` is for all receivers together; `clock` answers seconds."""
        self._most = most
        self._clock = clock
        self._in_flight = 0
        self._receivers: OrderedDict[str, _Receiver] = OrderedDict()

    def take(self, name: str) -> float:
        """0 where an attempt may begin now (`give_back` ends it), else the seconds to wait: about
        as long as those before it need."""
        one = self._of(name)
        if self._in_flight < self._most and one.in_flight < one.most:
            self._in_flight += 1
            one.in_flight += 1
            return 0.0
        return one.turn(self._clock())

    def give_back(self, name: str, took: float) -> None:
        """An attempt has ended, after so many seconds."""
        one = self._of(name)
        self._in_flight -= 1
        one.in_flight -= 1
        one.typical += (took - one.typical) * _SMOOTHING

    def _of(self, name: str) -> _Receiver:
        one = self._receivers.setdefault(name, _Receiver())
        self._receivers.move_to_end(name)
        if len(self._receivers) > _MOST_REMEMBERED:
            for other, known in self._receivers.items():
                if not known.in_flight and known is not one:
                    del self._receivers[other]
                    break
        return one
