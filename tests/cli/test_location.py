"""`ccfs location`: what an operator sees when locations are added, listed, drained, and bytes are moved between them."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccfs import settings
from ccfs.server.node import Node
from tests.blobs.s3_locations import BUCKET, list_keys, make_location_config
from tests.cli.command import CommandResult, run_ccfs
from tests.servers import S3_KEYS
from tests.two_tenants import TwoTenants, create_two_tenants


class LocationSetup:
    """A data folder with the cast's files, and the settings of its commands."""

    def __init__(self, data: Path, s3_url: str) -> None:
        self.data, self.bucket = data, make_location_config(s3_url)
        ak, sk = S3_KEYS
        self.settings = {"CCFS_S3_ACCESS_KEY": ak, "CCFS_S3_SECRET_KEY": sk, "CCFS_MOVE_GRACE_SECONDS": "0"}
        self.node = Node(settings.load_settings(self.settings, data=data))
        self.tenants: TwoTenants = create_two_tenants(self.node)
        self.count = len(self.list_disk_files())

    def run_location(self, *arguments: object, **more: str) -> CommandResult:
        """One `ccfs location` command."""
        return run_ccfs("location", *arguments, "--data", self.data, settings=self.settings | more)

    def add_bucket(self) -> CommandResult:
        """The bucket as location 1."""
        where = ("--bucket", BUCKET, "--prefix", self.bucket.prefix, "--endpoint", self.bucket.endpoint)
        return self.run_location("add", "1", "--kind", "s3", *where, "--json")

    def list_disk_files(self) -> list[Path]:
        """The files in the data folder."""
        return [path for path in (self.data / "files").rglob("*") if path.is_file()]


@pytest.fixture
def location_setup(tmp_path: Path, s3_url: str) -> Iterator[LocationSetup]:
    """An office whose files lie on its disk."""
    one = LocationSetup(tmp_path / "data", s3_url)
    yield one
    one.node.database.close()


def test_there_is_one_location_before_any_is_added(location_setup: LocationSetup) -> None:
    [only] = location_setup.run_location("list", "--json").json["locations"]
    assert (only["location"], only["kind"], only["state"]) == ("0", "disk", "home")
    assert (only["files"], only["at"]) == (location_setup.count, str(location_setup.data / "files"))
    assert only["bytes"] == sum(path.stat().st_size for path in location_setup.list_disk_files())


def test_a_bucket_is_tried_out_added_and_listed(location_setup: LocationSetup) -> None:
    assert location_setup.add_bucket().json == {"location": "1", "kind": "s3", "at": BUCKET}
    assert list_keys(location_setup.bucket) == set()
    listed = location_setup.run_location("list").out.splitlines()
    assert [line.split()[:4] for line in listed] == [
        ["0", "home", str(location_setup.count), "files"],
        ["1", "ready", "0", "files"],
    ]
    assert f"{location_setup.bucket.endpoint}/{BUCKET}/{location_setup.bucket.prefix}" in listed[1]
    assert S3_KEYS[1] not in location_setup.run_location("list", "--json").out


def test_everything_is_moved_to_a_bucket_and_back(location_setup: LocationSetup, tmp_path: Path) -> None:
    location_setup.add_bucket()
    moved = location_setup.run_location("move", "--from", "0", "--to", "1", "--json").json
    assert (moved["moved"], moved["left"], moved["missing"], moved["damaged"]) == (location_setup.count, 0, [], [])
    assert (location_setup.list_disk_files(), len(list_keys(location_setup.bucket))) == ([], location_setup.count)
    assert location_setup.run_location("add", "2", "--kind", "disk", "--folder", tmp_path / "other", "--json").code == 0
    back = ("move", "--from", "1", "--to", "2", "--json")
    assert location_setup.run_location(*back, CCFS_OBS_URL_SECONDS="1").json["moved"] == location_setup.count
    time.sleep(1)  # URLs may lead to the bucket for so long
    assert location_setup.run_location(*back).json["moved"] == 0
    assert list_keys(location_setup.bucket) == set()
    found = {one["location"]: one["files"] for one in location_setup.run_location("list", "--json").json["locations"]}
    assert found == {"0": 0, "1": 0, "2": location_setup.count}


def test_only_old_files_are_moved_where_that_is_asked(location_setup: LocationSetup) -> None:
    location_setup.add_bucket()
    new = len(location_setup.tenants.acme.export_names) + len(location_setup.tenants.bolt.export_names)
    moved = location_setup.run_location("move", "--from", "0", "--to", "1", "--older-than", "30", "--json").json
    assert moved["moved"] == location_setup.count - new


def test_a_drained_location_takes_nothing_new(location_setup: LocationSetup) -> None:
    location_setup.add_bucket()
    refused = location_setup.run_location("drain", "0")
    assert (refused.code, "CCFS_PRIMARY_LOCATION" in refused.err) == (1, True)
    assert location_setup.run_location("drain", "0", "--json", CCFS_PRIMARY_LOCATION="1").json == {
        "location": "0",
        "draining": True,
    }
    states = [
        one["state"]
        for one in location_setup.run_location("list", "--json", CCFS_PRIMARY_LOCATION="1").json["locations"]
    ]
    assert states == ["draining", "home"]
    with pytest.raises(OSError, match="accepts no new bytes"):
        location_setup.node.primary_location.write("7/a", [b"x"])
    assert location_setup.run_location("move", "--from", "1", "--to", "0").code == 1
    assert location_setup.run_location("drain", "0", "--undo", "--json").json["draining"] is False
    assert location_setup.node.primary_location.write("7/a", [b"x"]).size == 1


def test_what_is_lost_is_told_and_fails(location_setup: LocationSetup) -> None:
    location_setup.add_bucket()
    lost = min(location_setup.list_disk_files())
    lost.unlink()
    done = location_setup.run_location("move", "--from", "0", "--to", "1")
    assert done.code == 1
    assert f"missing in location 0: {lost.relative_to(location_setup.data / 'files')}" in done.out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["add", "01", "--kind", "disk", "--folder", "x"], "not a locationId"),
        (["add", "0", "--kind", "disk", "--folder", "x"], "already"),
        (["add", "5", "--kind", "disk"], "--folder"),
        (["add", "5", "--kind", "s3", "--folder", "x"], "--bucket"),
        (["add", "5", "--kind", "s3", "--bucket", "b", "--endpoint", "obs.example.com"], "not a URL"),
        (["add", "5", "--kind", "s3", "--bucket", "b", "--endpoint", "http://127.0.0.1:1"], "does not work"),
        (["drain", "9"], "no location 9"),
        (["move", "--from", "0", "--to", "9"], "no location 9"),
        (["move", "--from", "0", "--to", "0"], "same location"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(
    location_setup: LocationSetup, arguments: list[str], reason: str
) -> None:
    done = location_setup.run_location(*arguments, CCFS_S3_TIMEOUT_SECONDS="1", CCFS_S3_RETRIES="0")
    assert done.code == 1
    assert reason in done.err
    assert S3_KEYS[1] not in done.err
