"""Where a process listens."""

import errno
import os
import socket

from orchestrator.settings import ConfigurationError

_BACKLOG = 2048
_NO_PORT = (errno.EADDRINUSE, errno.EACCES)


def listen(variable: str, host: str, port: int, instead: str = "choose another") -> socket.socket:
    """A socket that listens at an address.

    ConfigurationError where that cannot be. It names `<variable>_PORT` where the port is taken or
    not permitted, and says what to do `instead`; and `<variable>_HOST` where the address is wrong.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError):
        raise ConfigurationError(f"{variable}_HOST: {host} is not an address here") from None
    try:
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        if error.errno in _NO_PORT:
            told = f"{variable}_PORT: cannot listen on {host} port {port} ({why}); {instead}"
        else:
            told = f"{variable}_HOST: cannot listen on {host} ({why}); it must be of this machine"
        raise ConfigurationError(told) from None
