"""How many requests each bucket let through, refused, and got inside a penalty."""

from collections import defaultdict

from simulator.limits import BucketKey

Counts = dict[str, int]
EVERYONE = "everyone"


class Usage:
    """Counts by whoever a bucket is counted by (an extension; an application for logins counted so;
    an account; everyone) and by its group."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, Counts]] = defaultdict(lambda: defaultdict(_nothing))

    def count(self, bucket: BucketKey, *, refused: bool, inside_penalty: bool) -> None:
        """One request more."""
        counts = self._of(bucket)
        counts["refused" if refused else "accepted"] += 1
        counts["inside_penalty"] += inside_penalty

    def inside(self, bucket: BucketKey) -> None:
        """A request that was let through its own bucket came inside a wider penalty."""
        self._of(bucket)["inside_penalty"] += 1

    def view(self) -> dict[str, dict[str, Counts]]:
        """`{"400131426001": {"heavy": {"accepted": 1, "refused": 0, "inside_penalty": 0}}}`."""
        return {
            holder: {group: dict(counts) for group, counts in groups.items()}
            for holder, groups in self._counts.items()
        }

    def penalties(self) -> dict[str, Counts]:
        """How many requests came inside a penalty, by holder and group; only where there were."""
        found: dict[str, Counts] = {}
        for holder, groups in self._counts.items():
            for group, counts in groups.items():
                if counts["inside_penalty"]:
                    found.setdefault(holder, {})[group] = counts["inside_penalty"]
        return found

    def _of(self, bucket: BucketKey) -> Counts:
        user, app, group = bucket
        return self._counts[user or app or EVERYONE][group]


def _nothing() -> Counts:
    return {"accepted": 0, "refused": 0, "inside_penalty": 0}
