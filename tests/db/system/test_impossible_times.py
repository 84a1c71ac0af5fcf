"""What a clock that was a year ahead has left is over once the clock is right: jobs, locks, tokens, sessions, links, nodes."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.system import impossible_times, lockouts, nodes, play_tokens
from ccfs.db.system.console import sessions, users
from ccfs.db.system.jobs import blob_moves, export_jobs
from ccfs.db.system.storage import lost_blobs
from ccfs.db.tenant import exports, recordings
from ccfs.model.blobs.orphan import BlobOwnerTable, OrphanedBlob
from ccfs.model.identity.tenancy import App
from ccfs.model.node import NodeRecord
from ccfs.protocol import signed_url
from tests.db import sample_rows
from tests.db.sample_rows import MINUTE, NOW, SECOND
from tests.db.tenant.test_deliveries import add_delivery, claim_deliveries
from tests.db.tenant.test_exports import make_export

YEAR, HOUR, DAY = timedelta(days=365), timedelta(hours=1), timedelta(days=1)
POLICY = lockouts.LockoutPolicy(limit=1, period=MINUTE, lock=5 * MINUTE)
ORPHAN = OrphanedBlob(location_id="0", key="1/voice/a", owner_table=BlobOwnerTable.VOICE_FILES, owner_row="1", app=1)


def make_due(database: Database) -> dict[str, int]:
    with database.write_transaction() as connection:
        return impossible_times.make_due(connection, NOW)


@pytest.mark.parametrize(("ahead", "is_due"), [(DAY, False), (YEAR, True), (10 * YEAR, True)])
def test_a_callback_that_waits_longer_than_a_day_is_due(
    database: Database, app: App, ahead: timedelta, is_due: bool
) -> None:
    add_delivery(database, app, 1, due_at=NOW + ahead)
    assert make_due(database) == ({"deliveries": 1} if is_due else {})
    assert len(claim_deliveries(database)) == is_due


def test_a_lease_of_a_year_is_over(database: Database, app: App) -> None:
    add_delivery(database, app, 1, due_at=NOW)
    assert len(claim_deliveries(database, "ahead", NOW + YEAR)) == 1
    assert claim_deliveries(database, "right") == []
    make_due(database)
    assert len(claim_deliveries(database, "right")) == 1


def test_an_export_that_was_leased_or_put_off_for_a_year_is_due(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        exports.add(connection, app, make_export(1))
        assert export_jobs.claim(connection, NOW + YEAR, "ahead", MINUTE)
    assert make_due(database) == {"exports": 1}
    with database.write_transaction() as connection:
        assert export_jobs.claim(connection, NOW, "right", MINUTE)


@pytest.mark.parametrize(("ahead", "count"), [(timedelta(days=31), 0), (YEAR, 1)])
def test_an_orphan_that_waits_longer_than_the_longest_grace_is_due(
    database: Database, ahead: timedelta, count: int
) -> None:
    with database.write_transaction() as connection:
        blob_moves.enqueue_orphan(connection, ORPHAN, NOW + ahead)
    assert make_due(database) == {}  # by a clock that may be wrong
    with database.write_transaction() as connection:
        assert impossible_times.make_orphans_due(connection, NOW) == count


def test_a_lost_recording_that_was_tried_in_a_year_is_tried_now(database: Database, app: App) -> None:
    blob = sample_rows.make_blob_ref(f"{app.id}/recordings/20260504/a.wav")
    with database.write_transaction() as connection:
        lost_blobs.add(connection, blob, "", NOW)
        connection.execute(sa.update(schema.lost_blobs).values(tried_at=NOW + YEAR))
    assert make_due(database) == {"lost_blobs": 1}


def test_a_lock_that_was_made_a_year_ahead_is_no_lock(database: Database) -> None:
    with database.write_transaction() as connection:
        assert lockouts.record_failure(connection, "192.0.2.7", NOW + YEAR, POLICY)
        assert not lockouts.reserve_attempt(connection, ["192.0.2.7"], NOW + YEAR, POLICY)
        assert lockouts.reserve_attempt(connection, ["192.0.2.7"], NOW, POLICY)


def test_failures_that_were_counted_a_year_ahead_are_forgotten(database: Database) -> None:
    policy = lockouts.LockoutPolicy(limit=2, period=MINUTE, lock=MINUTE)
    with database.write_transaction() as connection:
        lockouts.record_failure(connection, "192.0.2.7", NOW + YEAR, policy)
        assert not lockouts.record_failure(connection, "192.0.2.7", NOW, policy)
        assert lockouts.record_failure(connection, "192.0.2.7", NOW + SECOND, policy)


def test_a_play_token_that_would_be_valid_for_a_year_is_not(database: Database, app: App) -> None:
    recording = sample_rows.make_recording()
    with database.write_transaction() as connection:
        recordings.add(connection, app, recording, NOW)
        play_tokens.add(connection, app, "ahead", recording, NOW + YEAR + HOUR)
        play_tokens.add(connection, app, "right", recording, NOW + HOUR)
        assert play_tokens.resolve(connection, "ahead", NOW, HOUR) is None
        assert play_tokens.resolve(connection, "right", NOW, HOUR) is not None


def test_a_session_of_a_later_time_has_ended(database: Database) -> None:
    with database.write_transaction() as connection:
        user = users.add(connection, "ann", "", NOW)
        for token, begun in (("ahead", NOW + YEAR), ("right", NOW), ("set back", NOW + MINUTE)):
            sessions.create(connection, user, token, begun)
        assert sessions.resolve(connection, "ahead", NOW, HOUR, DAY)[0] is None
        assert sessions.resolve(connection, "right", NOW, HOUR, DAY)[0] is not None
        assert sessions.resolve(connection, "set back", NOW, HOUR, DAY)[0] is not None  # a minute is no wrong clock
        assert sessions.delete_expired(connection, NOW, HOUR, DAY) == 1


def test_a_setup_link_that_would_be_valid_for_a_year_is_not(database: Database) -> None:
    with database.write_transaction() as connection:
        users.create_setup_link(connection, "ahead", None, NOW + YEAR)
        assert users.find_setup_link(connection, "ahead", NOW, DAY) == (False, None)
        users.create_setup_link(connection, "right", None, NOW + DAY)
        assert users.find_setup_link(connection, "right", NOW, DAY) == (True, None)


def test_a_code_that_was_used_a_year_ahead_does_not_lock_its_user_out(database: Database) -> None:
    step = int(NOW.timestamp()) // 30
    with database.write_transaction() as connection:
        user = users.add(connection, "ann", "", NOW)
        assert users.consume_totp_step(connection, user, step + 1_051_200)
        assert users.consume_totp_step(connection, user, step)
        assert not users.consume_totp_step(connection, user, step)


def test_a_node_with_a_heartbeat_in_the_future_is_dead() -> None:
    times: dict[str, Any] = {"started_at": NOW, "heartbeat_at": NOW + YEAR}
    node = NodeRecord(id="a", folder="f", address="", version="1", revision="0001", **times)
    assert not node.is_alive(NOW, MINUTE)
    assert node.is_alive(NOW + YEAR - SECOND, MINUTE)


def test_a_node_with_a_heartbeat_in_the_future_holds_up_no_migration(database: Database) -> None:
    with database.write_transaction() as connection:
        times: dict[str, Any] = {"started_at": NOW, "heartbeat_at": NOW}
        nodes.register(
            connection, NodeRecord(id="a", folder="f", address="", version="1", revision="0000", **times), MINUTE
        )
        assert nodes.list_alive_on_older_schema(connection, "0001", MINUTE) == ["a"]
        future = nodes.get_database_time(connection) + YEAR
        connection.execute(sa.update(schema.nodes).values(heartbeat_at=future))
        assert nodes.list_alive_on_older_schema(connection, "0001", MINUTE) == []


def test_a_url_that_would_be_valid_for_longer_than_a_week_is_not() -> None:
    now, keys = NOW.timestamp(), (b"key",)
    for seconds, is_valid in ((604_800, True), (int(YEAR.total_seconds()), False)):
        path, _, query = signed_url.build_signed_url(1, "/0/1/a.wav", int(now) + seconds, keys[0]).partition("?")
        assert (signed_url.verify_signed_url(path, query, keys, now) is not None) is is_valid
