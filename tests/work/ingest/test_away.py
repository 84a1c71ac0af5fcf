"""Ingest into a bucket: what cannot be kept now waits, is kept once, and counts then; and what got old is moved there by a
server that is set to do so."""

import json
from pathlib import Path
from typing import Any

from ccfs import settings
from ccfs.db import schema
from ccfs.db.system import locations
from ccfs.server.node import Node
from tests.cast import fill
from tests.proxies import Way, proxy
from tests.servers import S3_KEYS
from tests.store import buckets
from tests.web.serving import PROGRAM, serving
from tests.work.ingest.given import Place, line, sound, wait_until
from tests.work.ingest.test_watch import has, watching

KEYS: dict[str, Any] = dict(zip(("s3_access_key", "s3_secret_key"), S3_KEYS, strict=True))
IMPATIENT = {"s3_timeout_seconds": "5", "s3_retries": "1", **KEYS}
OFTEN = (
    "import importlib; serve = importlib.import_module('ccfs.cli.serve'); serve.MOVE_SECONDS = serve.TIDY_SECONDS = 1.0; "
    f"{PROGRAM}"
)


def test_a_watch_waits_for_a_bucket_that_is_away(place: Place, s3_url: str) -> None:
    with proxy(s3_url) as between:
        bucket = buckets.place(between.url)
        with place.node.database.write_transaction() as connection:
            locations.add(connection, bucket)
        place.settings.update(
            {f"CCFS_{name.upper()}": value for name, value in IMPATIENT.items()}, CCFS_PRIMARY_LOCATION="1"
        )
        between.way = Way.BUSY
        cdr = place.leave("Master.csv", line())
        place.record("1705311042.118.wav", sound(1))
        with watching(place, "asterisk", "--cdr", cdr) as watch:
            wait_until(lambda: "ingest_failed" in watch.log())
            assert not place.rows(schema.recordings)
            between.way = Way.PASS
            wait_until(has(place, recordings=1))
            assert watch.stop()["recordings"] == 1
        reasons = {json.loads(text)["action"] for text in watch.log().splitlines() if text.startswith("{")}
        assert reasons == {"ingest_failed", "ingested"}
        assert place.rows(schema.recordings, "location_id") == ["1"]
        assert len(buckets.keys(bucket)) == 1


def test_a_server_moves_what_is_old_by_itself(tmp_path: Path, s3_url: str) -> None:
    data, bucket = tmp_path / "data", buckets.place(s3_url)
    node = Node(settings.load_settings({}, data=data))
    cast = fill(node)  # recordings of years ago, exports of today
    with node.database.write_transaction() as connection:
        locations.add(connection, bucket)
    node.database.close()
    new = len(cast.acme.exports) + len(cast.bolt.exports)

    def on_disk() -> int:
        return sum(path.is_file() for path in (data / "files").rglob("*"))

    with serving(data, OFTEN, tier_to="1", move_grace_seconds=0, **KEYS) as server:
        wait_until(lambda: on_disk() == new)
        assert len(buckets.keys(bucket)) >= new
        assert server.logged("moved")["left"] == 0
