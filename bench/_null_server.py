"""A minimal server behind nginx, as an upper bound for ccfs: it checks nothing and returns the file that the body names."""

import json
import sys
from typing import Any

from granian.constants import Interfaces
from granian.server.mp import MPServer


async def app(scope: Any, protocol: Any) -> None:
    """Respond with an X-Accel-Redirect to the file that the body names."""
    body = await protocol()
    name = json.loads(body)["msgBody"]["fileName"].rpartition("/")[2] if body else ""
    path = f"/ccfs-files/0/1/bench/{name}"
    protocol.response_empty(200, [("content-length", "0"), *([("x-accel-redirect", path)] if name else [])])


if __name__ == "__main__":
    MPServer(
        "_null_server:app",
        address="127.0.0.1",
        port=int(sys.argv[1]),
        interface=Interfaces.RSGI,
        log_access=False,
        websockets=False,
    ).serve()
