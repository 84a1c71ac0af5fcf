"""Rows of voice files on both engines: found by name and folder; deletion is marked first and forgotten last."""

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


def test_a_voice_file_is_found_by_its_name_and_comes_back_whole(database: Database, app: App, other_app: App) -> None:
    with database.read_transaction() as connection:
        assert voice_files.find_by_name(connection, app, HELLO.file_name) == HELLO
        assert voice_files.find_by_name(connection, app, FOLDER) is None
        assert voice_files.find_by_name(connection, other_app, HELLO.file_name) is None


@pytest.mark.parametrize("folder", [FOLDER, FOLDER + "/"])
def test_a_folder_shows_the_files_right_in_it(database: Database, app: App, other_app: App, folder: str) -> None:
    add_voice_files(database, app, f"{FOLDER}/deeper/a.wav", f"{FOLDER}2/b.wav", "Y:/voice/8/c.wav")
    add_voice_files(database, other_app, f"{FOLDER}/theirs.wav")
    with database.read_transaction() as connection:
        assert voice_files.find_in_folder(connection, app, folder) == [HELLO]


def test_a_folder_never_shows_more_than_two(database: Database, app: App) -> None:
    add_voice_files(database, app, *(f"{FOLDER}/{number}.wav" for number in range(5)))
    with database.read_transaction() as connection:
        assert len(voice_files.find_in_folder(connection, app, FOLDER)) == 2
        assert voice_files.find_in_folder(connection, app, "Y:/voice/8/gr%") == []


def test_a_marked_file_is_found_by_nobody_but_the_work_loop(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        assert voice_files.mark_deleted(connection, app, HELLO, NOW)
    with database.write_transaction() as connection:
        assert voice_files.find_by_name(connection, app, HELLO.file_name) is None
        assert voice_files.find_in_folder(connection, app, FOLDER) == []
        assert maintenance.list_deleted_voice_files(connection, 10) == [(app, HELLO)]
        assert not voice_files.mark_deleted(connection, app, HELLO, NOW)  # somebody was faster


def test_only_what_is_marked_is_forgotten(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        voice_files.delete_row(connection, app, HELLO)
        assert voice_files.find_by_name(connection, app, HELLO.file_name) == HELLO
        voice_files.mark_deleted(connection, app, HELLO, NOW)
        voice_files.delete_row(connection, app, HELLO)
        assert maintenance.list_deleted_voice_files(connection, 10) == []
    add_voice_files(database, app, HELLO.file_name)  # its name is free again


def test_nobody_deletes_another_apps_file(database: Database, app: App, other_app: App) -> None:
    with database.write_transaction() as connection:
        assert not voice_files.mark_deleted(connection, other_app, HELLO, NOW)
        voice_files.mark_deleted(connection, app, HELLO, NOW)
        voice_files.delete_row(connection, other_app, HELLO)
        voice_files.defer_deletion(connection, other_app, HELLO, NOW + SECOND)
        assert maintenance.list_deleted_voice_files(connection, 10) == [(app, HELLO)]


def test_deletions_come_in_turn_and_one_that_is_put_off_comes_last(
    database: Database, app: App, other_app: App
) -> None:
    add_voice_files(database, other_app, "Y:/voice/8/b.wav", "Y:/voice/8/c.wav")
    b, c = sample_rows.make_voice_file("Y:/voice/8/b.wav"), sample_rows.make_voice_file("Y:/voice/8/c.wav")
    with database.write_transaction() as connection:
        for late, (owner, file) in enumerate([(app, HELLO), (other_app, b), (other_app, c)]):
            voice_files.mark_deleted(connection, owner, file, NOW + late * SECOND)
        assert maintenance.list_deleted_voice_files(connection, 2) == [(app, HELLO), (other_app, b)]
        voice_files.defer_deletion(connection, app, HELLO, NOW + 9 * SECOND)
        assert maintenance.list_deleted_voice_files(connection, 9) == [(other_app, b), (other_app, c), (app, HELLO)]
