"""Ending a call by its telephony session, at whatever point it is: where the app has RingCentral's
CallControl permission, this works when the DELETE of the ring-out no longer does.

Only a session is ended that RingCentral itself shows to be a ring-out of the call's phones.
"""

import structlog

from orchestrator.domain import endings
from orchestrator.domain.errors import UpstreamRefused
from orchestrator.domain.sessions import Session
from orchestrator.domain.verdicts import Source
from workers.sources import Inquiry

log = structlog.get_logger(__name__)


async def hang_up(inquiry: Inquiry) -> bool:
    """Whether RingCentral agreed to end the call's session; that it ended is to be verified.

    False where the session is not known, not readable or over. Raises the domain's errors.
    """
    work, call = inquiry.work, inquiry.call
    session = await _session(inquiry)
    if session is None:
        return False
    try:
        await work.upstream(call).end_session(call.account_id, session.session_id)
    except UpstreamRefused as refusal:
        log.info("session_not_ended", call=call.id, code=refusal.error_code)
        if refusal.http_status == 403:
            work.permissions.refused(call.credential, Source.SESSION, work.clock())
        return False
    written = await work.store.change(
        inquiry.record, lambda now: endings.hung_up(now, work.clock(), session.session_id)
    )
    return written.applied


async def _session(inquiry: Inquiry) -> Session | None:
    """The call's session, as long as it goes on; its id, or that of its ring-out."""
    for session_id in (inquiry.call.session_id, inquiry.call.ringout_id):
        if session_id is None or inquiry.was_denied(Source.SESSION, session_id):
            continue
        session = await inquiry.session(session_id)
        if session is not None and inquiry.is_of_the_call(session):
            return None if session.is_over else session
        if inquiry.fault is not None:
            raise inquiry.fault
    return await _by_content(inquiry)


async def _by_content(inquiry: Inquiry) -> Session | None:
    """The session that presence shows to be the call's and no other's, if it is a ring-out's."""
    if not (inquiry.may_ask(Source.SESSION) and inquiry.may_ask(Source.PRESENCE)):
        return None
    rows = await inquiry.presence()
    if rows is None or not inquiry.sought.numbers:
        return None
    match = await inquiry.match(Source.PRESENCE, rows)
    if match.one is None:
        return None
    session = await inquiry.session(match.one.session_id)
    is_live = session is not None and inquiry.is_of_the_call(session) and not session.is_over
    return session if is_live else None
