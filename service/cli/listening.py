"""The socket the service listens on, and the URL that leads there."""

from __future__ import annotations

import errno
import socket

from service.core.errors import ConfigError

# What an address that stands for all of them is reached by on this machine.
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  known, not bound to
_TAKEN = (errno.EADDRINUSE, errno.EACCES)


def listen(host: str, port: int) -> socket.socket:
    """Take the port before anything else is started, so that a taken one is told at once.

    Args:
        host: an address or a name of this machine.
        port: 0 takes a free one.

    Raises:
        ConfigError: there is no such address here, or the port is taken or not allowed.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise _refused(host, port, error) from error
    # Named, because asyncio switches Nagle's algorithm off only where it sees TCP; with it on,
    # every answer waits 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        # Who calls from now on waits until the service is there.
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise _refused(host, port, error) from error
    return listener


def base_url(listener: socket.socket) -> str:
    """Where somebody on this machine reaches the service."""
    host, port = listener.getsockname()[:2]
    return f"http://{_place(_LOOPBACK.get(host, host), port)}"


def _place(host: str, port: int) -> str:
    """As it stands in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _refused(host: str, port: int, error: Exception) -> ConfigError:
    taken = isinstance(error, OSError) and error.errno in _TAKEN
    return ConfigError(
        f"cannot listen on {_place(host, port)}",
        detail=getattr(error, "strerror", None) or str(error),
        hint=f"{'MAGRAY_PORT=8081' if taken else 'MAGRAY_HOST=127.0.0.1'} magray serve",
    )
