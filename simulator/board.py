"""The calls that are live or ended not long ago, by extension."""

from collections.abc import Callable

from simulator.calls import Call


class Board:
    """Finds an extension's calls without looking at all there ever were."""

    def __init__(self, shown: Callable[[Call], bool]) -> None:
        self._shown = shown
        """Whether anything may still want to see a call."""
        self._by_extension: dict[str, dict[int, Call]] = {}

    def add(self, call: Call) -> None:
        """A call that has just been dialled."""
        calls = self._by_extension.setdefault(call.extension, {})
        calls[call.number] = call
        first = next(iter(calls.values()))
        if not self._shown(first):
            del calls[first.number]

    def of(self, extension: str) -> list[Call]:
        """One extension's, oldest first."""
        calls = self._by_extension.get(extension, {})
        for call in [one for one in calls.values() if not self._shown(one)]:
            del calls[call.number]
        return list(calls.values())

    def all(self) -> list[Call]:
        """All extensions', oldest first."""
        calls = [call for extension in self._by_extension for call in self.of(extension)]
        return sorted(calls, key=_number)


def _number(call: Call) -> int:
    return call.number
