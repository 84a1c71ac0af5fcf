"""The status of an installation on both engines: each fault gives its finding, and a sound one gives none."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.system import clock_times, nodes, status_counts
from ccfs.db.system.certificates import trusted_certificates
from ccfs.db.system.certificates.trusted_certificates import TrustedCertificate
from ccfs.db.system.storage import disk_samples, locations, retention_marks
from ccfs.db.system.storage.disk_samples import DiskSample
from ccfs.db.tenant import deliveries, exports, recordings
from ccfs.db.tenant.ingest import expected_recordings, ingest_state
from ccfs.db.tenant.ingest.expected_recordings import ExpectedPage, ExpectedRecording
from ccfs.db.tenant.ingest.ingest_state import IngestRejection, SourceCursor
from ccfs.model.blobs.location_config import LocationConfig, LocationKind
from ccfs.model.exports.delivery import Delivery
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App
from ccfs.model.node import NodeRecord, NodeState
from ccfs.server.node import utc_now
from ccfs.settings import Settings
from ccfs.status.check import StatusReport, check_status
from ccfs.status.disk_forecast import DiskForecast
from ccfs.status.findings import SENTENCES, FindingKind, Severity
from tests.db.sample_rows import make_blob_ref, make_recording
from tests.db.tenant.test_exports import make_export

NOW = utc_now()
NODE = NodeRecord(id="a", folder="f", address="", version="0.1.0", revision="0001", started_at=NOW, heartbeat_at=NOW)
GIGABYTE = 1 << 30
DAY = timedelta(days=1)


def check(database: Database, folder: Path, **more: Any) -> StatusReport:
    settings = Settings(data=folder, min_free_mb=0, **more)
    return check_status(database, settings, "a", utc_now())


def change(database: Database, action: Callable[[Connection], object]) -> None:
    with database.write_transaction() as connection:
        action(connection)


@pytest.fixture
def sound(database: Database, app: App, tmp_path: Path) -> Path:
    """The data folder of a node that is alive, with a location and an ingest that has just passed."""
    config = LocationConfig(id="0", kind=LocationKind.DISK, root="", node="a", created_at=NOW)
    change(database, lambda c: nodes.register(c, NODE, timedelta(seconds=30)))
    change(database, lambda c: locations.add(c, config))
    change(database, lambda c: clock_times.note(c, clock_times.INGEST_PASS, utc_now()))
    return tmp_path


def add_export(database: Database, app: App, state: str) -> None:
    with database.write_transaction() as connection:
        exports.add(connection, app, make_export(1))
        connection.execute(sa.update(schema.exports).values(state=state, requested_at=NOW - timedelta(hours=2)))


def add_delivery(database: Database, app: App, state: str, attempts: int) -> None:
    add_export(database, app, "ready")
    sent = Delivery(id="d1", app=app.id, ak=app.ak, url="http://r:9/", body=b"{}", created_at=NOW)
    with database.write_transaction() as connection:
        deliveries.add(connection, app, sent, f"{1:032x}", "http://r:9", NOW)
        connection.execute(sa.update(schema.deliveries).values(state=state, attempts=attempts))


def add_expected(database: Database, app: App, *, is_missing: bool, hours: int = 2) -> None:
    since = NOW - timedelta(hours=hours)
    row = ExpectedRecording(account_id="100", name="x.wav", path="/x.wav", stem="x", call_id="1-1", since=since)
    with database.write_transaction() as connection:
        expected_recordings.add(connection, app, [row])
        if is_missing:
            expected_recordings.mark_missing(connection, app, NOW, NOW)


def add_cursor(database: Database, app: App, file: Path, *, hours: int) -> None:
    cursor = SourceCursor(path=f"100:{file}", first_line="x", offset=3, line=1)
    change(database, lambda c: ingest_state.set_cursor(c, app, cursor, NOW - timedelta(hours=hours)))


def add_certificate(database: Database, days: int) -> None:
    expiry = NOW + timedelta(days=days)
    certificate = TrustedCertificate(name="crm", der=b"x", sha256="0" * 64, subject="CN=crm", not_after=expiry)
    change(database, lambda c: trusted_certificates.add_certificate(c, certificate, NOW))


def backdate_node(database: Database, **values: object) -> None:
    change(database, lambda c: c.execute(sa.update(schema.nodes).values(**values)))


def stop_ingest(database: Database) -> None:
    change(database, lambda c: clock_times.note(c, clock_times.INGEST_PASS, NOW - timedelta(hours=3)))


def reject_line(database: Database, app: App) -> None:
    rejection = IngestRejection(file="/a.csv", line=7, reason="4 fields", raw=b"x")
    change(database, lambda c: ingest_state.add_rejections(c, app, [rejection], NOW))


FAULTS: dict[FindingKind, Callable[[Database, App, Path], object]] = {
    FindingKind.INGEST_STOPPED: lambda d, _a, _f: stop_ingest(d),
    FindingKind.LINES_REJECTED: lambda d, a, _f: reject_line(d, a),
    FindingKind.RECORDINGS_MISSING: lambda d, a, _f: add_expected(d, a, is_missing=True),
    FindingKind.CALLBACKS_FAILED: lambda d, a, _f: add_delivery(d, a, "dead", 8),
    FindingKind.CALLBACKS_RETRIED: lambda d, a, _f: add_delivery(d, a, "due", 2),
    FindingKind.EXPORTS_FAILED: lambda d, a, _f: add_export(d, a, "failed"),
    FindingKind.EXPORTS_WAITING: lambda d, a, _f: add_export(d, a, "due"),
    FindingKind.NODE_SILENT: lambda d, _a, _f: backdate_node(d, heartbeat_at=NOW - timedelta(days=1)),
    FindingKind.NODE_DRAINING: lambda d, _a, _f: backdate_node(d, state=NodeState.DRAINING),
    FindingKind.SERVER_CERTIFICATE_EXPIRED: lambda d, _a, _f: backdate_node(d, certificate_expires_at=NOW - DAY),
    FindingKind.SERVER_CERTIFICATE_EXPIRING: lambda d, _a, _f: backdate_node(d, certificate_expires_at=NOW + 10 * DAY),
    FindingKind.CERTIFICATE_EXPIRED: lambda d, _a, _f: add_certificate(d, -1),
    FindingKind.CERTIFICATE_EXPIRING: lambda d, _a, _f: add_certificate(d, 10),
    FindingKind.LOCATION_DRAINING: lambda d, _a, _f: change(d, lambda c: locations.update(c, "0", is_draining=True)),
    FindingKind.FOLDER_UNREADABLE: lambda d, _a, f: change(
        d, lambda c: locations.add(c, LocationConfig(id="7", kind=LocationKind.DISK, root=f"{f}/no", created_at=NOW))
    ),
    FindingKind.MONTH_MARKED: lambda d, _a, _f: change(d, lambda c: retention_marks.add(c, "cdrs", 202401, NOW)),
}


def test_a_sound_installation_has_no_findings(database: Database, sound: Path) -> None:
    report = check(database, sound)
    assert (report.findings, report.worst) == ((), None)
    assert [(node.id, node.is_alive) for node in report.nodes] == [("a", True)]
    assert report.locations[0].free
    assert json.loads(json.dumps(report.as_json()))["locations"][0]["id"] == "0"


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_gives_its_finding(database: Database, app: App, sound: Path, kind: FindingKind) -> None:
    FAULTS[kind](database, app, sound)
    report = check(database, sound)
    assert kind in {finding.kind for finding in report.findings}
    assert all(finding.path.startswith("/console/") for finding in report.findings)
    for finding in report.findings:
        assert "{" not in finding.describe(lambda text: text, lambda _, value: str(value))
    assert json.dumps(report.as_json())


def test_every_kind_of_finding_has_a_sentence() -> None:
    assert set(SENTENCES) == set(FindingKind)


def test_a_source_with_unread_lines_is_behind_since_the_last_pass(database: Database, app: App, sound: Path) -> None:
    file = sound / "Master.csv"
    file.write_text("one\ntwo\n")
    add_cursor(database, app, file, hours=5)
    (source,) = check(database, sound).ingest.sources
    assert (source.app, source.path, source.backlog) == ("acme", str(file), 5)
    assert source.lag is not None
    assert source.lag < timedelta(minutes=1)
    change(database, lambda c: clock_times.note(c, clock_times.INGEST_PASS, NOW - timedelta(hours=2)))
    report = check(database, sound, ingest_max_lag_minutes=150)
    assert report.findings == ()
    report = check(database, sound, ingest_max_lag_minutes=60)
    assert [finding.kind for finding in report.findings] == [FindingKind.INGEST_STOPPED]
    file.write_text("one")
    assert check(database, sound).ingest.sources[0].lag == timedelta()
    file.unlink()
    assert check(database, sound).ingest.sources[0].lag is None


def test_a_disk_is_full_in_days_by_the_growth_of_all_locations_on_it(database: Database, app: App, sound: Path) -> None:
    second = LocationConfig(id="1", kind=LocationKind.DISK, root=str(sound), node="a", created_at=NOW)
    change(database, lambda c: locations.add(c, second))
    free = check(database, sound).locations[0].free or 0
    each = free // 40  # in two days, in either location: the disk has 40 days
    with database.write_transaction() as connection:
        for number, (location, hours) in enumerate((place, age) for place in "01" for age in (48, 24)):
            blob = make_blob_ref(f"1/rec/{number}")
            recordings.add(connection, app, make_recording(number, blob=blob), NOW)
            connection.execute(
                sa.update(schema.recordings)
                .where(schema.recordings.c.key == f"1/rec/{number}")
                .values(size=each, location_id=location, created_at=utc_now() - timedelta(hours=hours))
            )
    report = check(database, sound)
    assert {location.days_left for location in report.locations} <= {18, 19, 20, 21}
    assert {finding.kind for finding in report.findings} == {FindingKind.DISK_FILLING}
    assert report.worst is Severity.WARNING


def test_the_free_space_of_a_disk_of_another_node_and_its_forecast_come_from_its_samples(
    database: Database, sound: Path
) -> None:
    far = LocationConfig(id="9", kind=LocationKind.DISK, root="/far", node="b", created_at=NOW)
    change(database, lambda c: locations.add(c, far))
    with database.write_transaction() as connection:
        for hours in range(96, -1, -1):
            left = (960 + hours) * GIGABYTE  # 24 GB a day; 40 days from now
            sample = DiskSample(sampled_at=NOW - timedelta(hours=hours), free=left, size=2000 * GIGABYTE)
            disk_samples.save(connection, "9", sample)
            disk_samples.save(connection, "9", sample)
    report = check(database, sound)
    [status] = [location for location in report.locations if location.id == "9"]
    assert (status.free, status.days_left) == (960 * GIGABYTE, 40)
    assert status.forecast == DiskForecast(days=40, earliest=40, latest=40, daily=24 * GIGABYTE)
    assert report.findings == ()
    old = DiskSample(sampled_at=NOW + disk_samples.KEPT - timedelta(hours=10), free=GIGABYTE, size=GIGABYTE)
    change(database, lambda c: disk_samples.save(c, "9", old))
    with database.read_transaction() as connection:
        assert len(disk_samples.list_since(connection, "9", NOW - 9 * DAY)) == 12


def test_the_growth_of_a_location_needs_an_hour(database: Database, app: App, sound: Path) -> None:
    change(database, lambda c: recordings.add(c, app, make_recording(1), utc_now()))
    with database.read_transaction() as connection:
        assert status_counts.compute_growth(connection, "0", utc_now()) is None


def test_expected_recordings_of_an_account_are_listed_by_state(database: Database, app: App, other_app: App) -> None:
    add_expected(database, app, is_missing=False)
    window = TimeWindow(begin=NOW - timedelta(days=1), end=NOW)

    def count(owner: App, is_missing: bool | None, account: str = "100") -> int:
        with database.read_transaction() as connection:
            page = ExpectedPage(is_missing=is_missing)
            return len(expected_recordings.list_of_account(connection, owner, account, window, page))

    assert (count(app, None), count(app, False), count(app, True)) == (1, 1, 0)
    change(database, lambda c: expected_recordings.mark_missing(c, app, NOW, NOW))
    assert (count(app, None), count(app, False), count(app, True)) == (1, 0, 1)
    assert (count(other_app, None), count(app, None, "101")) == (0, 0)
