"""Speech jobs: a recording is decoded once, its speech is stored, and its shares are added to the statistics.

New recordings come first, then the backlog; apps take turns. The worker takes a set share of one core, at a low priority. If
it dies, the recording is due again when its lease expires: all results are stored in one transaction.
"""

import os
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.engine import Connection

from ccfs.db.engine import Database
from ccfs.db.job_queue import SPEECH
from ccfs.db.system.jobs import speech_jobs
from ccfs.db.system.jobs.speech_jobs import ClaimedSpeech
from ccfs.db.tenant import recordings, speech_activity
from ccfs.db.tenant.calls import call_lookup
from ccfs.db.tenant.speech_activity import SpeechActivity
from ccfs.logs import get_logger
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.calls.call import Direction, classify_direction, sort_legs
from ccfs.model.calls.timeline import CallTimeline, build_timeline
from ccfs.model.recordings.conversations import FoundSpeech, analyse_call, group_pairs
from ccfs.model.recordings.recording import Recording
from ccfs.model.recordings.speech import DETECTOR, UndecodableRecording
from ccfs.model.recordings.tracks import PlacedRecording, place_recordings
from ccfs.workers.base import Job, JobWorker, WorkerInterrupted

LEASE: Final = timedelta(minutes=5)
RENEW_SECONDS: Final = 60.0  # between two extensions of the lease
MAX_ATTEMPTS: Final = 8
RETRY_DELAY: Final = timedelta(minutes=5)  # after the first failure, doubled after each further one: 10 hours in all
WORK_SECONDS: Final = 0.05  # of processor time between two pauses
NICENESS: Final = 10  # of the thread, where the system has that


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechDeps:
    """Dependencies of the speech worker."""

    database: Database
    # Returns the speech in a blob, and calls a function often. Raises UndecodableRecording, or FileUnavailable.
    analyse: Callable[[BlobRef, Callable[[], bool]], FoundSpeech]
    now: Callable[[], datetime]
    cpu_percent: int = 100  # of one core
    is_draining: Callable[[], bool] = lambda: False


class SpeechWorker(JobWorker):
    """Analyses recordings one after another."""

    THREAD_NAME = "speech"
    IDLE_SECONDS = 10.0

    def __init__(self, deps: SpeechDeps) -> None:
        super().__init__(deps.is_draining, MAX_ATTEMPTS)
        self._deps = deps
        self._last_app_id = 0

    def claim(self) -> "SpeechJob | None":
        """Claim the newest due recording, of a different app than last time if one is waiting."""
        deps = self._deps
        if not self._has_due_job(deps.database, SPEECH, deps.now()):
            return None
        with deps.database.write_transaction() as connection:
            claimed = speech_jobs.claim(connection, deps.now(), secrets.token_hex(8), LEASE, self._last_app_id)
        if claimed is None:
            return None
        self._last_app_id = claimed.app.id
        return SpeechJob(deps, claimed, self._stopped)

    def _run(self) -> None:
        with suppress(AttributeError, OSError):  # only Linux has priorities of threads
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        super()._run()


@dataclass(frozen=True, slots=True, kw_only=True)
class _CallOfRecording:
    """A recording in its call."""

    recording: Recording
    parts: tuple[PlacedRecording, ...]  # itself, and the file of the other side
    timeline: CallTimeline | None
    direction: Direction | None


