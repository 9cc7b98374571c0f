"""When to look again: at a live call, at RingCentral after a lost answer, at a closed door.

All answers are milliseconds. Calls change most in their first seconds, and RingCentral allows
about 50 looks a minute for all calls of an extension together: so looks thin out with the call's
age, and further as the minute's allowance runs low.
"""

_LOOKS = ((10_000, 1_000), (30_000, 2_000), (120_000, 5_000))
_LATE_LOOK = 15_000
_THINNING = ((0.2, 4), (0.5, 2))

PRESENCE_EVERY = 2_500
"""How often an extension with several live calls is looked at as a whole: 24 of 50 light requests
a minute, the others are left for the statuses of calls that move."""

_READ_ANYWAY = ((30_000, 10_000), (120_000, 30_000))
_LATE_READ = 120_000
_ANSWERED_READ = 4_000

PRESENCE_SHARED = 2_000
LOG_SHARED = 10_000
"""For how long one answer of presence, and of the call log, serves all lost calls of an extension:
the log is one of ten requests a minute, and an outage loses many calls at once."""

RECONCILE_AT = (1_500, 7_000, 17_000, 35_000, 60_000, 90_000, 146_000)
"""When to look for a call whose answer was lost, after it was asked for. Presence shows it nearly
at once and is asked each time, at 5 s and 15 s for the record (an answer may be two seconds old);
the call log shows it 15 to 30 s after its end (RingCentral's guide), so it is asked from 35 s on,
and once when even a phone that rang unanswered for as long as one can has been in it for long."""

VANISHED_AT = (300, 18_000, 35_000, 60_000, 90_000)
"""When to look for a call that RingCentral no longer knows, after it was missed: its telephony
session tells at once, where the app may read it; the call log 15 to 30 s after the call's end."""

BOUND_FOR = 90_000
"""How long a session that was seen going on may be in neither list before it is given up."""

FAULTS_FOR = 600_000
"""How long a look that cannot be made is tried again."""

_STRETCH = 6
_SHORTEST_STRETCHED = 5_000
_LONGEST_STRETCHED = 60_000

NOTICE_IS_FRESH = 5_000
"""For so long after a notification a status may not show yet what it told: it is read as often as
without. A call's end that was not told of within so long afterwards puts the feed into doubt."""

DOUBT = 60_000
"""For how long a feed that missed the end of a call is not relied on."""


def next_look(age: int, share_left: float = 1.0) -> int:
    """The wait before the next look at a live call of this age.

    `share_left` is how much of the minute's allowance is left, 0 to 1.
    """
    wait = next((wait for limit, wait in _LOOKS if age < limit), _LATE_LOOK)
    return wait * next((factor for share, factor in _THINNING if share_left < share), 1)


def stretched(wait: int) -> int:
    """The wait before the next look at a call whose changes RingCentral tells of, instead of
    `wait`: a safety net."""
    return max(wait, min(_LONGEST_STRETCHED, max(_SHORTEST_STRETCHED, wait * _STRETCH)))


def is_in_doubt(missed: int | None) -> bool:
    """Whether a feed that is not known to have told of a call's end, so long ago, is doubted."""
    return missed is not None and NOTICE_IS_FRESH <= missed < NOTICE_IS_FRESH + DOUBT


def reading_is_due(age: int, unread: int, *, answered: bool) -> bool:
    """Whether the status of a call is to be read though its extension's presence shows no change.

    `unread` is how long ago it was read. `answered`: the first leg has answered and the second has
    not, as far as is known: that it does is told by nothing but the status.
    """
    wait = next((wait for limit, wait in _READ_ANYWAY if age < limit), _LATE_READ)
    return unread >= (min(wait, _ANSWERED_READ) if answered else wait)


def next_reconcile(
    since: int, factor: float = 1.0, moments: tuple[int, ...] = RECONCILE_AT
) -> int | None:
    """The wait before the next of the `moments` after something `since` ago; None: give up."""
    scaled = (round(moment * factor) for moment in moments)
    return next((moment - since for moment in scaled if moment > since), None)


def backoff(attempt: int, first: int = 250, most: int = 5_000) -> int:
    """The wait before attempt number `attempt` + 1 at something that cannot be reached."""
    return int(min(most, first * 2 ** min(attempt, 16)))
