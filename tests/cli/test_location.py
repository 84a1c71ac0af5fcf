"""`ccfs location`: adding, listing and draining locations, and moving files between them."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ccfs import settings
from ccfs.db.system.console import audit
from ccfs.model.identity.audit import AuditAction, AuditQuery
from ccfs.server.node import Node, utc_now
from tests.blobs.s3_locations import BUCKET, list_keys, make_location_config
from tests.cli.command import CommandResult, run_ccfs
from tests.servers import S3_KEYS
from tests.two_tenants import TwoTenants, create_two_tenants


class LocationSetup:
    """A data folder with the files of two tenants, and the settings of the commands."""

    def __init__(self, data: Path, s3_url: str) -> None:
        self.data, self.bucket = data, make_location_config(s3_url)
        ak, sk = S3_KEYS
        self.settings = {"CCFS_S3_ACCESS_KEY": ak, "CCFS_S3_SECRET_KEY": sk, "CCFS_MOVE_GRACE_SECONDS": "0"}
        self.node = Node(settings.load_settings(self.settings, data=data))
        self.tenants: TwoTenants = create_two_tenants(self.node)
        self.count = len(self.list_disk_files())

    def run_location(self, *arguments: object, **more: str) -> CommandResult:
        """Run one `ccfs location` command."""
        return run_ccfs("location", *arguments, "--data", self.data, settings=self.settings | more)

    def add_bucket(self) -> CommandResult:
        """Add the bucket as location 1."""
        where = ("--bucket", BUCKET, "--prefix", self.bucket.prefix, "--endpoint", self.bucket.endpoint)
        return self.run_location("add", "1", "--kind", "s3", *where, "--json")

    def list_disk_files(self) -> list[Path]:
        """Return the files in the data folder."""
        return [path for path in (self.data / "files").rglob("*") if path.is_file()]


@pytest.fixture
def location_setup(tmp_path: Path, s3_url: str) -> Iterator[LocationSetup]:
    """A node with files on its disk."""
    setup = LocationSetup(tmp_path / "data", s3_url)
    yield setup
    setup.node.database.close()


def test_the_disk_is_the_first_location(location_setup: LocationSetup) -> None:
    [only] = location_setup.run_location("list", "--json").json["locations"]
    assert (only["location"], only["kind"], only["state"]) == ("0", "disk", "primary")
    assert (only["files"], only["root"]) == (location_setup.count, str(location_setup.data / "files"))
    assert only["bytes"] == sum(path.stat().st_size for path in location_setup.list_disk_files())


def test_a_bucket_is_tested_added_and_listed(location_setup: LocationSetup) -> None:
    assert location_setup.add_bucket().json == {"location": "1", "kind": "s3", "root": BUCKET}
    assert list_keys(location_setup.bucket) == set()
    listed = location_setup.run_location("list").out.splitlines()
    assert [line.split()[:4] for line in listed] == [
        ["0", "primary", str(location_setup.count), "files"],
        ["1", "ready", "0", "files"],
    ]
    assert f"{location_setup.bucket.endpoint}/{BUCKET}/{location_setup.bucket.prefix}" in listed[1]
    assert S3_KEYS[1] not in location_setup.run_location("list", "--json").out


def test_all_files_are_moved_to_a_bucket_and_back(location_setup: LocationSetup, tmp_path: Path) -> None:
    location_setup.add_bucket()
    moved = location_setup.run_location("move", "--from", "0", "--to", "1", "--json").json
    assert (moved["moved"], moved["skipped"], moved["missing"], moved["damaged"]) == (location_setup.count, 0, [], [])
    assert (location_setup.list_disk_files(), len(list_keys(location_setup.bucket))) == ([], location_setup.count)
    assert location_setup.run_location("add", "2", "--kind", "disk", "--folder", tmp_path / "other", "--json").code == 0
    back = ("move", "--from", "1", "--to", "2", "--json")
    assert location_setup.run_location(*back, CCFS_OBS_URL_SECONDS="1").json["moved"] == location_setup.count
    time.sleep(1)  # lifetime of URLs to the bucket
    assert location_setup.run_location(*back).json["moved"] == 0
    assert list_keys(location_setup.bucket) == set()
    files = {row["location"]: row["files"] for row in location_setup.run_location("list", "--json").json["locations"]}
    assert files == {"0": 0, "1": 0, "2": location_setup.count}


def test_only_files_older_than_the_option_are_moved(location_setup: LocationSetup) -> None:
    location_setup.add_bucket()
    new = len(location_setup.tenants.acme.export_names) + len(location_setup.tenants.bolt.export_names)
    moved = location_setup.run_location("move", "--from", "0", "--to", "1", "--older-than", "30", "--json").json
    assert moved["moved"] == location_setup.count - new


def test_a_drained_location_accepts_no_new_files(location_setup: LocationSetup) -> None:
    location_setup.add_bucket()
    rejected = location_setup.run_location("drain", "0")
    assert (rejected.code, "CCFS_PRIMARY_LOCATION" in rejected.err) == (1, True)
    assert location_setup.run_location("drain", "0", "--json", CCFS_PRIMARY_LOCATION="1").json == {
        "location": "0",
        "draining": True,
    }
    states = [
        row["state"]
        for row in location_setup.run_location("list", "--json", CCFS_PRIMARY_LOCATION="1").json["locations"]
    ]
    assert states == ["draining", "primary"]
    with pytest.raises(OSError, match="accepts no new bytes"):
        location_setup.node.primary_location.write("7/a", [b"x"])
    assert location_setup.run_location("move", "--from", "1", "--to", "0").code == 1
    assert location_setup.run_location("drain", "0", "--undo", "--json").json["draining"] is False
    assert location_setup.node.primary_location.write("7/a", [b"x"]).size == 1


def test_missing_files_are_reported_and_fail_the_move(location_setup: LocationSetup) -> None:
    location_setup.add_bucket()
    lost = min(location_setup.list_disk_files())
    lost.unlink()
    done = location_setup.run_location("move", "--from", "0", "--to", "1")
    assert done.code == 1
    assert f"missing in location 0: {lost.relative_to(location_setup.data / 'files')}" in done.out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["add", "01", "--kind", "disk", "--folder", "x"], "not a location id"),
        (["add", "0", "--kind", "disk", "--folder", "x"], "already"),
        (["add", "5", "--kind", "disk"], "--folder"),
        (["add", "5", "--kind", "s3", "--folder", "x"], "--bucket"),
        (["add", "5", "--kind", "s3", "--bucket", "b", "--endpoint", "obs.example.com"], "not a URL"),
        (["add", "5", "--kind", "s3", "--bucket", "b", "--endpoint", "http://127.0.0.1:1"], "cannot access location 5"),
        (["drain", "9"], "unknown location 9"),
        (["move", "--from", "0", "--to", "9"], "unknown location 9"),
        (["move", "--from", "0", "--to", "0"], "same location"),
    ],
)
def test_an_invalid_location_command_is_rejected_with_the_reason(
    location_setup: LocationSetup, arguments: list[str], reason: str
) -> None:
    done = location_setup.run_location(*arguments, CCFS_S3_TIMEOUT_SECONDS="1", CCFS_S3_RETRIES="0")
    assert done.code == 1
    assert reason in done.err
    assert S3_KEYS[1] not in done.err


def test_a_location_is_removed_once_it_drains_and_nothing_refers_to_it(location_setup: LocationSetup) -> None:
    location_setup.add_bucket()
    in_use = location_setup.run_location("remove", "0", CCFS_PRIMARY_LOCATION="1")
    assert (in_use.code, "recordings" in in_use.err, "exports" in in_use.err) == (1, True, True)
    assert "primary location" in location_setup.run_location("remove", "0").err
    assert "older files are moved to" in location_setup.run_location("remove", "1", CCFS_TIER_TO="1").err
    assert "ccfs location drain 1" in location_setup.run_location("remove", "1").err
    assert location_setup.run_location("drain", "1").code == 0
    assert location_setup.run_location("remove", "1", "--json").json == {"removed": "1"}
    assert "unknown location 1" in location_setup.run_location("remove", "1").err
    with location_setup.node.database.read_transaction() as connection:
        entries = audit.list_entries(connection, AuditQuery(begin=utc_now() - timedelta(hours=1), end=utc_now()))
    assert [(entry.actor, entry.action) for _, entry in reversed(entries)] == [
        ("ccfs location add", AuditAction.LOCATION_ADDED),
        ("ccfs location drain", AuditAction.LOCATION_DRAINED),
        ("ccfs location remove", AuditAction.LOCATION_REMOVED),
    ]
