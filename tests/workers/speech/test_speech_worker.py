"""Speech jobs on both databases: newest first, once after a kill, again after new bytes, and never for unreadable audio."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pytest
import sqlalchemy as sa

import ccfs
from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.system import maintenance
from ccfs.db.system.jobs import speech_jobs
from ccfs.db.tenant import recordings, speech_activity
from ccfs.db.tenant.calls.statistics import speech_statistics
from ccfs.db.tenant.speech_activity import SpeechState
from ccfs.media.speech_detector import analyse_blob
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.errors import FileUnavailable
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import Recording
from ccfs.model.recordings.speech import SpeechShares
from ccfs.workers.speech.worker import LEASE, MAX_ATTEMPTS, SpeechDeps, SpeechWorker
from tests.db import sample_rows
from tests.waiting import wait_until
from tests.workers.speech.spoken_calls import build_lane, build_wav

NOW = sample_rows.NOW + timedelta(hours=1)
DAY = TimeWindow(begin=datetime(2026, 5, 3, 16, tzinfo=UTC), end=datetime(2026, 5, 4, 16, tzinfo=UTC))  # in Shanghai
STEREO = build_wav(build_lane([(7.0, "customer-en-02")], 11), build_lane([(0.2, "agent-en-01")], 11))
KILLED_WORKER = """
import sys
from datetime import datetime
from ccfs.db.engine import open_database
from ccfs.media.speech_detector import analyse_blob
from ccfs.workers.speech.worker import SpeechDeps, SpeechWorker
url, path, now = sys.argv[1:]
analyse = lambda blob, pause: analyse_blob(lambda _: open(path, "rb"), blob, pause)
deps = SpeechDeps(database=open_database(url), analyse=analyse, cpu_percent=1, now=lambda: datetime.fromisoformat(now))
SpeechWorker(deps).run_once()
"""


class Site:
    """An app with recordings of given bytes, and the worker at a time that tests set."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder, self.now = database, folder, NOW
        with database.write_transaction() as connection:
            self.app: App = sample_rows.add_app(connection)
            sample_rows.add_account(connection, self.app, "100", 8)
        self.worker = SpeechWorker(
            SpeechDeps(database=database, analyse=partial(analyse_blob, self.open), now=lambda: self.now)
        )

    def open(self, blob: BlobRef) -> BinaryIO:
        try:
            return (self.folder / blob.sha256).open("rb")
        except OSError as error:
            raise FileUnavailable from error

    def write(self, name: str, content: bytes) -> BlobRef:
        (self.folder / name).write_bytes(content)
        return replace(sample_rows.make_blob_ref(name), sha256=name, size=len(content))

    def add(self, number: int, content: bytes = STEREO, **more: object) -> Recording:
        blob = self.write(f"bytes{number}", content)
        recording = sample_rows.make_recording(number, blob=blob, call_id=f"call{number}", **more)
        with self.database.write_transaction() as connection:
            recordings.add(connection, self.app, recording, NOW)
        return recording

    def get(self, recording: Recording) -> speech_activity.SpeechActivity | None:
        with self.database.read_transaction() as connection:
            return next(iter(speech_activity.list_by_names(connection, self.app, [recording.file_name])), None)

    def get_state(self, recording: Recording) -> tuple[SpeechState, str]:
        activity = self.get(recording)
        assert activity is not None
        return activity.state, activity.error

    def sum(self) -> SpeechShares:
        with self.database.read_transaction() as connection:
            tables = speech_statistics.load(connection, self.app, "100", DAY, DAY.begin.astimezone().tzinfo or UTC)
        assert tables.agents.get("512", SpeechShares()) == tables.account
        return tables.account


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Site:
    return Site(database, tmp_path)


def test_a_recording_is_analysed_once(site: Site) -> None:
    recording = site.add(1)
    assert site.worker.run_once()
    assert not site.worker.run_once()
    activity = site.get(recording)
    assert activity is not None
    assert activity.is_of(recording)
    assert activity.shares == site.sum()
    shares = site.sum()
    assert shares.files == 1
    assert shares.measured_ms == shares.stereo_ms == 11_000
    assert 0.2 < (shares.silence or 0) < 0.6
    assert shares.overlap_ms == 0
    assert shares.caller_ms > shares.agent_ms > 1000


def test_the_newest_calls_come_first(site: Site) -> None:
    older, newer = site.add(1), site.add(2)
    site.worker.run_once()
    assert [site.get_state(one)[0] for one in (older, newer)] == [SpeechState.DUE, SpeechState.DONE]


