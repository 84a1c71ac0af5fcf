"""Rows of recordings and play tokens on both engines; an app cannot read those of another."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.system import play_tokens
from ccfs.db.tenant import recordings
from ccfs.model.identity.tenancy import App
from tests.db import sample_rows
from tests.db.sample_rows import MINUTE, NOW, SECOND

TOKEN = "8B1A9953C4611296A827ABF8C47804D7"


@pytest.fixture(autouse=True)
def _three_recordings(database: Database, app: App) -> None:
    """Add two recordings of one call, the later one first, and one of another call."""
    with database.write_transaction() as connection:
        for recording in (
            sample_rows.make_recording(2),
            sample_rows.make_recording(1),
            sample_rows.make_recording(3, call_id="1602728619-102"),
        ):
            recordings.add(connection, app, recording, NOW)


def test_a_recording_is_found_by_both_of_its_names_with_all_fields(database: Database, app: App) -> None:
    with database.read_transaction() as connection:
        recording = sample_rows.make_recording(2)
        assert recordings.find_by_name(connection, app, recording.file_name) == recording
        assert recordings.find_by_name(connection, app, recording.original_file_name) == recording


@pytest.mark.parametrize("name", ["", "/", "Y:", "y:/8/0/20260504/512/1.v3", "%", "Y:/8/0/20260504/512/_.V3", "录音"])
def test_a_recording_is_not_found_by_another_name(database: Database, app: App, name: str) -> None:
    with database.read_transaction() as connection:
        assert recordings.find_by_name(connection, app, name) is None


def test_the_oldest_of_two_recordings_with_one_original_name_is_found(database: Database, app: App) -> None:
    duplicate = sample_rows.make_recording(4, original_file_name=sample_rows.make_recording(1).original_file_name)
    with database.write_transaction() as connection:
        recordings.add(connection, app, duplicate, NOW)
        assert recordings.find_by_name(connection, app, duplicate.original_file_name) == sample_rows.make_recording(1)


def test_the_recordings_of_a_call_are_in_order_of_their_begin(database: Database, app: App) -> None:
    with database.read_transaction() as connection:
        assert recordings.list_by_call(connection, app, "1602728619-101") == [
            sample_rows.make_recording(1),
            sample_rows.make_recording(2),
        ]
        assert recordings.list_by_call(connection, app, "1602728619-999") == []


def test_another_app_finds_no_recording(database: Database, other_app: App) -> None:
    recording = sample_rows.make_recording(1)
    with database.read_transaction() as connection:
        assert recordings.find_by_name(connection, other_app, recording.file_name) is None
        assert recordings.find_by_name(connection, other_app, recording.original_file_name) is None
        assert recordings.list_by_call(connection, other_app, recording.call_id) == []
        assert not recordings.has_file_name(connection, other_app, recording.file_name)
        assert not recordings.has_original_name(connection, other_app, recording.original_file_name)


def test_a_name_is_in_use_in_its_app_only(database: Database, app: App, other_app: App) -> None:
    recording = sample_rows.make_recording(1)
    with database.write_transaction() as connection:
        assert recordings.has_file_name(connection, app, recording.file_name)
        assert recordings.has_original_name(connection, app, recording.original_file_name)
        recordings.add(connection, other_app, recording, NOW)
    with pytest.raises(IntegrityError), database.write_transaction() as connection:
        recordings.add(connection, app, recording, NOW)


def test_a_recording_requires_an_existing_app(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write_transaction() as connection:
        recordings.add(connection, App(id=999, ak="none", name="none"), sample_rows.make_recording(9), NOW)


def test_a_play_token_resolves_to_its_recording_until_it_expires(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        play_tokens.add(connection, app, TOKEN, sample_rows.make_recording(1), NOW + MINUTE)
    with database.read_transaction() as connection:
        assert play_tokens.resolve(connection, TOKEN, NOW, MINUTE) == (app, sample_rows.make_recording(1))
        last = NOW + MINUTE - timedelta(microseconds=1)
        assert play_tokens.resolve(connection, TOKEN, last, MINUTE) == (app, sample_rows.make_recording(1))
        assert play_tokens.resolve(connection, TOKEN, NOW + MINUTE, MINUTE) is None


@pytest.mark.parametrize("token", ["", TOKEN.lower(), TOKEN[:-1], TOKEN + " ", "\0", "录音"])
def test_another_token_does_not_resolve(database: Database, app: App, token: str) -> None:
    with database.write_transaction() as connection:
        play_tokens.add(connection, app, TOKEN, sample_rows.make_recording(1), NOW + MINUTE)
        assert play_tokens.resolve(connection, token, NOW, MINUTE) is None


def test_the_table_stores_a_digest_and_not_the_token(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        play_tokens.add(connection, app, TOKEN, sample_rows.make_recording(1), NOW + MINUTE)
        (row,) = connection.execute(sa.select(schema.play_tokens)).all()
    assert len(row.digest) == 64
    assert all(TOKEN.lower() not in str(value).lower() for value in row)


def test_expired_tokens_are_deleted_and_others_are_not(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        for token, expires_at in (("old", NOW - SECOND), ("just", NOW), ("good", NOW + SECOND)):
            play_tokens.add(connection, app, token, sample_rows.make_recording(1), expires_at)
        assert play_tokens.delete_expired(connection, NOW) == 2
        assert play_tokens.delete_expired(connection, NOW) == 0
        assert play_tokens.resolve(connection, "good", NOW, MINUTE) is not None


def test_a_token_is_invalid_after_its_recording_is_deleted(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        play_tokens.add(connection, app, TOKEN, sample_rows.make_recording(1), NOW + MINUTE)
        connection.execute(sa.delete(schema.recordings))
        assert play_tokens.resolve(connection, TOKEN, NOW, MINUTE) is None
