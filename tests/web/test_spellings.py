"""Names spelled so that they might lead out of an app, out of a folder, or to a file by a detour: none does."""

from typing import Any
from urllib.parse import quote

import pytest

from ccfs.protocol.operations import BASE_PATH
from tests.cast import Cast
from tests.web.callers import Caller, send
from tests.web.doors import Ask, assert_refused, doors
from tests.web.serving import Server

OUTSIDE = [
    "../../ccfs.db",
    "..\\..\\node.keys",
    "%2e%2e/%2e%2e/node.keys",
    "..%2f..%2fnode.keys",
    "....//....//node.keys",
    "/etc/passwd",
    "C:\\windows\\win.ini",
    "Y:/../../../../../../../../etc/passwd",
    "file:///etc/passwd",
    "\\\\host\\share\\a.wav",
    "/proc/self/environ",
    "\0",
    "a\0.wav",
    "a\n.wav",
    "x" * 256,
    "Y:/" + "a/" * 200,
    "/",
    "..",
    "Y:",
    "%",
    "' or 1=1 --",
    "*",
    "?",
    "𝌆" * 40,
]
DETOURS = [
    "{0}/",
    "{0}/.",
    "{0} ",
    " {0}",
    "{0}\0",
    "{0}%00",
    "{0}\0.wav",
    "{1}/./{2}",
    "{1}//{2}",
    "{1}/x/../{2}",
    "{3}",
    "{1}/*",
]


def respelled(trick: str, ask: Ask) -> dict[str, Any]:
    """The ask with the trick in place of its name, or its name changed by the trick."""
    field, name = next(iter(ask[1].items()))
    folder, _, last = name.rpartition("/")
    spelled = (
        trick
        if trick in OUTSIDE
        else trick.format(name, folder, last, quote(name, safe="").replace("-", "%2D").replace("_", "%5F"))
    )
    return {**ask[1], field: spelled}


@pytest.mark.parametrize("trick", [*OUTSIDE, *DETOURS])
def test_no_spelling_leads_to_a_file(acme: Caller, bolt: Caller, cast: Cast, trick: str) -> None:
    for label, ask in doors(cast.acme, there=True).items():
        if "upload" in label or (label, trick) == ("folder", "{0}/"):  # a folder may have a slash at its end
            continue
        for caller in (acme, bolt):
            assert_refused(caller.ask(ask[0], respelled(trick, ask)), ask[0])


@pytest.mark.parametrize("trick", ["..", "%2e%2e", "%2e%2e%2f", "\\..\\", "/etc/passwd", "%00", "a" * 5000])
def test_no_path_of_a_request_leads_to_a_file(server: Server, trick: str) -> None:
    for prefix in ("/", BASE_PATH, "/docs/", "/ccfs/"):
        reply = send(server, "GET", f"{prefix}{trick}")
        assert (reply.status, reply.json["error"]) == (404, "Not Found")
