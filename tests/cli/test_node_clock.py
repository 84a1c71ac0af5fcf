"""ccfs node clock: shows the clocks, and accepts this machine's. Each command is a process."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from ccfs import settings
from ccfs.db import schema
from ccfs.db.system import clock_times
from ccfs.server.node import Node
from tests.cli.command import run_ccfs

YEAR = timedelta(days=365)


def test_a_recorded_time_that_is_years_behind_is_shown_and_accepted(tmp_path: Path) -> None:
    node = Node(settings.load_settings({}, data=tmp_path))
    with node.database.write_transaction() as connection:
        clock_times.record(connection, datetime.now(UTC) - YEAR, None)
    shown = run_ccfs("node", "clock", "--data", tmp_path, "--json").json
    assert "this machine's clock is at" in shown["disagreement"]
    accepted = run_ccfs("node", "clock", "--accept", "--data", tmp_path, "--json").json
    assert accepted["disagreement"] == ""
    with node.database.read_transaction() as connection:
        times = dict(connection.execute(sa.select(schema.clock_times.c.name, schema.clock_times.c.at)).all())
    node.database.close()
    assert datetime.now(UTC) - times["history"] < timedelta(minutes=5)
