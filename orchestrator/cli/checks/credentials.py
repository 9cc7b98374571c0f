"""All credentials: those of the configuration, and those in Redis."""

from orchestrator import runtime
from orchestrator.domain.errors import StorageUnavailable
from orchestrator.domain.findings import Finding
from orchestrator.runtime import Backend, Upstream
from orchestrator.service.checkup.survey import Survey, spare_logins, summed_up
from orchestrator.settings import ConfigurationError, Settings, require_credentials

_NONE = Finding(
    "credential",
    "fail",
    "there is none: no call can be placed",
    "set RINGCENTRAL_API_KEY, or RC_APP_CLIENT_ID, RC_APP_CLIENT_SECRET and RC_USER_JWT, or add "
    "some: `ringout credentials add`",
)


async def checked(settings: Settings, parts: Backend) -> list[Finding]:
    """What there is to say of one credential, or of all in a few lines."""
    try:
        require_credentials(settings)
    except ConfigurationError as error:
        return [Finding("credential", "fail", str(error), "see docs/credentials.md")]
    async with runtime.upstream(settings, parts.commands) as ways:
        try:
            return await _all(settings, parts, ways)
        except StorageUnavailable:
            return [Finding("credential", "warn", "not checked: that needs Redis")]


async def _all(settings: Settings, parts: Backend, ways: Upstream) -> list[Finding]:
    store = runtime.credential_store(settings, parts.commands)
    listed, parked = await store.listed(), await store.parked()
    await ways.book.refresh()
    known = ways.book.directory.all
    survey = Survey(
        ways.fleet,
        runtime.now,
        parked,
        logins=spare_logins(settings.logins_a_minute),
        thorough=True,
    )
    found = await survey.of_all(known)
    closed = [one.name for one in listed if ways.book.named(one.name) is None]
    return [*(summed_up(found) if known else [] if closed else [_NONE]), *_closed(closed)]


def _closed(names: list[str]) -> list[Finding]:
    if not names:
        return []
    what = f"{len(names)} in Redis cannot be opened with the key at hand, {names[0]} for one"
    advice = "set RINGOUT_CREDENTIALS_KEY to the key that they were added with, or add them again"
    return [Finding("credential key", "fail", what, advice)]
