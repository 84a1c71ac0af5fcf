"""Recording URLs of the API: requesting them, and fetching them from the server."""

from typing import Any

from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import ApiClient, Reply, send_request
from tests.server.ccfs_server import CcfsServer

OPERATION = "getRecordFileUrlFromObs"
DAY_PERIOD = {"beginTime": "2020-10-15 00:00:00", "endTime": "2020-10-15 23:59:59"}
IN_CHINA = {"version": "2.0"}
NO_DATA = b'{"resultData":"","resultCode":"0300012","resultDesc":"No data found."}'


def get_urls(client: ApiClient, call_id: str, begin: str, end: str, **more: Any) -> list[str]:
    """Return the URLs of a call's recordings in a period; none if there is no data."""
    reply = client.request(OPERATION, {"callId": call_id, "beginTime": begin, "endTime": end, **more})
    if reply.body == NO_DATA:
        return []
    url = reply.json["resultData"]["url"]
    return [url] if isinstance(url, str) else list(url)


def get_target(url: str, server: CcfsServer) -> str:
    """Return path and query of a URL of that server."""
    base = f"http://{server.host}"
    assert url.startswith(base + BASE_PATH)
    return url.removeprefix(base)


def fetch_url(server: CcfsServer, url: str, method: str = "GET", **headers: str) -> Reply:
    """Return the response to the URL without any key."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return send_request(server, method, get_target(url, server), named)
