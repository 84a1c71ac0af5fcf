"""Ports of loopback for servers that tests start: each is given once, and no connection takes it meanwhile.

A port that the kernel chose is anybody's between the moment when it is let go and the moment when a server binds it, and
outgoing connections take such ports, too. These lie below all that the kernel chooses from where it is set as usual.
"""

import os
import socket
from itertools import count, islice

FIRST_PORT, LAST_PORT = 10_000, 32_000
PROCESS_STRIDE = 199  # so far from each other do processes begin that were started in a row
_numbers = count(os.getpid() * PROCESS_STRIDE)


def get_free_port() -> int:
    """A port that nothing listens on, and that nobody else in this run is given."""
    for number in islice(_numbers, LAST_PORT - FIRST_PORT):
        port = FIRST_PORT + number % (LAST_PORT - FIRST_PORT)
        if _is_free(port):
            return port
    raise RuntimeError(f"no port from {FIRST_PORT} to {LAST_PORT} is free")


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
