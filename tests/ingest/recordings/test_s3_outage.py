"""Ingest into a bucket that is unavailable for a while, and tiering of old recordings to a bucket."""

import json
from pathlib import Path
from typing import Any

from ccfs import settings
from ccfs.db import schema
from ccfs.db.system.storage import locations
from ccfs.server.node import Node
from tests.blobs import s3_locations
from tests.ingest.ingest_site import IngestSite, build_cdr_line, make_wav
from tests.ingest.test_watch import has_rows, run_watch
from tests.proxies import ProxyMode, run_proxy
from tests.server.ccfs_server import PROGRAM, run_server
from tests.servers import S3_KEYS
from tests.two_tenants import create_two_tenants
from tests.waiting import wait_until

S3_SETTINGS: dict[str, Any] = dict(zip(("s3_access_key", "s3_secret_key"), S3_KEYS, strict=True))
SHORT_TIMEOUTS = {"s3_timeout_seconds": "5", "s3_retries": "1", **S3_SETTINGS}
FREQUENT_WORK_PROGRAM = (
    "import importlib; serve = importlib.import_module('ccfs.cli.serve'); serve.MOVE_SECONDS = serve.TIDY_SECONDS = 1.0; "
    f"{PROGRAM}"
)


def test_a_watch_waits_for_a_bucket_that_is_unavailable(ingest_site: IngestSite, s3_url: str) -> None:
    with run_proxy(s3_url) as between:
        bucket = s3_locations.make_location_config(between.url)
        with ingest_site.node.database.write_transaction() as connection:
            locations.add(connection, bucket)
        ingest_site.settings.update(
            {f"CCFS_{name.upper()}": value for name, value in SHORT_TIMEOUTS.items()}, CCFS_PRIMARY_LOCATION="1"
        )
        between.mode = ProxyMode.BUSY
        cdr = ingest_site.write_file("Master.csv", build_cdr_line())
        ingest_site.write_recording("1705311042.118.wav", make_wav(1))
        with run_watch(ingest_site, "asterisk", "--cdr", cdr) as watch:
            wait_until(lambda: "ingest_failed" in watch.read_log())
            assert not ingest_site.read_rows(schema.recordings)
            between.mode = ProxyMode.PASS
            wait_until(has_rows(ingest_site, recordings=1))
            assert watch.stop()["recordings"] == 1
        reasons = {json.loads(text)["action"] for text in watch.read_log().splitlines() if text.startswith("{")}
        assert reasons == {"ingest_failed", "ingested"}
        assert ingest_site.read_rows(schema.recordings, "location_id") == ["1"]
        assert len(s3_locations.list_keys(bucket)) == 1


def test_a_server_moves_old_recordings_to_the_bucket(tmp_path: Path, s3_url: str) -> None:
    data, bucket = tmp_path / "data", s3_locations.make_location_config(s3_url)
    node = Node(settings.load_settings({}, data=data))
    tenants = create_two_tenants(node)  # recordings of years ago, exports of today
    with node.database.write_transaction() as connection:
        locations.add(connection, bucket)
    node.database.close()
    new = len(tenants.acme.export_names) + len(tenants.bolt.export_names)

    def on_disk() -> int:
        return sum(path.is_file() for path in (data / "files").rglob("*"))

    with run_server(data, FREQUENT_WORK_PROGRAM, tier_to="1", move_grace_seconds=0, **S3_SETTINGS) as server:
        wait_until(lambda: on_disk() == new)
        assert len(s3_locations.list_keys(bucket)) >= new
        assert server.wait_for_log_line("files_moved")["skipped"] == 0
