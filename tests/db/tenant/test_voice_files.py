"""Rows of voice files on both engines: queries by name and folder, and deletion in steps."""

import pytest

from ccfs.db.engine import Database
from ccfs.db.system import maintenance
from ccfs.db.tenant import voice_files
from ccfs.model.identity.tenancy import App
from tests.db import sample_rows
from tests.db.sample_rows import NOW, SECOND

FOLDER = "Y:/voice/8/greeting"
HELLO = sample_rows.make_voice_file(f"{FOLDER}/hello.wav")


@pytest.fixture(autouse=True)
def _hello_file(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        voice_files.add(connection, app, HELLO)


def add_voice_files(database: Database, app: App, *names: str) -> None:
    with database.write_transaction() as connection:
        for name in names:
            voice_files.add(connection, app, sample_rows.make_voice_file(name))


def test_a_voice_file_is_found_by_its_name_with_all_fields(database: Database, app: App, other_app: App) -> None:
    with database.read_transaction() as connection:
        assert voice_files.find_by_name(connection, app, HELLO.file_name) == HELLO
        assert voice_files.find_by_name(connection, app, FOLDER) is None
        assert voice_files.find_by_name(connection, other_app, HELLO.file_name) is None


@pytest.mark.parametrize("folder", [FOLDER, FOLDER + "/"])
def test_a_folder_has_the_files_directly_in_it(database: Database, app: App, other_app: App, folder: str) -> None:
    add_voice_files(database, app, f"{FOLDER}/deeper/a.wav", f"{FOLDER}2/b.wav", "Y:/voice/8/c.wav")
    add_voice_files(database, other_app, f"{FOLDER}/theirs.wav")
    with database.read_transaction() as connection:
        assert voice_files.find_in_folder(connection, app, folder) == [HELLO]


def test_at_most_two_files_of_a_folder_are_returned(database: Database, app: App) -> None:
    add_voice_files(database, app, *(f"{FOLDER}/{number}.wav" for number in range(5)))
    with database.read_transaction() as connection:
        assert len(voice_files.find_in_folder(connection, app, FOLDER)) == 2
        assert voice_files.find_in_folder(connection, app, "Y:/voice/8/gr%") == []


def test_a_deleted_file_is_listed_for_maintenance_only(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        assert voice_files.mark_deleted(connection, app, HELLO, NOW)
    with database.write_transaction() as connection:
        assert voice_files.find_by_name(connection, app, HELLO.file_name) is None
        assert voice_files.find_in_folder(connection, app, FOLDER) == []
        assert maintenance.list_deleted_voice_files(connection, 10) == [(app, HELLO)]
        assert not voice_files.mark_deleted(connection, app, HELLO, NOW)  # another request was faster


def test_the_row_of_a_file_is_deleted_only_after_the_file(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        voice_files.delete_row(connection, app, HELLO)
        assert voice_files.find_by_name(connection, app, HELLO.file_name) == HELLO
        voice_files.mark_deleted(connection, app, HELLO, NOW)
        voice_files.delete_row(connection, app, HELLO)
        assert maintenance.list_deleted_voice_files(connection, 10) == []
    add_voice_files(database, app, HELLO.file_name)  # its name is free again


def test_an_app_cannot_delete_the_file_of_another(database: Database, app: App, other_app: App) -> None:
    with database.write_transaction() as connection:
        assert not voice_files.mark_deleted(connection, other_app, HELLO, NOW)
        voice_files.mark_deleted(connection, app, HELLO, NOW)
        voice_files.delete_row(connection, other_app, HELLO)
        voice_files.defer_deletion(connection, other_app, HELLO, NOW + SECOND)
        assert maintenance.list_deleted_voice_files(connection, 10) == [(app, HELLO)]


def test_deletions_are_listed_by_age_and_a_deferred_one_last(database: Database, app: App, other_app: App) -> None:
    add_voice_files(database, other_app, "Y:/voice/8/b.wav", "Y:/voice/8/c.wav")
    b, c = sample_rows.make_voice_file("Y:/voice/8/b.wav"), sample_rows.make_voice_file("Y:/voice/8/c.wav")
    with database.write_transaction() as connection:
        for seconds, (owner, file) in enumerate([(app, HELLO), (other_app, b), (other_app, c)]):
            voice_files.mark_deleted(connection, owner, file, NOW + seconds * SECOND)
        assert maintenance.list_deleted_voice_files(connection, 2) == [(app, HELLO), (other_app, b)]
        voice_files.defer_deletion(connection, app, HELLO, NOW + 9 * SECOND)
        assert maintenance.list_deleted_voice_files(connection, 9) == [(other_app, b), (other_app, c), (app, HELLO)]
