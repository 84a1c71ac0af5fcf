"""`ccfs location`: what an operator sees when locations are added, listed, drained, and bytes are moved between them."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccfs import settings
from ccfs.server.node import Node
from tests.cast import Cast, fill
from tests.cli.command import Done, ccfs
from tests.servers import S3_KEYS
from tests.store.buckets import BUCKET, keys, place


class Office:
    """A data folder with the cast's files, and the settings of its commands."""

    def __init__(self, data: Path, s3_url: str) -> None:
        self.data, self.bucket = data, place(s3_url)
        ak, sk = S3_KEYS
        self.settings = {"CCFS_S3_ACCESS_KEY": ak, "CCFS_S3_SECRET_KEY": sk, "CCFS_MOVE_GRACE_SECONDS": "0"}
        self.node = Node(settings.load_settings(self.settings, data=data))
        self.cast: Cast = fill(self.node)
        self.count = len(self.on_disk())

    def ccfs(self, *arguments: object, **more: str) -> Done:
        """One `ccfs location` command."""
        return ccfs("location", *arguments, "--data", self.data, settings=self.settings | more)

    def add_bucket(self) -> Done:
        """The bucket as location 1."""
        where = ("--bucket", BUCKET, "--prefix", self.bucket.prefix, "--endpoint", self.bucket.endpoint)
        return self.ccfs("add", "1", "--kind", "s3", *where, "--json")

    def on_disk(self) -> list[Path]:
        """The files in the data folder."""
        return [path for path in (self.data / "files").rglob("*") if path.is_file()]


@pytest.fixture
def office(tmp_path: Path, s3_url: str) -> Iterator[Office]:
    """An office whose files lie on its disk."""
    one = Office(tmp_path / "data", s3_url)
    yield one
    one.node.database.close()


def test_there_is_one_location_before_any_is_added(office: Office) -> None:
    [only] = office.ccfs("list", "--json").json["locations"]
    assert (only["location"], only["kind"], only["state"]) == ("0", "disk", "home")
    assert (only["files"], only["at"]) == (office.count, str(office.data / "files"))
    assert only["bytes"] == sum(path.stat().st_size for path in office.on_disk())


def test_a_bucket_is_tried_out_added_and_listed(office: Office) -> None:
    assert office.add_bucket().json == {"location": "1", "kind": "s3", "at": BUCKET}
    assert keys(office.bucket) == set()
    listed = office.ccfs("list").out.splitlines()
    assert [line.split()[:4] for line in listed] == [
        ["0", "home", str(office.count), "files"],
        ["1", "ready", "0", "files"],
    ]
    assert f"{office.bucket.endpoint}/{BUCKET}/{office.bucket.prefix}" in listed[1]
    assert S3_KEYS[1] not in office.ccfs("list", "--json").out


def test_everything_is_moved_to_a_bucket_and_back(office: Office, tmp_path: Path) -> None:
    office.add_bucket()
    moved = office.ccfs("move", "--from", "0", "--to", "1", "--json").json
    assert (moved["moved"], moved["left"], moved["missing"], moved["damaged"]) == (office.count, 0, [], [])
    assert (office.on_disk(), len(keys(office.bucket))) == ([], office.count)
    assert office.ccfs("add", "2", "--kind", "disk", "--folder", tmp_path / "other", "--json").code == 0
    back = ("move", "--from", "1", "--to", "2", "--json")
    assert office.ccfs(*back, CCFS_OBS_URL_SECONDS="1").json["moved"] == office.count
    time.sleep(1)  # URLs may lead to the bucket for so long
    assert office.ccfs(*back).json["moved"] == 0
    assert keys(office.bucket) == set()
    found = {one["location"]: one["files"] for one in office.ccfs("list", "--json").json["locations"]}
    assert found == {"0": 0, "1": 0, "2": office.count}


def test_only_old_files_are_moved_where_that_is_asked(office: Office) -> None:
    office.add_bucket()
    new = len(office.cast.acme.exports) + len(office.cast.bolt.exports)
    moved = office.ccfs("move", "--from", "0", "--to", "1", "--older-than", "30", "--json").json
    assert moved["moved"] == office.count - new


def test_a_drained_location_takes_nothing_new(office: Office) -> None:
    office.add_bucket()
    refused = office.ccfs("drain", "0")
    assert (refused.code, "CCFS_PRIMARY_LOCATION" in refused.err) == (1, True)
    assert office.ccfs("drain", "0", "--json", CCFS_PRIMARY_LOCATION="1").json == {"location": "0", "draining": True}
    states = [one["state"] for one in office.ccfs("list", "--json", CCFS_PRIMARY_LOCATION="1").json["locations"]]
    assert states == ["draining", "home"]
    with pytest.raises(OSError, match="takes no new bytes"):
        office.node.primary_location.write("7/a", [b"x"])
    assert office.ccfs("move", "--from", "1", "--to", "0").code == 1
    assert office.ccfs("drain", "0", "--undo", "--json").json["draining"] is False
    assert office.node.primary_location.write("7/a", [b"x"]).size == 1


def test_what_is_lost_is_told_and_fails(office: Office) -> None:
    office.add_bucket()
    lost = min(office.on_disk())
    lost.unlink()
    done = office.ccfs("move", "--from", "0", "--to", "1")
    assert done.code == 1
    assert f"missing in location 0: {lost.relative_to(office.data / 'files')}" in done.out


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
def test_what_cannot_be_done_is_refused_with_the_reason(office: Office, arguments: list[str], reason: str) -> None:
    done = office.ccfs(*arguments, CCFS_S3_TIMEOUT_SECONDS="1", CCFS_S3_RETRIES="0")
    assert done.code == 1
    assert reason in done.err
    assert S3_KEYS[1] not in done.err
