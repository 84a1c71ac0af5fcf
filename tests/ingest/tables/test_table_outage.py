"""A switch's database that goes away costs time only; its password is seen nowhere."""

import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ccfs.db import schema
from ccfs.db.switch_tables.address import parse_table_url
from ccfs.db.switch_tables.connection import SwitchDatabaseError
from ccfs.ingest.tables.formats import plan_cdr_table
from ccfs.ingest.tables.source import MAX_PAUSE_SECONDS, TableSource
from tests.certificates import create_identity
from tests.ingest.ingest_site import IngestSite, build_cdr_line, make_wav
from tests.ingest.tables.switch_database import (
    FREEPBX_CDR,
    SwitchTables,
    build_row,
    create_mariadb_tables,
    with_password,
)
from tests.ingest.tables.test_tables import ingest
from tests.ingest.test_watch import has_rows, run_watch
from tests.mariadb import PASSWORD, MariaDbServer, run_mariadb
from tests.ports import get_free_port
from tests.servers import ServerMissing
from tests.waiting import wait_until


def test_a_watch_outlasts_a_database_that_is_killed(ingest_site: IngestSite) -> None:
    with run_mariadb() as server, create_mariadb_tables(server, FREEPBX_CDR) as tables:
        tables.insert("cdr", build_row(0))
        with run_watch(ingest_site, "asterisk", "--cdr", tables.url, **tables.settings) as watch:
            wait_until(has_rows(ingest_site, cdrs=1))
            server.stop(signal.SIGKILL)
            wait_until(lambda: "switch database away" in watch.read_log())
            ingest_site.write_recording("1705311042.100.wav", make_wav(1))
            wait_until(has_rows(ingest_site, recordings=1))  # the rest goes on
            server.start()
            tables.insert("cdr", build_row(1), build_row(-1))
            wait_until(has_rows(ingest_site, cdrs=3))
            log = watch.read_log()
            assert watch.stop()["cdrs"] == 3
    assert "Traceback" not in log
    assert log.count("switch database away") < 6  # the pauses grow
    assert PASSWORD not in log


def test_a_killed_run_is_completed_by_the_next(ingest_site: IngestSite, freepbx: SwitchTables) -> None:
    freepbx.insert("cdr", *(build_row(number) for number in range(300)))
    freepbx.execute(*("INSERT INTO cdr SELECT * FROM cdr" for _ in range(4)))
    freepbx.execute("ALTER TABLE cdr ADD id int AUTO_INCREMENT PRIMARY KEY")
    freepbx.execute("UPDATE cdr SET channel = CONCAT('PJSIP/trunk-', LPAD(HEX(id), 8, '0'))")
    with run_watch(ingest_site, "asterisk", "--cdr", freepbx.url, **freepbx.settings):  # killed at the end of the block
        wait_until(lambda: len(ingest_site.read_rows(schema.cdrs, "source_key")) >= 1900)
    before = len(ingest_site.read_rows(schema.cdrs, "source_key"))
    added = ingest(ingest_site, freepbx)["cdrs"]
    keys = ingest_site.read_rows(schema.cdrs, "source_key")
    assert (before + added, len(keys), len(set(keys))) == (4800, 4800, 4800)


def test_pauses_grow_to_a_limit_and_end_with_a_success(mariadb_server: MariaDbServer) -> None:
    away = parse_table_url(f"mysql://reader@127.0.0.1:{get_free_port()}/x?table=cdr")
    table = TableSource(away, plan_cdr_table)
    pauses = []
    for _ in range(9):
        with pytest.raises(SwitchDatabaseError, match=r"127\.0\.0\.1"), table.attempt():
            table.sample_lines()
        with table.attempt() as is_due:
            assert not is_due
        pauses.append(table.pause_seconds)
        table._due_at = 0
    assert pauses[:3] == [5, 10, 20]
    assert pauses[-1] == MAX_PAUSE_SECONDS
    with table.attempt() as is_due:
        assert is_due
    with create_mariadb_tables(mariadb_server, FREEPBX_CDR) as tables:
        good = TableSource(parse_table_url(f"{tables.url}?table=cdr").with_password(PASSWORD), plan_cdr_table)
        with good.attempt():
            assert len(good.sample_lines()) == 1
        good.close()


