"""Connections that receive only so much.

A body can be left unread, but interim answers and chunk extensions are parsed as they come, without
end and without a pause for anything else in the process.
"""

from functools import partial
from typing import Any, cast

from aiohttp import ClientPayloadError, TCPConnector
from aiohttp.client_proto import ResponseHandler

MOST_RECEIVED = 96 * 1024
_CLOSED_AFTER_S = 0.5


class AnswerTooLong(ClientPayloadError):
    """More came than is read of any answer."""


class BoundedConnector(TCPConnector):
    """Reads 96 KiB of a connection and closes it soon after, so that what they held is seen."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        bounded = partial(_Bounded, loop=self._loop)
        self._factory = cast("partial[ResponseHandler]", bounded)


class _Bounded(ResponseHandler):
    _left = MOST_RECEIVED

    def data_received(self, data: bytes) -> None:
        if self._parser is None:  # kept, as far as it is not much, and handed here again
            super().data_received(data)
            return
        if self._left > 0:
            super().data_received(data[: self._left])
            self._left -= len(data)
            if self._left <= 0:
                self._loop.call_later(_CLOSED_AFTER_S, self._give_up)
        if self._left <= 0 and self.transport is not None:
            self.transport.pause_reading()

    def _give_up(self) -> None:
        if self.transport is not None:
            self.set_exception(AnswerTooLong())
            self.transport.abort()
