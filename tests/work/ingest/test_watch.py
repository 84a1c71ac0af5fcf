"""--watch goes on: what grows waits, what comes late is taken in, what never comes is listed; SIGTERM ends it in order."""

import json
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
from ccfs.model.node import NodeState
from ccfs.server.worker_process import build_heartbeat
from tests.cli.command import ROOT
from tests.switches.test_ccfs import RECORD_ROW
from tests.work.ingest.given import AK, FREESWITCH, Place, line, sound, wait_until

QUICK = {"CCFS_SETTLE_SECONDS": "0.4", "CCFS_WATCH_SECONDS": "0.1", "CCFS_RECORDING_WAIT_SECONDS": "2"}
PROGRAM = (sys.executable, "-c", "from ccfs.cli import main; main()")


class Watch:
    """A watching process."""

    def __init__(self, place: Place, switch: str, *arguments: object) -> None:
        command = [*PROGRAM, *place.command(switch, *arguments, "--watch")]
        environment = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", **QUICK, **place.environment}
        self._log = place.folder / "watch.log"
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log)

    def stop(self, number: int = signal.SIGTERM) -> Any:
        """What it says that it added, when it is told to end."""
        self._process.send_signal(number)
        out, _ = self._process.communicate(timeout=90)
        assert self._process.returncode == 0, self.log()
        return json.loads(out)

    def log(self) -> str:
        """What it wrote to stderr."""
        return self._log.read_text()

    def end(self) -> None:
        """Make sure that it is gone."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


@contextmanager
def watching(place: Place, switch: str, *arguments: object) -> Iterator[Watch]:
    """A watch until the block ends."""
    watch = Watch(place, switch, *arguments)
    try:
        yield watch
    finally:
        watch.end()


def has(place: Place, **counts: int) -> Callable[[], bool]:
    """Whether tables have so many rows."""
    return lambda: all(len(place.dump()[name]) == count for name, count in counts.items())


def add(path: Path, text: str) -> None:
    with open(path, "a") as file:
        file.write(text)


def test_what_a_switch_leaves_while_it_is_watched_goes_in(place: Place) -> None:
    cdr, log = place.leave("Master.csv", ""), place.leave("queue_log", "")
    with watching(place, "asterisk", "--cdr", cdr, "--queue-log", log) as watch:
        add(cdr, line(sequence=1) + line(sequence=2, agent="1002")[:40])  # the second is still being written
        wait_until(has(place, cdrs=1))
        add(cdr, line(sequence=2, agent="1002")[40:])
        add(log, "1705309342|MANAGER|sales|PJSIP/1001|ADDMEMBER|\n")
        place.record("1705311042.118.wav", sound(1), time())
        wait_until(has(place, cdrs=2, agent_operations=1, recordings=1))
        add(cdr, "nonsense\n")
        wait_until(has(place, refusals=1))
        added = watch.stop()
    assert (added["cdrs"], added["recordings"], added["agent_operations"]) == (2, 1, 1)
    assert [one["line"] for one in added["refused"]] == [3]
    assert sorted(place.rows(schema.cdrs, "call_id_num")) == [-1, 1]
    actions = [json.loads(text)["action"] for text in watch.log().splitlines() if text.startswith("{")]
    assert set(actions) == {"ingested"}
    assert "020794" not in watch.log()  # no phone number


def test_a_recording_that_grows_waits_until_it_is_whole(place: Place) -> None:
    place.settings["CCFS_SETTLE_SECONDS"] = "2"  # even a busy machine goes on writing before they are over
    cdr = place.leave("Master.csv", line())
    growing = place.recordings / "1705311042.118.wav"
    whole = sound(1, 2)
    with watching(place, "asterisk", "--cdr", cdr) as watch:
        for start in range(0, len(whole), 2000):
            with open(growing, "ab") as file:
                file.write(whole[start : start + 2000])
            sleep(0.3)
            assert not place.rows(schema.recordings) or start + 2000 >= len(whole)
        wait_until(has(place, recordings=1))
        assert watch.stop()["recordings"] == 1
    assert list(place.files().values()) == [whole]


def test_a_call_waits_for_its_audio_and_is_listed_as_missing_when_that_does_not_come(place: Place) -> None:
    cdr = place.leave("Master.csv", "")
    now = "1705311042.118"
    with watching(place, "asterisk", "--cdr", cdr) as watch:
        add(cdr, line(now, userfield="late.wav") + line("1705311042.119", userfield="never.wav"))
        place.record("late.wav", sound(1), time())
        wait_until(lambda: any(row["missing_at"] for row in place.rows(schema.expected_recordings, order="name")))
        wait_until(has(place, recordings=1))
        added = watch.stop(signal.SIGINT)
    assert {"callId": "1705311042-119", "file": "never.wav"} in added["missing"]
    assert place.rows(schema.expected_recordings, "name", order="name") == ["never.wav"]
    assert "never.wav" in place.listed("--app", AK)


def test_audio_waits_for_its_call_and_is_not_refused_before_its_time(place: Place) -> None:
    place.settings["CCFS_RECORDING_WAIT_SECONDS"] = "300"
    cdr = place.leave("Master.csv", line("1705311042.0", sequence=0))
    with watching(place, "asterisk", "--cdr", cdr) as watch:
        place.record("1705311042.118.wav", sound(1), time())
        wait_until(has(place, source_files=1))
        assert place.rows(schema.ingest_errors) == []
        add(cdr, line())
        wait_until(has(place, recordings=1))
        assert watch.stop()["refused"] == []


def test_a_log_that_is_rotated_meanwhile_loses_no_line(place: Place) -> None:
    cdr = place.leave("Master.csv", "")
    with watching(place, "asterisk", "--cdr", cdr) as watch:
        add(cdr, line("1705311042.0", sequence=0))
        wait_until(has(place, cdrs=1))
        for number in range(1, 60):
            if number % 5 == 0:
                cdr.rename(f"{cdr}.{number}")
                cdr.touch()
            add(cdr, line(f"1705311042.{number}", sequence=number))
            sleep(0.03)
        wait_until(has(place, cdrs=60))
        assert watch.stop()["cdrs"] == 60


def test_a_folder_that_is_away_for_a_moment_is_no_reason_to_end(place: Place) -> None:
    cdr = place.leave("Master.csv", line())
    with watching(place, "asterisk", "--cdr", cdr) as watch:
        wait_until(has(place, cdrs=1))
        cdr.rename(place.switch / "away")
        wait_until(lambda: "ingest_failed" in watch.log())
        (place.switch / "away").rename(cdr)
        add(cdr, line("1705311042.119"))
        wait_until(has(place, cdrs=2))
        assert watch.stop()["cdrs"] == 2


def test_a_node_that_drains_takes_nothing_in_until_it_is_resumed(place: Place) -> None:
    cdr, node = place.leave("Master.csv", line()), place.node
    build_heartbeat(node, "").register()
    with watching(place, "asterisk", "--cdr", cdr) as watch:
        wait_until(has(place, cdrs=1))
        with node.database.write_transaction() as connection:
            nodes.set_state(connection, node.id, NodeState.DRAINING)
        wait_until(lambda: "node_state" in watch.log())
        add(cdr, line("1705311042.119"))
        sleep(1)
        assert has(place, cdrs=1)()
        with node.database.write_transaction() as connection:
            nodes.set_state(connection, node.id, NodeState.ACTIVE)
        wait_until(has(place, cdrs=2))
        assert watch.stop()["cdrs"] == 2


def test_an_index_is_read_again_as_long_as_it_names_what_has_not_come(place: Place) -> None:
    index = place.leave("record.csv", RECORD_ROW)
    with watching(place, "ccfs", index, "--recordings", place.recordings) as watch:
        wait_until(has(place, awaited_recordings=1))
        place.record("X/17/0/20180903/15470/2043295.V3", sound(1), time())
        place.record("Y/17/record/20201015/x.wav", sound(2), time())
        wait_until(has(place, recordings=1, awaited_recordings=0, voice_files=1))
        place.leave("record.csv", RECORD_ROW + "\n" + RECORD_ROW.replace("0903379", "0903380"))
        wait_until(has(place, recordings=2))
        added = watch.stop()
    assert added["recordings"] == 2
    assert added["known"] <= 1  # it was not read again and again


def test_documents_of_freeswitch_that_come_while_it_is_watched_go_in(place: Place) -> None:
    (place.switch / "cdr").mkdir()
    with watching(place, "freeswitch", "--cdr", place.switch / "cdr") as watch:
        for name in ("outbound.xml", "outbound.far.xml"):
            place.leave(f"cdr/{name}", (FREESWITCH / name).read_bytes(), time())
        wait_until(has(place, cdrs=2))
        assert watch.stop()["refused"] == []