def test_a_single_run_says_that_the_database_is_away(ingest_site: IngestSite) -> None:
    port = get_free_port()
    result = ingest_site.run_ingest("asterisk", "--cdr", f"mysql://reader@127.0.0.1:{port}/asteriskcdrdb")
    assert (result.code, result.out) == (1, "")
    assert f"mysql://127.0.0.1:{port}/asteriskcdrdb: Can't connect" in result.err


def test_a_wrong_password_is_not_shown(ingest_site: IngestSite, freepbx: SwitchTables) -> None:
    for settings, url in (
        ({"CCFS_SWITCH_DATABASE_PASSWORD": "wrong-secret"}, freepbx.url),
        ({}, with_password(freepbx.url, "wrong-secret")),
    ):
        result = ingest_site.run_ingest("asterisk", "--cdr", url, **settings)
        assert result.code == 1
        assert "Access denied" in result.err
        assert "wrong-secret" not in result.err + result.out


def test_a_password_in_the_url_works_with_a_warning(ingest_site: IngestSite, freepbx: SwitchTables) -> None:
    freepbx.insert("cdr", build_row(0))
    result = ingest_site.run_ingest("asterisk", "--cdr", with_password(freepbx.url, PASSWORD))
    assert result.json["cdrs"] == 1
    assert "every user of this machine can see the password" in result.err
    assert PASSWORD not in result.err + result.out
    assert PASSWORD not in str(ingest_site.read_tables())


def test_the_password_may_be_in_a_file(ingest_site: IngestSite, freepbx: SwitchTables, tmp_path: Path) -> None:
    freepbx.insert("cdr", build_row(0), build_row(1, disposition="PERHAPS"))
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    result = ingest_site.run_ingest("asterisk", "--cdr", freepbx.url, CCFS_SWITCH_DATABASE_PASSWORD_FILE=str(file))
    assert (result.json["cdrs"], result.err) == (1, "")
    missing = ingest_site.run_ingest("asterisk", "--cdr", freepbx.url, CCFS_SWITCH_DATABASE_PASSWORD_FILE="/none")
    assert (missing.code, "/none cannot be read" in missing.err) == (1, True)


def test_a_running_ingest_shows_no_password_to_other_users(ingest_site: IngestSite, freepbx: SwitchTables) -> None:
    freepbx.insert("cdr", build_row(0))
    command = [sys.executable, "-c", "from ccfs.cli import main; main()"]
    command += ingest_site.build_command("asterisk", "--cdr", freepbx.url, "--watch")
    environment = {"PYTHONPATH": "src", **ingest_site.environment, **freepbx.settings}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watch:
        try:
            wait_until(has_rows(ingest_site, cdrs=1))
            assert PASSWORD not in Path(f"/proc/{watch.pid}/cmdline").read_text()
        finally:
            watch.send_signal(signal.SIGTERM)
        out, err = watch.communicate(timeout=60)
    assert PASSWORD not in out + err


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mysql://user:secret@host", "names no database"),
        ("mysql://user:secret@host/db?tabel=cdr", "has parameters other than table"),
        ("mysql://user:secret@host:port/db", "is not a URL of a table"),
        ("mysql://user:secret@host/db?table=a%60b", "names a table that no database can have"),
        ("postgresql://user:secret@host/a/b", "names no database"),
    ],
)
def test_a_url_that_cannot_be_used_is_rejected_without_its_password(
    ingest_site: IngestSite, url: str, reason: str
) -> None:
    result = ingest_site.run_ingest("asterisk", "--cdr", url)
    assert result.code == 1
    assert f"--cdr: {reason}" in result.err
    assert "secret" not in result.err


