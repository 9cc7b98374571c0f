"""The seats of one process for requests under way: one each, but none while a body is awaited.

A body that does not come costs its sender nothing: with a seat, a few of them would keep out all
others.
"""

from aiohttp import web


class NoSeatError(Exception):
    """As many requests are under way as may be."""


class Seats:
    """Counts the seats that are taken; at most `most` at the same time."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0


class RequestSeat:
    """The seat of one request."""

    def __init__(self, seats: Seats) -> None:
        self._seats = seats
        self.is_taken = False

    def take(self) -> None:
        """NoSeatError where all are taken."""
        if self._seats.taken >= self._seats.most:
            raise NoSeatError
        self._seats.taken += 1
        self.is_taken = True

    def leave(self) -> None:
        """It is free for others, if it was taken."""
        if self.is_taken:
            self._seats.taken -= 1
            self.is_taken = False


SEAT = web.RequestKey("seat", RequestSeat)
