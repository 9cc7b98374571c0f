"""TLS by file, for a front end without a proxy before it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog

from orchestrator.settings import ConfigurationError, Settings, contents

CERTIFICATE, KEY = "RINGOUT_TLS_CERT", "RINGOUT_TLS_KEY"
HSTS = "max-age=31536000"
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Those of TLS 1.2 that keep no secret to lose later; 1.3 has no others."""
_WEAK = {
    "EE_KEY_TOO_SMALL": "the key that it certifies is too small: RSA needs 2048 bits",
    "CA_KEY_TOO_SMALL": "an issuer's key is too small: RSA needs 2048 bits",
    "CA_MD_TOO_WEAK": "it is signed with a digest that is too weak: use SHA-256",
}
"""What may be wrong with a certificate that is one, by OpenSSL's word for it."""
_OTHERS_KEY = ("KEY_VALUES_MISMATCH", "NO_CERTIFICATE_ASSIGNED")
_LOOK_S = 1.0

log = structlog.get_logger(__name__)


@asynccontextmanager
async def serving_tls(settings: Settings) -> AsyncIterator[ssl.SSLContext | None]:
    """What `tls_context` says; while the block runs, files that were renewed serve the connections
    from then on. Those that cannot be served with are told in the log, and the old ones go on.
    """
    context = tls_context(settings)
    if context is None:
        yield None
        return
    renewing = asyncio.create_task(_renew(context, settings))
    try:
        yield context
    finally:
        renewing.cancel()
        with suppress(asyncio.CancelledError):
            await renewing


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """What to serve with; None for plain HTTP. ConfigurationError naming the variable whose file
    is missing, not readable, or not what it should be."""
    certificate, key = settings.tls_certificate, settings.tls_key
    if not certificate and not key:
        return None
    for name, path, other in ((CERTIFICATE, certificate, KEY), (KEY, key, CERTIFICATE)):
        if not path:
            raise ConfigurationError(f"{name}: {other} needs it")
        contents(name, path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    _load(context, certificate, key)
    return context


async def _renew(context: ssl.SSLContext, settings: Settings) -> None:
    files = settings.tls_certificate, settings.tls_key
    served = [_stamp(path) for path in files]
    while True:
        await asyncio.sleep(_LOOK_S)
        found = [_stamp(path) for path in files]
        if found == served:
            continue
        served = found
        try:
            # A context that was given what does not fit has nothing left to serve with.
            tls_context(settings)
            _load(context, *files)
        except ConfigurationError as error:
            log.warning("tls_files_refused", problem=str(error))
        else:
            log.info("tls_files_renewed")


def _stamp(path: str) -> tuple[int, ...]:
    """Another one once the file, or what a link leads to, is another."""
    try:
        found = Path(path).stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _load(context: ssl.SSLContext, certificate: str, key: str) -> None:
    try:
        ssl.create_default_context(cafile=certificate)
    except ssl.SSLError:
        raise ConfigurationError(f"{CERTIFICATE}: {certificate}: not a PEM certificate") from None
    # Without a password OpenSSL would ask for one on the terminal.
    try:
        context.load_cert_chain(certificate, key, password="")  # it has none  # nosec B106
    except ssl.SSLError as error:
        told = f"{KEY}: {key}: not a PEM key without a password"
        if error.reason in _WEAK:
            told = f"{CERTIFICATE}: {certificate}: {_WEAK[error.reason]}"
        elif error.reason in _OTHERS_KEY:
            told = f"{KEY}: {key}: not the key of the certificate"
        raise ConfigurationError(told) from None