def test_a_table_that_cannot_be_used_is_named(ingest_site: IngestSite, freepbx: SwitchTables) -> None:
    freepbx.execute("CREATE TABLE cel (id int, eventtime datetime)")
    missing = ingest_site.run_ingest("asterisk", "--cdr", f"{freepbx.url}?table=crd", **freepbx.settings)
    assert "there is no table crd; name one of these with ?table=: cdr, cel" in missing.err
    other = ingest_site.run_ingest("asterisk", "--cdr", f"{freepbx.url}?table=cel", **freepbx.settings)
    assert "the table cel has no CDRs" in other.err
    columns = ingest_site.run_ingest("asterisk", "--cdr", freepbx.url, "--columns", "start", **freepbx.settings)
    assert "--columns is for files" in columns.err


def test_a_watch_of_a_file_beside_a_table_that_is_away_goes_on(ingest_site: IngestSite) -> None:
    """Only the table's queue log waits."""
    cdr = ingest_site.write_file("Master.csv", build_cdr_line())
    away = f"mysql://reader@127.0.0.1:{get_free_port()}/asteriskcdrdb"
    with run_watch(ingest_site, "asterisk", "--cdr", cdr, "--queue-log", away) as watch:
        wait_until(has_rows(ingest_site, cdrs=1))
        watch.stop()


def test_ingest_of_a_table_that_was_read_can_be_requested_again(ingest_site: IngestSite, freepbx: SwitchTables) -> None:
    freepbx.insert("cdr", build_row(0), build_row(90 * 24 * 60))
    ingest(ingest_site, freepbx)
    freepbx.insert("cdr", build_row(1))  # imported into the table months later
    assert ingest(ingest_site, freepbx)["cdrs"] == 0
    [cursor] = ingest_site.read_rows(schema.source_cursors, "path")
    with ingest_site.node.database.write_transaction() as connection:
        update = schema.source_cursors.update().where(schema.source_cursors.c.path == cursor)
        connection.execute(update.values(first_line="again"))
    assert ingest(ingest_site, freepbx)["cdrs"] == 1
    assert ingest(ingest_site, freepbx)["cdrs"] == 0


def test_a_connection_is_encrypted_and_the_certificate_checked(ingest_site: IngestSite) -> None:
    authority, stranger = create_identity("authority", is_authority=True), create_identity("other", is_authority=True)
    server_identity = create_identity("127.0.0.1", issuer=authority)
    files = {"ca.pem": authority.pem, "other.pem": stranger.pem, "cert.pem": server_identity.pem}
    files["key.pem"] = server_identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        for name, data in files.items():
            Path(folder, name).write_bytes(data)
            Path(folder, name).chmod(0o644)
        options = (f"--ssl-cert={folder}/cert.pem", f"--ssl-key={folder}/key.pem", "--require-secure-transport=ON")
        with run_mariadb(*options) as server, create_mariadb_tables(server, FREEPBX_CDR) as tables:
            tables.insert("cdr", build_row(0))
            good, bad, plain = (
                ingest_site.run_ingest("asterisk", "--cdr", tables.url + query, **tables.settings)
                for query in (f"?ssl_ca={folder}/ca.pem", f"?ssl_ca={folder}/other.pem", "")
            )
    assert good.json["cdrs"] == 1
    assert (bad.code, "certificate verify failed" in bad.err) == (1, True)
    assert plain.json["known"] == 1  # encrypted, as the server demands it, without a check of the certificate


def test_a_unix_socket_may_be_named(
    ingest_site: IngestSite, freepbx: SwitchTables, mariadb_server: MariaDbServer
) -> None:
    freepbx.insert("cdr", build_row(0))
    url = freepbx.url.replace(f"127.0.0.1:{mariadb_server.port}", "localhost")
    socket = f"?unix_socket={mariadb_server.socket}"
    assert ingest(ingest_site, freepbx, query="")["cdrs"] == 1
    result = ingest_site.run_ingest("asterisk", "--cdr", url + socket, **freepbx.settings)
    assert (result.json["cdrs"], result.json["known"]) == (0, 1)


def test_a_missing_mariadb_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_arguments, **_options: None)
    with pytest.raises(ServerMissing, match="mariadb-server-core"), run_mariadb():
        pass
