"""Rows of unassigned records on both engines: each app and each switch has its own."""

from dataclasses import replace
from datetime import timedelta

from ccfs.db.engine import Database
from ccfs.db.tenant.ingest import account_domains, expected_recordings, ingest_state, unassigned_records
from ccfs.db.tenant.ingest.expected_recordings import ExpectedRecording
from ccfs.db.tenant.ingest.ingest_state import IngestRejection
from ccfs.db.tenant.ingest.unassigned_records import UnassignedRecord
from ccfs.model.identity.tenancy import App
from tests.db.sample_rows import NOW

SWITCH, OTHER_SWITCH = "asterisk /a", "asterisk /b"


def make_record(number: int, *, reason: str = "no rule", line: int | None = None) -> UnassignedRecord:
    return UnassignedRecord(
        source_key=f"key-{number}",
        kind="AsteriskLeg",
        call_id=f"call-{number // 2}",
        leg_id=f"leg-{number}",
        domain=f"{number % 2}.test",
        file="/a/Master.csv",
        line=number if line is None else line,
        raw=b"x" * 5000,
        reason=reason,
        record="[]",
    )


def list_keys(records: list[UnassignedRecord]) -> list[str]:
    return sorted(record.source_key for record in records)


def test_records_are_found_by_the_ids_of_their_calls_and_legs(database: Database, app: App, other_app: App) -> None:
    with database.write_transaction() as connection:
        unassigned_records.add(connection, app, SWITCH, [make_record(number) for number in range(6)], "r1", NOW)
        unassigned_records.add(connection, app, OTHER_SWITCH, [make_record(0)], "r1", NOW)
        unassigned_records.add(connection, other_app, SWITCH, [make_record(1)], "r1", NOW)
        found = unassigned_records.find_by_ids(connection, app, SWITCH, ["call-0", "leg-5", "", "leg-9"])
        assert list_keys(found) == ["key-0", "key-1", "key-5"]
        assert {len(record.raw) for record in found} == {1024}
        assert unassigned_records.list_domains(connection, app, SWITCH) == {"0.test", "1.test"}
        assert list_keys(unassigned_records.list_by_domains(connection, app, SWITCH, ["1.test"], 2)) == [
            "key-1",
            "key-3",
        ]


def test_records_are_outdated_until_they_were_tried_with_the_rules_of_now(database: Database, app: App) -> None:
    records = [make_record(number) for number in range(3)]
    with database.write_transaction() as connection:
        unassigned_records.add(connection, app, SWITCH, records, "r1", NOW)
        assert unassigned_records.list_outdated(connection, app, SWITCH, "r1", 9) == []
        unassigned_records.add(connection, app, SWITCH, records[:1], "r2", NOW)
        assert list_keys(unassigned_records.list_outdated(connection, app, SWITCH, "r2", 9)) == ["key-1", "key-2"]


def test_a_rejection_goes_with_the_last_record_of_its_line(database: Database, app: App) -> None:
    """An array of documents has all its channels in line 1."""
    records = [make_record(1, line=1), make_record(2, line=1), make_record(3, line=1, reason="another")]
    rejections = [
        IngestRejection(file="/a/Master.csv", line=1, reason=reason, raw=b"x" * 5000)
        for reason in ("no rule", "another")
    ]
    with database.write_transaction() as connection:
        unassigned_records.add(connection, app, SWITCH, records, "r1", NOW)
        ingest_state.add_rejections(connection, app, rejections, NOW)

        def list_reasons() -> list[str]:
            return sorted(rejection.reason for _, rejection, _ in ingest_state.list_rejections(connection, app))

        assert list_keys(unassigned_records.delete(connection, app, SWITCH, ["key-1", "key-9"])) == ["key-1"]
        assert list_reasons() == ["another", "no rule"]
        unassigned_records.delete(connection, app, SWITCH, ["key-2"])
        assert list_reasons() == ["another"]
        unassigned_records.delete(connection, app, SWITCH, ["key-3"])
        assert (list_reasons(), unassigned_records.exists(connection, app, SWITCH)) == ([], False)


def test_lines_of_one_number_before_and_after_a_rotation_are_told_apart(database: Database, app: App) -> None:
    records = [replace(make_record(number, line=1), raw=f"line {number}".encode()) for number in range(2)]
    rejections = [IngestRejection(file=row.file, line=1, reason=row.reason, raw=row.raw) for row in records]
    with database.write_transaction() as connection:
        unassigned_records.add(connection, app, SWITCH, records, "r1", NOW)
        assert len(ingest_state.add_rejections(connection, app, rejections, NOW)) == 2
        unassigned_records.delete(connection, app, SWITCH, ["key-0"])
        left = ingest_state.list_rejections(connection, app)
        assert [rejection.raw for _, rejection, _ in left] == [b"line 1"]


def test_old_records_are_deleted_with_all_that_they_left(database: Database, app: App, other_app: App) -> None:
    old = NOW - timedelta(days=40)
    expected = [
        ExpectedRecording(account_id=account, name="a", path="a", stem="a", call_id="c", since=old, is_optional=True)
        for account in ("", "100")
    ]
    with database.write_transaction() as connection:
        for owner in (app, other_app):
            unassigned_records.add(connection, owner, SWITCH, [make_record(1)], "r1", old)
        unassigned_records.add(connection, app, SWITCH, [make_record(2)], "r1", NOW)
        ingest_state.add_rejections(
            connection, app, [IngestRejection(file="/a/Master.csv", line=1, reason="no rule", raw=b"x" * 5000)], old
        )
        expected_recordings.add(connection, app, expected)
        unassigned_records.delete_before(connection, app, NOW - timedelta(days=30))
        assert list_keys(unassigned_records.find_by_ids(connection, app, SWITCH, ["call-0", "call-1"])) == ["key-2"]
        assert unassigned_records.exists(connection, other_app, SWITCH)
        assert ingest_state.list_rejections(connection, app) == []
        accounts = [expected_recordings.find(connection, app, account, ["a"]) for account in ("", "100")]
        assert [len(rows) for rows in accounts] == [0, 1]


def test_domains_are_those_of_an_account_on_one_switch(database: Database, app: App, other_app: App) -> None:
    with database.write_transaction() as connection:
        for _ in range(2):
            account_domains.add(connection, app, SWITCH, "acme", ["a.test", "b.test"])
        account_domains.add(connection, app, OTHER_SWITCH, "acme", ["c.test"])
        account_domains.add(connection, other_app, SWITCH, "acme", ["d.test"])
        assert account_domains.list_domains(connection, app, SWITCH) == {"acme": frozenset({"a.test", "b.test"})}
