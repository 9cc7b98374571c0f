"""What holds a call back that could be placed: a pause, and the hours in which it may be.

It waits out of its lane and without a line, so that the calls behind it go on, and says why it
waits. The end of a pause starts it again; what is waited for here is the net below that.
"""

from typing import Any, NoReturn

from orchestrator.domain import holds
from orchestrator.service.holding import Hold
from orchestrator.storage.records import Record
from workers.context import Work, again_in


async def wait(work: Work, record: Record, request: dict[str, Any], hold: Hold) -> NoReturn:
    """Says why the call waits, and lets it."""
    written = await work.store.change(record, lambda call: holds.held(call, hold.reason))
    call = written.record.call
    await work.lanes.leave(call.id, call.credential)
    await work.lines.leave(call, work.book.payer_named(call.credential), request)
    left = (call.expires_at - work.clock()) / 1000
    raise again_in(min(hold.seconds, left))


async def go_on(work: Work, record: Record) -> None:
    """Takes back what was said, where the call waits for nothing but its turn."""
    if record.call.reason is not None:
        await work.store.change(record, lambda call: holds.held(call, None))
