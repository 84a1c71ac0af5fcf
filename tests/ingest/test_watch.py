"""--watch: growing files wait, late files are ingested, missing ones reported; SIGTERM ends it in order."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep, time
from typing import Any

from ccfs.db import schema
from ccfs.db.system import nodes
from ccfs.ingest.recordings.finished import BUFFER_SECONDS
from ccfs.model.node import NodeState
from ccfs.server.worker_process import build_heartbeat
from tests.cli.command import ROOT
from tests.ingest.ingest_site import AK, FREESWITCH_SAMPLES, IngestSite, build_cdr_line, make_wav
from tests.switches.test_ccfs import RECORD_ROW
from tests.waiting import wait_until

SHORT_INTERVALS = {"CCFS_SETTLE_SECONDS": "0.4", "CCFS_WATCH_SECONDS": "0.1", "CCFS_RECORDING_WAIT_SECONDS": "2"}
SHORTENED_WAIT = BUFFER_SECONDS - 3  # so that a test does not wait for all the time in which a switch may write again
PROGRAM = (sys.executable, "-c", "from ccfs.cli import main; main()")


class WatchProcess:
    """A process of `ccfs ingest --watch`."""

    def __init__(self, site: IngestSite, switch: str, *arguments: object, **settings: str) -> None:
        command = [*PROGRAM, *site.build_command(switch, *arguments, "--watch")]
        environment = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", **SHORT_INTERVALS, **site.environment, **settings}
        self._log = site.folder / "watch.log"
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log)

    def stop(self, number: int = signal.SIGTERM) -> Any:
        """Stop the process and return its result."""
        self._process.send_signal(number)
        out, _ = self._process.communicate(timeout=90)
        assert self._process.returncode == 0, self.read_log()
        return json.loads(out)

    def read_log(self) -> str:
        """Return what it wrote to stderr."""
        return self._log.read_text()

    def kill(self) -> None:
        """Kill the process if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


@contextmanager
def run_watch(site: IngestSite, switch: str, *arguments: object, **settings: str) -> Iterator[WatchProcess]:
    """Run a watch with extra settings until the block ends."""
    watch = WatchProcess(site, switch, *arguments, **settings)
    try:
        yield watch
    finally:
        watch.kill()


def has_rows(site: IngestSite, **counts: int) -> Callable[[], bool]:
    """Return a condition: whether tables have these numbers of rows."""
    return lambda: all(len(site.read_tables()[name]) == count for name, count in counts.items())


def append_text(path: Path, text: str) -> None:
    with open(path, "a") as file:
        file.write(text)


def test_a_watch_ingests_what_the_switch_writes(ingest_site: IngestSite) -> None:
    cdr, log = ingest_site.write_file("Master.csv", ""), ingest_site.write_file("queue_log", "")
    with run_watch(ingest_site, "asterisk", "--cdr", cdr, "--queue-log", log) as watch:
        append_text(
            cdr, build_cdr_line(sequence=1) + build_cdr_line(sequence=2, agent="1002")[:40]
        )  # the second is incomplete
        wait_until(has_rows(ingest_site, cdrs=1))
        append_text(cdr, build_cdr_line(sequence=2, agent="1002")[40:])
        append_text(log, "1705309342|MANAGER|sales|PJSIP/1001|ADDMEMBER|\n")
        ingest_site.write_recording("1705311042.118.wav", make_wav(1))
        wait_until(has_rows(ingest_site, cdrs=2, agent_operations=1, recordings=1))
        append_text(cdr, "nonsense\n")
        wait_until(has_rows(ingest_site, ingest_errors=1))
        added = watch.stop()
    assert (added["cdrs"], added["recordings"], added["agent_operations"]) == (2, 1, 1)
    assert [rejection["line"] for rejection in added["refused"]] == [3]
    assert sorted(ingest_site.read_rows(schema.cdrs, "call_id_num")) == [-1, 1]
    actions = [json.loads(text)["action"] for text in watch.read_log().splitlines() if text.startswith("{")]
    assert set(actions) == {"ingested"}
    assert "020794" not in watch.read_log()  # no phone number


def test_a_recording_that_grows_waits_until_it_is_complete(ingest_site: IngestSite) -> None:
    ingest_site.settings["CCFS_SETTLE_SECONDS"] = "2"  # even a busy machine writes the next part before they are over
    cdr = ingest_site.write_file("Master.csv", build_cdr_line())
    growing = ingest_site.recordings_folder / "1705311042.118.wav"
    whole = make_wav(1, 2)
    with run_watch(ingest_site, "asterisk", "--cdr", cdr) as watch:
        for start in range(0, len(whole), 2000):
            with open(growing, "ab") as file:
                file.write(whole[start : start + 2000])
            sleep(0.3)
            assert not ingest_site.read_rows(schema.recordings) or start + 2000 >= len(whole)
        os.utime(growing, (time(), time() - SHORTENED_WAIT))
        wait_until(has_rows(ingest_site, recordings=1))
        assert watch.stop()["recordings"] == 1
    assert list(ingest_site.read_files().values()) == [whole]