def test_what_cannot_be_analysed_is_not_tried_again(site: Site) -> None:
    text, damaged = site.add(1, b"hello", media_type=1), site.add(2, b"RIFF but no WAVE")
    lost = site.add(3)
    (site.folder / lost.blob.sha256).unlink()
    while site.worker.run_once():
        pass
    assert site.get_state(text) == (SpeechState.SKIPPED, "not a voice recording")
    assert site.get_state(damaged)[0] is SpeechState.SKIPPED
    assert site.get_state(damaged)[1]
    assert site.get_state(lost)[0] is SpeechState.DUE
    for _ in range(MAX_ATTEMPTS):
        site.now += timedelta(days=1)
        site.worker.run_once()
    assert site.get_state(lost)[0] is SpeechState.FAILED
    assert not site.worker.run_once()
    with site.database.read_transaction() as connection:
        counts = speech_jobs.count_by_state(connection)
        reasons = speech_jobs.list_reasons(connection, 10)
    assert (counts[SpeechState.SKIPPED], counts[SpeechState.FAILED], len(reasons)) == (2, 1, 3)


def test_new_bytes_are_analysed_in_place_of_the_old_ones(site: Site) -> None:
    recording = site.add(1)
    site.worker.run_once()
    silent = replace(recording, blob=site.write("silent", build_wav(build_lane([], 5))))
    with site.database.write_transaction() as connection:
        recordings.replace(connection, site.app, recording, silent)
    assert site.sum() == SpeechShares()
    site.worker.run_once()
    assert site.sum() == SpeechShares(files=1, measured_ms=5000, silence_ms=5000)


def test_two_files_of_a_call_count_once_together(site: Site) -> None:
    lanes = {"q-in.wav": [(7.0, "customer-en-02")], "q-out.wav": [(0.2, "agent-en-01")]}
    begin = {"call_begin": NOW - timedelta(minutes=9), "call_end": NOW - timedelta(minutes=8)}
    for number, (name, turns) in enumerate(lanes.items(), 1):
        blob = site.write(f"bytes{number}", build_wav(build_lane(turns, 11)))
        part = sample_rows.make_recording(number, blob=blob, source_name=name, **begin)
        with site.database.write_transaction() as connection:
            recordings.add(connection, site.app, part, NOW)
    site.worker.run_once()
    assert site.sum() == SpeechShares()
    site.worker.run_once()
    first = site.sum()
    assert (first.files, first.caller_ms > 1000, first.agent_ms > 1000) == (1, True, True)
    with site.database.write_transaction() as connection:
        due = speech_jobs.retry(connection, NOW, (SpeechState.DONE,), site.app.id, (0, 99_999_999))
    assert due == 2
    site.worker.run_once()
    site.worker.run_once()
    assert site.sum() == first


def test_a_row_is_deleted_with_its_recording(site: Site) -> None:
    recording = site.add(1)
    with site.database.write_transaction() as connection:
        connection.execute(sa.delete(schema.recordings))
        maintenance.delete_rows_without_recording(connection)
    assert site.get(recording) is None
    other = site.add(2)
    with site.database.write_transaction() as connection:
        connection.execute(sa.delete(schema.recordings))
    assert site.worker.run_once()
    assert site.get(other) is None


def test_a_recording_whose_worker_was_killed_is_analysed_once(site: Site) -> None:
    recording = site.add(1, build_wav(build_lane([(0.2, "agent-en-01"), (7.0, "customer-en-02")] * 2, 40)))
    url = site.database.engine.url.render_as_string(hide_password=False)
    path = str(site.folder / recording.blob.sha256)
    command = [sys.executable, "-c", KILLED_WORKER, url, path, NOW.isoformat()]
    environment = {**os.environ, "PYTHONPATH": str(Path(ccfs.__file__).parents[1])}
    with subprocess.Popen(command, env=environment) as killed:
        try:
            wait_until(lambda: is_leased(site.database), 30)
        finally:
            killed.kill()
    assert not site.worker.run_once()
    site.now += LEASE
    assert site.worker.run_once()
    assert not site.worker.run_once()
    assert site.get_state(recording) == (SpeechState.DONE, "")
    assert site.sum().files == 1


def is_leased(database: Database) -> bool:
    """Return whether a worker has claimed the recording."""
    with database.read_transaction() as connection:
        return bool(connection.execute(sa.select(schema.speech_activity.c.lease)).scalar())


def test_a_stopped_worker_leaves_the_recording_to_others(site: Site) -> None:
    recording = site.add(1)
    is_draining: Callable[[], bool] = iter([*[False] * 3, *[True] * 100]).__next__
    analyse = partial(analyse_blob, site.open)
    deps = SpeechDeps(database=site.database, analyse=analyse, now=lambda: site.now, is_draining=is_draining)
    while SpeechWorker(deps).run_once() and site.get_state(recording)[0] is SpeechState.DUE:
        if site.get_state(recording)[1] == "interrupted":
            break
    assert site.get_state(recording) == (SpeechState.DUE, "interrupted")
    assert site.worker.run_once()
    assert site.sum().files == 1
