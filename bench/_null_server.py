"""The least that can stand in ccfs's place behind nginx: it checks nothing, and hands over what the body names."""

import json
import sys
from typing import Any

from granian.constants import Interfaces
from granian.server.mp import MPServer


async def app(scope: Any, protocol: Any) -> None:
    """Answer with an X-Accel-Redirect to the file that the body names, by the place where the bench keeps it."""
    body = await protocol()
    name = json.loads(body)["msgBody"]["fileName"].rpartition("/")[2] if body else ""
    place = f"/ccfs-files/0/1/bench/{name}"
    protocol.response_empty(200, [("content-length", "0"), *([("x-accel-redirect", place)] if name else [])])


if __name__ == "__main__":
    MPServer(
        "_null_server:app",
        address="127.0.0.1",
        port=int(sys.argv[1]),
        interface=Interfaces.RSGI,
        log_access=False,
        websockets=False,
    ).serve()