class SpeechJob(Job):
    """The job of a claimed recording."""

    QUEUE = SPEECH
    KIND = "recording"

    def __init__(self, deps: SpeechDeps, claimed: ClaimedSpeech, stopped: threading.Event) -> None:
        super().__init__(deps.database, claimed)
        self._deps, self._claimed, self._stopped = deps, claimed, stopped
        self._renewed_at, self._worked = time.monotonic(), time.thread_time()

    def run(self) -> None:
        """Decode the recording, find its speech and store it with its shares."""
        app = self._claimed.app
        with self._deps.database.read_transaction() as connection:
            call = self._load_call(connection)
        if call is None:
            with self._deps.database.write_transaction() as connection:
                speech_activity.delete(connection, app, [self._claimed.recording])
            return
        blob = call.recording.blob
        try:
            speech = self._deps.analyse(blob, self._pause)
        except UndecodableRecording as error:
            with self._deps.database.write_transaction() as connection:
                speech_jobs.skip(connection, self._claimed, str(error), blob.sha256, self._deps.now())
            return
        with self._deps.database.write_transaction() as connection:
            self._save(connection, call, speech)

    def handle_interrupt(self) -> None:
        """Make the recording due immediately."""
        self.release(self._deps.now(), "interrupted", attempts=0)

    def handle_failure(self, error: Exception) -> None:
        """Try again later; mark the job failed after the last attempt."""
        reason = f"{type(error).__name__}: {error}"[:300]
        get_logger().warning("recording not analysed", action="speech_failed", reason=reason)
        if self.attempts < MAX_ATTEMPTS:
            self.release(self._deps.now() + RETRY_DELAY * 2 ** (self.attempts - 1), reason)
        else:
            self.mark_failed(reason)

    def _load_call(self, connection: Connection) -> _CallOfRecording | None:
        app = self._claimed.app
        recording = recordings.find_by_name(connection, app, self._claimed.recording)
        if recording is None:
            return None
        accounts, call_id = [recording.account_id], recording.call_id
        legs = call_lookup.find_legs(connection, app, accounts, [call_id]).get(call_id, [])
        operations = call_lookup.list_agent_operations(connection, app, accounts, call_id)
        others = call_lookup.list_recordings(connection, app, accounts, call_id)
        placed = place_recordings(others, recording.call_begin, {})
        groups = (parts for parts in group_pairs(placed) if any(part.recording == recording for part in parts))
        return _CallOfRecording(
            recording=recording,
            parts=next(groups, tuple(place_recordings([recording], recording.call_begin, {}))),
            timeline=build_timeline(legs, operations),
            direction=classify_direction(sort_legs(legs)[0].call_type) if legs else None,
        )

    def _save(self, connection: Connection, call: _CallOfRecording, speech: FoundSpeech) -> None:
        """Store the result, and count the conversation if it is complete. Rows are locked in order, so without deadlock."""
        app, recording, now = self._claimed.app, call.recording, self._deps.now()
        names = [part.recording.file_name for part in call.parts]
        rows = speech_activity.list_by_names(connection, app, names, for_update=True)
        own = next((row for row in rows if row.recording == recording.file_name), None)
        is_saved = speech_jobs.finish(
            connection,
            self._claimed,
            recording.blob.sha256,
            DETECTOR,
            speech.milliseconds,
            list(map(list, speech.lanes)),
            now,
        )
        if own is None or not is_saved:
            raise WorkerInterrupted
        others = {part.recording.file_name: part.recording for part in call.parts if part.recording != recording}
        partners = [row for row in rows if row.recording in others and row.is_of(others[row.recording])]
        self._count(connection, call, own, speech, partners)

    def _count(
        self,
        connection: Connection,
        call: _CallOfRecording,
        own: SpeechActivity,
        speech: FoundSpeech,
        partners: Sequence[SpeechActivity],
    ) -> None:
        """Count the conversation at the recording that was finished last; nothing counts while its other side is missing."""
        app, known = self._claimed.app, {own.recording: speech}
        speech_activity.uncount(connection, app, own)
        for partner in partners:
            speech_activity.uncount(connection, app, partner)
            known[partner.recording] = FoundSpeech(milliseconds=partner.milliseconds, lanes=partner.lanes)
        begin = call.recording.call_begin
        for conversation in analyse_call(call.parts, known, call.timeline, begin, call.direction):
            speech_activity.count(connection, app, own, conversation.analysis)

    def _pause(self) -> bool:
        """Give the processor to others, and extend the lease. Raise WorkerInterrupted when the worker stops."""
        worked = time.thread_time() - self._worked
        if worked >= WORK_SECONDS:
            self._stopped.wait(worked * (100 / self._deps.cpu_percent - 1))
            self._worked = time.thread_time()
        if self._stopped.is_set() or self._deps.is_draining():
            raise WorkerInterrupted
        if time.monotonic() - self._renewed_at >= RENEW_SECONDS:
            with self._deps.database.write_transaction() as connection:
                if not SPEECH.renew(connection, self._claimed, self._deps.now() + LEASE):
                    raise WorkerInterrupted
            self._renewed_at = time.monotonic()
        return False
