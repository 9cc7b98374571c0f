"""TLS by file, for a front end without a proxy before it."""

import ssl
from pathlib import Path

from orchestrator.settings import ConfigurationError, Settings

CERTIFICATE, KEY = "RINGOUT_TLS_CERT", "RINGOUT_TLS_KEY"
HSTS = "max-age=31536000"
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Those of TLS 1.2 that keep no secret to lose later; 1.3 has no others."""


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """What to serve with; None for plain HTTP. ConfigurationError naming the variable whose file
    is missing, not readable, or not what it should be."""
    certificate, key = settings.tls_certificate, settings.tls_key
    if not certificate and not key:
        return None
    for name, path, other in ((CERTIFICATE, certificate, KEY), (KEY, key, CERTIFICATE)):
        if not path:
            raise ConfigurationError(f"{name}: {other} needs it")
        _check_readable(name, path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    _load(context, certificate, key)
    return context


def _check_readable(name: str, path: str) -> None:
    try:
        with Path(path).open("rb"):
            return
    except OSError as error:
        raise ConfigurationError(f"{name}: {path}: {error.strerror}") from None


def _load(context: ssl.SSLContext, certificate: str, key: str) -> None:
    try:
        ssl.create_default_context(cafile=certificate)
    except ssl.SSLError:
        raise ConfigurationError(f"{CERTIFICATE}: {certificate}: not a PEM certificate") from None
    # Without a password OpenSSL would ask for one on the terminal.
    try:
        context.load_cert_chain(certificate, key, password="")  # it has none  # nosec B106
    except ssl.SSLError as error:
        is_other = error.reason == "KEY_VALUES_MISMATCH"
        what = "not the key of the certificate" if is_other else "not a PEM key without a password"
        raise ConfigurationError(f"{KEY}: {key}: {what}") from None
