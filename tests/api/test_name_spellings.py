"""Names spelled to escape an app or a folder, or to reach a file by a detour: none works."""

from typing import Any
from urllib.parse import quote

import pytest

from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import ApiClient, send_request
from tests.api.lookup_requests import LookupRequest, assert_rejected, build_lookup_requests
from tests.server.ccfs_server import CcfsServer
from tests.two_tenants import TwoTenants

OUTSIDE_NAMES = [
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


def respell(trick: str, request: LookupRequest) -> dict[str, Any]:
    """Return the request with the trick in place of its name, or its name changed by the trick."""
    field, name = next(iter(request[1].items()))
    folder, _, last = name.rpartition("/")
    spelled = (
        trick
        if trick in OUTSIDE_NAMES
        else trick.format(name, folder, last, quote(name, safe="").replace("-", "%2D").replace("_", "%5F"))
    )
    return {**request[1], field: spelled}


@pytest.mark.parametrize("trick", [*OUTSIDE_NAMES, *DETOURS])
def test_no_spelling_leads_to_a_file(
    acme_client: ApiClient, bolt_client: ApiClient, tenant_pair: TwoTenants, trick: str
) -> None:
    for label, request in build_lookup_requests(tenant_pair.acme, there=True).items():
        if "upload" in label or (label, trick) == ("folder", "{0}/"):  # a folder may have a slash at its end
            continue
        for client in (acme_client, bolt_client):
            assert_rejected(client.request(request[0], respell(trick, request)), request[0])


@pytest.mark.parametrize("trick", ["..", "%2e%2e", "%2e%2e%2f", "\\..\\", "/etc/passwd", "%00", "a" * 5000])
def test_no_path_of_a_request_leads_to_a_file(server: CcfsServer, trick: str) -> None:
    for prefix in ("/", BASE_PATH, "/docs/", "/ccfs/"):
        reply = send_request(server, "GET", f"{prefix}{trick}")
        assert (reply.status, reply.json["error"]) == (404, "Not Found")
