"""Recordings whose stored files are lost: the ingest page and the metrics show them, in each language."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from ccfs.db import schema
from ccfs.db.system.storage import lost_blobs
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.server.node import utc_now
from tests.api.api_client import send_request
from tests.console.call_centre_data import CallCentreData
from tests.console.conftest import SignIn
from tests.server.ccfs_server import CcfsServer

TITLES = {"en": "Lost recordings", "zh": "丢失的录音文件"}
PROMISES = {"en": "The next ingest pass stores them again", "zh": "下一次采集会重新存储"}


@pytest.mark.parametrize("language", sorted(TITLES))
def test_the_ingest_page_lists_lost_recordings_with_their_calls(
    language: str, signed_in: SignIn, console_server: CcfsServer, call_centre: CallCentreData
) -> None:
    operator = replace(signed_in("olga"), language=language)  # the client is shared
    app = call_centre.bolt.id
    columns = schema.recordings.c
    with console_server.node.database.read_transaction() as connection:
        query = sa.select(columns.file_name, columns.call_id).where(columns.app == app).limit(1)
        name, call_id = connection.execute(query).one()
    assert TITLES[language] in operator.get("/console/ingest").body.decode()  # the total is always there
    assert PROMISES[language] not in operator.get("/console/ingest").body.decode()
    blob = BlobRef(location_id="0", key=f"{app}/recordings/20240115/lost.wav", size=1, sha256="", crc32=0)
    with console_server.node.database.write_transaction() as connection:
        assert lost_blobs.add(connection, blob, name, utc_now())
    try:
        page = operator.get("/console/ingest").body.decode()
        assert all(text in page for text in (PROMISES[language], blob.key, name, f">{call_id}</a>"))
        metrics = send_request(console_server, "GET", "/metrics").body.decode().splitlines()
        assert "ccfs_lost_recordings 1.0" in metrics
    finally:
        with console_server.node.database.write_transaction() as connection:
            connection.execute(schema.lost_blobs.delete())
