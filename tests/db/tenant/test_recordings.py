"""Rows of recordings and play tokens on both engines; what is another app's is not there."""

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
    """Two of one call, the later one kept first; one of another call."""
    with database.write_transaction() as connection:
        for one in (
            sample_rows.make_recording(2),
            sample_rows.make_recording(1),
            sample_rows.make_recording(3, call_id="1602728619-102"),
        ):
            recordings.add(connection, app, one, NOW)


def test_a_recording_is_found_by_both_of_its_names_and_comes_back_whole(database: Database, app: App) -> None:
    with database.read_transaction() as connection:
        assert recordings.find_by_name(
            connection, app, sample_rows.make_recording(2).file_name
        ) == sample_rows.make_recording(2)
        assert recordings.find_by_name(
            connection, app, sample_rows.make_recording(2).original_file_name
        ) == sample_rows.make_recording(2)


@pytest.mark.parametrize("name", ["", "/", "Y:", "y:/8/0/20260504/512/1.v3", "%", "Y:/8/0/20260504/512/_.V3", "录音"])
def test_no_other_name_finds_it(database: Database, app: App, name: str) -> None:
    with database.read_transaction() as connection:
        assert recordings.find_by_name(connection, app, name) is None


def test_of_two_with_the_same_original_name_the_first_kept_is_found(database: Database, app: App) -> None:
    double = sample_rows.make_recording(4, original_file_name=sample_rows.make_recording(1).original_file_name)
    with database.write_transaction() as connection:
        recordings.add(connection, app, double, NOW)
        assert recordings.find_by_name(connection, app, double.original_file_name) == sample_rows.make_recording(1)


def test_the_recordings_of_a_call_come_in_order_of_their_begin(database: Database, app: App) -> None:
    with database.read_transaction() as connection:
        assert recordings.list_by_call(connection, app, "1602728619-101") == [
            sample_rows.make_recording(1),
            sample_rows.make_recording(2),
        ]
        assert recordings.list_by_call(connection, app, "1602728619-999") == []


def test_another_app_sees_nothing(database: Database, other_app: App) -> None:
    one = sample_rows.make_recording(1)
    with database.read_transaction() as connection:
        assert recordings.find_by_name(connection, other_app, one.file_name) is None
        assert recordings.find_by_name(connection, other_app, one.original_file_name) is None
        assert recordings.list_by_call(connection, other_app, one.call_id) == []
        assert not recordings.has_file_name(connection, other_app, one.file_name)
        assert not recordings.has_original_name(connection, other_app, one.original_file_name)


def test_a_name_is_taken_in_its_app_only(database: Database, app: App, other_app: App) -> None:
    one = sample_rows.make_recording(1)
    with database.write_transaction() as connection:
        assert recordings.has_file_name(connection, app, one.file_name)
        assert recordings.has_original_name(connection, app, one.original_file_name)
        recordings.add(connection, other_app, one, NOW)
    with pytest.raises(IntegrityError), database.write_transaction() as connection:
        recordings.add(connection, app, one, NOW)


def test_a_recording_belongs_to_an_app_that_is_there(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write_transaction() as connection:
        recordings.add(connection, App(id=999, ak="none", name="none"), sample_rows.make_recording(9), NOW)


def test_a_play_token_plays_its_recording_until_its_end(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        play_tokens.add(connection, app, TOKEN, sample_rows.make_recording(1), NOW + MINUTE)
    with database.read_transaction() as connection:
        assert play_tokens.resolve(connection, TOKEN, NOW) == (app, sample_rows.make_recording(1))
        last = NOW + MINUTE - timedelta(microseconds=1)
        assert play_tokens.resolve(connection, TOKEN, last) == (app, sample_rows.make_recording(1))
        assert play_tokens.resolve(connection, TOKEN, NOW + MINUTE) is None


@pytest.mark.parametrize("token", ["", TOKEN.lower(), TOKEN[:-1], TOKEN + " ", "\0", "录音"])
def test_another_token_plays_nothing(database: Database, app: App, token: str) -> None:
    with database.write_transaction() as connection:
        play_tokens.add(connection, app, TOKEN, sample_rows.make_recording(1), NOW + MINUTE)
        assert play_tokens.resolve(connection, token, NOW) is None


def test_the_table_holds_a_digest_and_not_the_token(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        play_tokens.add(connection, app, TOKEN, sample_rows.make_recording(1), NOW + MINUTE)
        (row,) = connection.execute(sa.select(schema.play_tokens)).all()
    assert len(row.digest) == 64
    assert all(TOKEN.lower() not in str(value).lower() for value in row)


def test_expired_tokens_are_forgotten_and_no_others(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        for token, end in (("old", NOW - SECOND), ("just", NOW), ("good", NOW + SECOND)):
            play_tokens.add(connection, app, token, sample_rows.make_recording(1), end)
        assert play_tokens.delete_expired(connection, NOW) == 2
        assert play_tokens.delete_expired(connection, NOW) == 0
        assert play_tokens.resolve(connection, "good", NOW) is not None


def test_a_token_ends_with_its_recording(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        play_tokens.add(connection, app, TOKEN, sample_rows.make_recording(1), NOW + MINUTE)
        connection.execute(sa.delete(schema.recordings))
        assert play_tokens.resolve(connection, TOKEN, NOW) is None