def test_a_recording_is_expected_and_reported_as_missing_when_it_does_not_arrive(ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file("Master.csv", "")
    now = "1705311042.118"
    with run_watch(ingest_site, "asterisk", "--cdr", cdr) as watch:
        append_text(
            cdr, build_cdr_line(now, userfield="late.wav") + build_cdr_line("1705311042.119", userfield="never.wav")
        )
        ingest_site.write_recording("late.wav", make_wav(1))
        wait_until(
            lambda: any(row["missing_at"] for row in ingest_site.read_rows(schema.expected_recordings, order="name"))
        )
        wait_until(has_rows(ingest_site, recordings=1))
        added = watch.stop(signal.SIGINT)
    assert {"callId": "1705311042-119", "file": "never.wav"} in added["missing"]
    assert ingest_site.read_rows(schema.expected_recordings, "name", order="name") == ["never.wav"]
    assert "never.wav" in ingest_site.list_rejected("--app", AK)


def test_a_recording_waits_for_its_cdr_and_is_not_rejected_too_early(ingest_site: IngestSite) -> None:
    ingest_site.settings["CCFS_RECORDING_WAIT_SECONDS"] = "300"
    cdr = ingest_site.write_file("Master.csv", build_cdr_line("1705311042.0", sequence=0))
    with run_watch(ingest_site, "asterisk", "--cdr", cdr) as watch:
        ingest_site.write_recording("1705311042.118.wav", make_wav(1), time() - SHORTENED_WAIT)
        wait_until(has_rows(ingest_site, source_files=1))
        assert ingest_site.read_rows(schema.ingest_errors) == []
        append_text(cdr, build_cdr_line())
        wait_until(has_rows(ingest_site, recordings=1))
        assert watch.stop()["refused"] == []


def test_a_file_that_is_rotated_during_a_watch_loses_no_line(ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file("Master.csv", "")
    with run_watch(ingest_site, "asterisk", "--cdr", cdr) as watch:
        append_text(cdr, build_cdr_line("1705311042.0", sequence=0))
        wait_until(has_rows(ingest_site, cdrs=1))
        for number in range(1, 60):
            if number % 5 == 0:
                cdr.rename(f"{cdr}.{number}")
                cdr.touch()
            append_text(cdr, build_cdr_line(f"1705311042.{number}", sequence=number))
            sleep(0.03)
        wait_until(has_rows(ingest_site, cdrs=60))
        assert watch.stop()["cdrs"] == 60


def test_a_watch_survives_a_file_that_is_missing_for_a_moment(ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file("Master.csv", build_cdr_line())
    with run_watch(ingest_site, "asterisk", "--cdr", cdr) as watch:
        wait_until(has_rows(ingest_site, cdrs=1))
        cdr.rename(ingest_site.switch_folder / "away")
        wait_until(lambda: "source_absent" in watch.read_log())
        (ingest_site.switch_folder / "away").rename(cdr)
        append_text(cdr, build_cdr_line("1705311042.119"))
        wait_until(has_rows(ingest_site, cdrs=2))
        assert watch.stop()["cdrs"] == 2


def test_a_draining_node_ingests_nothing_until_it_is_resumed(ingest_site: IngestSite) -> None:
    cdr, node = ingest_site.write_file("Master.csv", build_cdr_line()), ingest_site.node
    build_heartbeat(node, "").register()
    with run_watch(ingest_site, "asterisk", "--cdr", cdr) as watch:
        wait_until(has_rows(ingest_site, cdrs=1))
        with node.database.write_transaction() as connection:
            nodes.set_state(connection, node.id, NodeState.DRAINING)
        wait_until(lambda: "node_state" in watch.read_log())
        append_text(cdr, build_cdr_line("1705311042.119"))
        sleep(1)
        assert has_rows(ingest_site, cdrs=1)()
        with node.database.write_transaction() as connection:
            nodes.set_state(connection, node.id, NodeState.ACTIVE)
        wait_until(has_rows(ingest_site, cdrs=2))
        assert watch.stop()["cdrs"] == 2


def test_an_index_is_read_again_until_the_recordings_that_it_names_have_arrived(ingest_site: IngestSite) -> None:
    index = ingest_site.write_file("record.csv", RECORD_ROW)
    with run_watch(ingest_site, "ccfs", index, "--recordings", ingest_site.recordings_folder) as watch:
        wait_until(has_rows(ingest_site, expected_recordings=1))
        ingest_site.write_recording("X/17/0/20180903/15470/2043295.V3", make_wav(1), time())
        ingest_site.write_recording("Y/17/record/20201015/x.wav", make_wav(2), time())
        wait_until(has_rows(ingest_site, recordings=1, expected_recordings=0, voice_files=1))
        ingest_site.write_file("record.csv", RECORD_ROW + "\n" + RECORD_ROW.replace("0903379", "0903380"))
        wait_until(has_rows(ingest_site, recordings=2))
        added = watch.stop()
    assert added["recordings"] == 2
    assert added["known"] <= 1  # it was not read in every pass


def test_a_watch_ingests_new_documents_of_freeswitch(ingest_site: IngestSite) -> None:
    (ingest_site.switch_folder / "cdr").mkdir()
    with run_watch(ingest_site, "freeswitch", "--cdr", ingest_site.switch_folder / "cdr") as watch:
        for name in ("outbound.xml", "outbound.far.xml"):
            ingest_site.write_file(f"cdr/{name}", (FREESWITCH_SAMPLES / name).read_bytes(), time())
        wait_until(has_rows(ingest_site, cdrs=2))
        assert watch.stop()["refused"] == []
