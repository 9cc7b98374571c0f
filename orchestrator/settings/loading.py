"""From the environment to settings, and to the credentials that they name."""

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from orchestrator.domain.credentials import (
    DEFAULT,
    Credential,
    UnusableCredential,
    from_rows,
)
from orchestrator.settings import checks, redis_urls
from orchestrator.settings.model import Settings

OURS = "RINGOUT_"
SIMULATORS = "RINGOUT_SIMULATOR_"
"""The simulator reads these itself and answers for them."""


class ConfigurationError(Exception):
    """A setting is missing, unknown or malformed; the text names it and says what is right."""


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings in the environment; ConfigurationError naming each variable that is wrong."""
    given = os.environ if environment is None else environment
    known = {str(field.alias) for field in Settings.model_fields.values()}
    unknown = sorted(
        name
        for name in given
        if name.startswith(OURS) and not name.startswith(SIMULATORS) and name not in known
    )
    if unknown:
        raise ConfigurationError(f"{unknown[0]}: there is no such setting (see docs/settings.md)")
    present = {name: given[name] for name in known if given.get(name)}
    try:
        settings = Settings.model_validate(present)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        name = str(problem["loc"][0])
        message = problem["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"{name}: {message}") from None
    _check_together(settings)
    return settings


def _check_together(settings: Settings) -> None:
    if settings.sentinels and not redis_urls.names_master(settings.redis_url):
        raise ConfigurationError(
            "REDIS_URL: RINGOUT_REDIS_SENTINELS needs the name of the monitored master as its "
            "host: redis://main-redis/0"
        )
    if settings.notifications == "webhook" and not checks.can_be_called_back(settings.public_url):
        raise ConfigurationError(
            "RINGOUT_PUBLIC_URL: RINGOUT_NOTIFICATIONS=webhook needs it, and https unless it is a "
            "loopback address"
        )
    about = {"AUDIENCE": settings.oidc_audience, "JWKS_URL": settings.oidc_jwks_url}
    if not settings.oidc_issuer and (given := [name for name, value in about.items() if value]):
        raise ConfigurationError(
            f"RINGOUT_OIDC_ISSUER: RINGOUT_OIDC_{given[0]} needs it: whose tokens are taken"
        )
    if settings.oidc_issuer and not settings.oidc_audience:
        raise ConfigurationError(
            "RINGOUT_OIDC_AUDIENCE: RINGOUT_OIDC_ISSUER needs it: whom the provider's tokens have "
            "to be for"
        )


def contents(name: str, path: str) -> bytes:
    """What is in the file that a setting names; ConfigurationError where it cannot be read."""
    file = Path(path)
    try:
        # Opening a pipe that nobody writes to would wait for ever.
        if not stat.S_ISREG(file.stat().st_mode):
            raise ConfigurationError(f"{name}: {path}: must be a regular file")
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{name}: {path}: {error.strerror}") from None


def from_document(text: str) -> tuple[Credential, ...]:
    """The credentials in a JSON document; UnusableCredential naming the first that is wrong."""
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnusableCredential(f"not JSON: {error}") from None
    return from_rows(rows)


def configured_credentials(settings: Settings) -> tuple[Credential, ...]:
    """The credentials that the environment gives, the default one first; ConfigurationError."""
    default: tuple[Credential, ...] = ()
    if settings.api_key is not None:
        default = (Credential(DEFAULT, api_key=settings.api_key.get_secret_value()),)
    elif settings.client_id and settings.client_secret and settings.user_jwt:
        secret, jwt = settings.client_secret, settings.user_jwt
        parts = (settings.client_id, secret.get_secret_value(), jwt.get_secret_value())
        default = (Credential(DEFAULT, "~", "~", *parts),)
    return default + _from_file(settings.credentials_file)


def _from_file(path: str) -> tuple[Credential, ...]:
    if not path:
        return ()
    name = "RINGOUT_CREDENTIALS_FILE"
    try:
        return from_document(contents(name, path).decode())
    except (UnicodeDecodeError, UnusableCredential) as error:
        raise ConfigurationError(f"{name}: {path}: {error}") from None


def require_credentials(settings: Settings) -> None:
    """ConfigurationError where RingCentral could not be asked for want of a credential."""
    parts = {
        "RC_APP_CLIENT_ID": settings.client_id,
        "RC_APP_CLIENT_SECRET": settings.client_secret,
        "RC_USER_JWT": settings.user_jwt,
    }
    missing = [name for name, value in parts.items() if value is None]
    if settings.api_key is None and 0 < len(missing) < len(parts):
        raise ConfigurationError(f"{missing[0]}: the JWT flow needs it besides the others")
    if configured_credentials(settings) or settings.credentials_key is not None:
        return
    raise ConfigurationError(
        "RINGCENTRAL_API_KEY: no credential for RingCentral: set it, or RC_APP_CLIENT_ID, "
        "RC_APP_CLIENT_SECRET and RC_USER_JWT"
    )
