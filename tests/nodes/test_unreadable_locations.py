"""A location that a running node cannot read: nothing is moved there, and operators see it. Ingest onto a disk nobody serves."""

from pathlib import Path

from tests.blobs.s3_locations import BUCKET
from tests.cli.command import CommandResult, run_ccfs
from tests.ingest.ingest_site import ACCOUNT_ID, AK, SK, VDN_ID, build_cdr_line
from tests.nodes.node_cluster import NodeCluster, run_node_cluster
from tests.servers import S3_KEYS
from tests.two_tenants import create_two_tenants
from tests.waiting import wait_until

S3_SETTINGS = {"s3_access_key": S3_KEYS[0], "s3_secret_key": S3_KEYS[1], "s3_timeout_seconds": 5, "s3_retries": 1}


def run_with_keys(cluster: NodeCluster, folder: Path, *arguments: object) -> CommandResult:
    """Run a command in node a's data folder with keys that the servers lack."""
    options = {f"CCFS_{name.upper()}": str(value) for name, value in {**cluster.settings, **S3_SETTINGS}.items()}
    return run_ccfs(*arguments, settings={**options, "CCFS_DATA": str(folder / "a"), "CCFS_MOVE_GRACE_SECONDS": "0"})


def test_nothing_is_moved_to_a_location_that_a_running_node_cannot_read(tmp_path: Path, s3_url: str) -> None:
    with run_node_cluster(tmp_path, f"sqlite:///{tmp_path / 'common.db'}") as cluster:
        node = cluster["a"]
        create_two_tenants(node.node)
        where = ("--bucket", BUCKET, "--prefix", f"tests/{tmp_path.name}", "--endpoint", s3_url)
        assert run_with_keys(cluster, tmp_path, "location", "add", "7", "--kind", "s3", *where).code == 0
        move = ("location", "move", "--from", "0", "--to", "7")
        refused = run_with_keys(cluster, tmp_path, *move)
        assert refused.code == 1
        assert "cannot read location 7" in refused.err
        assert "node a: " in refused.err
        listed = run_with_keys(cluster, tmp_path, "location", "list", "--json").json
        assert {row["location"]: row["files"] for row in listed["locations"]}["7"] == 0
        assert [(row["node"], row["location"]) for row in listed["unreadable"]] == [("a", "7")]
        assert node.wait_for_log_line("location_unreadable", location="7")["reason"]
        node.kill()
        cluster.settings.update(S3_SETTINGS)
        cluster.start("a")
        wait_until(lambda: not run_with_keys(cluster, tmp_path, "location", "list", "--json").json["unreadable"])
        moved = run_with_keys(cluster, tmp_path, *move, "--json").json
        assert moved["moved"] > 0


def test_ingest_warns_if_no_server_runs_on_its_disk(tmp_path: Path) -> None:
    with run_node_cluster(tmp_path, f"sqlite:///{tmp_path / 'common.db'}") as cluster:
        cluster.start("a")
        for command in (
            ("app", "add", "acme", "--ak", AK, "--sk", SK),
            ("account", "add", "--account", ACCOUNT_ID, "--app", AK, "--vdn", str(VDN_ID), "--zone", "Europe/London"),
        ):
            done = cluster.run_command(*command)
            assert done.code == 0, done.err
        cdr = tmp_path / "Master.csv"
        cdr.write_text(build_cdr_line())
        ingest = ("ingest", "asterisk", "--app", AK, "--account", ACCOUNT_ID, "--vdn", VDN_ID, "--cdr", cdr, "--json")
        [warning] = cluster.run_command(*ingest).json["warnings"]
        assert "no server runs on its data folder" in warning
        served = {f"CCFS_{name.upper()}": str(value) for name, value in cluster.settings.items()}
        assert run_ccfs(*ingest, settings={**served, "CCFS_DATA": str(tmp_path / "a")}).json["warnings"] == []
