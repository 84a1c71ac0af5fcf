"""The listening socket. One process binds it, and no other program can do so at the same time."""

import socket
from collections.abc import Callable

BACKLOG = (
    4096  # connections that the kernel keeps until a web process accepts them; a further client tries again after 1 s
)


class AddressUnavailable(Exception):
    """The address cannot be bound. The text is the reason."""


def bind_socket(host: str, port: int) -> socket.socket:
    """Return a bound socket. Raise AddressUnavailable, for example if another program listens there.

    The socket has no SO_REUSEPORT: two servers on one port would share its connections at random. SO_REUSEADDR only lets a
    server restart while connections of the previous one time out.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise AddressUnavailable(f"cannot listen on {_format(host, port)}: {error.strerror or error}") from None
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _attempt(bound, host, port, lambda: bound.bind(address))
    return bound


def start_listening(bound: socket.socket) -> None:
    """Listen on a bound socket. Raise AddressUnavailable."""
    host, port = bound.getsockname()[:2]
    _attempt(bound, host, port, lambda: bound.listen(BACKLOG))


def _attempt(bound: socket.socket, host: str, port: int, action: Callable[[], object]) -> None:
    try:
        action()
    except OSError as error:
        bound.close()
        raise AddressUnavailable(f"cannot listen on {_format(host, port)}: {error.strerror or error}") from None


def _format(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
