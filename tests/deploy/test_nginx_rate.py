"""The rate of an app behind nginx, with X-Accel and without."""

import time

from ccfs.db.system import app_limits
from ccfs.model.identity.app_limits import AppLimits
from tests.deploy.conftest import NginxSite


def test_the_rate_of_an_app_applies_behind_nginx(nginx_site: NginxSite) -> None:
    recording, rate = nginx_site.tenants.acme.large_recording, 800_000
    set_rate(nginx_site, rate)
    try:
        began = time.monotonic()
        reply = nginx_site.acme_client.request("downloadRecordFile", {"fileName": recording.file_name})
        seconds = time.monotonic() - began
    finally:
        set_rate(nginx_site, None)
    assert len(reply.body) == recording.blob.size
    assert (
        (recording.blob.size - 2 * rate) / rate < seconds < recording.blob.size / rate * 20
    )  # nginx sends a part at once
    assert "x-accel-limit-rate" not in reply.headers


def set_rate(site: NginxSite, rate: int | None) -> None:
    """Set the rate of the first app, and wait until every process has applied it."""
    with site.nodes[0].node.database.write_transaction() as connection:
        app_limits.save(connection, site.tenants.acme.app, AppLimits(bytes_per_second=rate))
    time.sleep(1.5)
