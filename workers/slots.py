"""Who may be sent to now: a share of the worker for deliveries, and a share of that for each
receiver, so that one that hangs keeps nobody else waiting."""

from collections import OrderedDict
from dataclasses import dataclass
from random import uniform

_MOST_OF_ONE = 10
_MOST_OF_A_SLOW_ONE = 2
_SLOW_S = 2.0
_MOST_REMEMBERED = 1_000
_SHORTEST_S, _LONGEST_S = 0.05, 60.0
_SMOOTHING = 0.3


@dataclass(slots=True)
class _Receiver:
    """`typical` is what an attempt takes (s); `put_off` counts those told to come again."""

    in_flight: int = 0
    put_off: int = 0
    typical: float = 0.1

    @property
    def most(self) -> int:
        return _MOST_OF_A_SLOW_ONE if self.typical > _SLOW_S else _MOST_OF_ONE


class Slots:
    """Counts the attempts under way in this process."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._in_flight = 0
        self._receivers: OrderedDict[str, _Receiver] = OrderedDict()

    def take(self, name: str) -> float:
        """0 where an attempt may begin now (`give_back` ends it), else the seconds to wait: about
        as long as those before it need."""
        one = self._of(name)
        if self._in_flight < self._most and one.in_flight < one.most:
            self._in_flight += 1
            one.in_flight += 1
            one.put_off = max(0, one.put_off - 1)
            return 0.0
        one.put_off += 1
        needed = one.put_off * one.typical / one.most
        return min(_LONGEST_S, max(_SHORTEST_S, needed)) * uniform(0.5, 1.5)  # noqa: S311

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
                if not known.in_flight:
                    del self._receivers[other]
                    break
        return one
