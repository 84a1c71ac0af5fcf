"""The end of each ingest pass is noted on both engines, and a pass that fails is not."""

from pathlib import Path

import pytest

from ccfs.blobs.disk import DiskLocation
from ccfs.db.engine import Database
from ccfs.db.system import clock_times
from ccfs.ingest.context import IngestRun
from ccfs.ingest.pass_times import note_passes
from ccfs.server.node import utc_now
from ccfs.settings import Settings


def test_the_end_of_a_pass_is_noted_unless_it_fails(database: Database, tmp_path: Path) -> None:
    location = DiskLocation("0", tmp_path)
    run = IngestRun(database=database, primary_location=location, settings=Settings(data=tmp_path), now=utc_now)

    def fail(_run: IngestRun) -> None:
        raise FileNotFoundError

    with pytest.raises(FileNotFoundError):
        note_passes(fail)(run)
    with database.read_transaction() as connection:
        assert clock_times.get(connection, clock_times.INGEST_PASS) is None
    began = utc_now()
    note_passes(lambda _run: None)(run)
    with database.read_transaction() as connection:
        noted_at = clock_times.get(connection, clock_times.INGEST_PASS)
    assert noted_at is not None
    assert began <= noted_at <= utc_now()
