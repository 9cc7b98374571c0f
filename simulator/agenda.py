"""What is due when, on the simulated clock: one heap, and one timer of the loop for its head."""

import asyncio
import heapq
import itertools
from collections.abc import Callable

from simulator.clock import SimulatedClock

_LONGEST = 3600.0
"""A timer of the loop is set for no longer; the clock may be made to run faster meanwhile."""

Task = Callable[[], None]


class Agenda:
    """Runs tasks when the simulated clock reaches their time, in the order of their times."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Task]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        clock.on_change = self._plan

    def __len__(self) -> int:
        return len(self._heap)

    def at(self, moment: float, task: Task) -> None:
        """Has a task run once the clock shows `moment`; never before this returns."""
        heapq.heappush(self._heap, (moment, next(self._order), task))
        if self._heap[0][2] is task:
            self._plan()

    def clear(self) -> None:
        """Forgets all of it."""
        self._heap.clear()
        self._plan()

    def _plan(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._heap:
            left = (self._heap[0][0] - self._clock.now()) / self._clock.speed
            delay = min(max(left, 0.0), _LONGEST)
            self._timer = asyncio.get_running_loop().call_later(delay, self._run)

    def _run(self) -> None:
        self._timer = None
        now = self._clock.now()
        while self._heap and self._heap[0][0] <= now:
            heapq.heappop(self._heap)[2]()
        if self._timer is None:
            self._plan()
