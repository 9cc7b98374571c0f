"""When to look again: at a live call, at RingCentral after a lost answer, at a closed door.

All answers are milliseconds. Calls change most in their first seconds, and RingCentral allows
about 50 looks a minute for all calls of an extension together: so looks thin out with the call's
age, and further as the minute's allowance runs low.
"""

_LOOKS = ((10_000, 1_000), (30_000, 2_000), (120_000, 5_000))
_LATE_LOOK = 15_000
_THINNING = ((0.2, 4), (0.5, 2))

RECONCILE_AT = (4_000, 12_000, 35_000, 60_000, 90_000, 135_000)
"""When to look for a call whose answer was lost, after it was asked for: active calls show it
3 to 10 s late, the call log 15 to 30 s after its end (RingCentral's guides to both)."""

VANISHED_AT = (18_000, 35_000, 60_000, 90_000)
"""When to look for a call that RingCentral no longer knows, after it was missed: only the call
log can tell, 15 to 30 s after the call's end."""

BOUND_FOR = 90_000
"""How long a session that was seen going on may be in neither list before it is given up."""

FAULTS_FOR = 600_000
"""How long a look that cannot be made is tried again."""


def next_look(age: int, share_left: float = 1.0) -> int:
    """The wait before the next look at a live call of this age.

    `share_left` is how much of the minute's allowance is left, 0 to 1.
    """
    wait = next((wait for limit, wait in _LOOKS if age < limit), _LATE_LOOK)
    return wait * next((factor for share, factor in _THINNING if share_left < share), 1)


def next_reconcile(
    since: int, factor: float = 1.0, moments: tuple[int, ...] = RECONCILE_AT
) -> int | None:
    """The wait before the next of the `moments` after something `since` ago; None: give up."""
    scaled = (round(moment * factor) for moment in moments)
    return next((moment - since for moment in scaled if moment > since), None)


def backoff(attempt: int, first: int = 250, most: int = 5_000) -> int:
    """The wait before attempt number `attempt` + 1 at something that cannot be reached."""
    return int(min(most, first * 2 ** min(attempt, 16)))
