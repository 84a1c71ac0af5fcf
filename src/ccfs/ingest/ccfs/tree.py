"""CC-FS's tree of files, and the recordings in it that an index names."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy.engine import Connection

from ccfs.db.tenant import recordings
from ccfs.db.tenant.ingest import expected_recordings
from ccfs.db.tenant.ingest.expected_recordings import ExpectedRecording
from ccfs.ingest.context import IngestRun
from ccfs.ingest.files.scan import to_db_name
from ccfs.ingest.recordings import store_audio
from ccfs.ingest.recordings.ingest_folder import STORE_THREADS
from ccfs.ingest.recordings.store_audio import StoredAudio
from ccfs.media.codec_table import UnknownAudio
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import Recording
from ccfs.protocol import file_names
from ccfs.switches.ccfs import IndexedRecording, NamedRecording, list_candidate_paths

_CALL_FIELDS = (
    *("account_id", "cc_id", "vdn_id", "agent_id", "call_id"),
    *("caller_no", "callee_no", "call_begin", "call_end"),
)
_RECORDING_FIELDS = (
    *("call_type", "media_type", "task_status", "task_result"),
    *("user_wanted_skill_id", "current_skill_id"),
)


@dataclass(frozen=True, slots=True)
class CcfsTree:
    """A folder of files as CC-FS stores them."""

    root: Path

    @classmethod
    def open_tree(cls, root: Path) -> "CcfsTree":
        """Return the tree at an existing folder. Raise NotADirectoryError."""
        if not root.is_dir():
            raise NotADirectoryError(f"there is no folder {root}")
        return cls(Path(os.path.realpath(root)))

    def find_file(self, row: NamedRecording) -> Path | None:
        """Return the file of an index row, if it is in the tree. Raise UnknownAudio for a link that points outside."""
        for candidate in list_candidate_paths(row):
            path = self.root / candidate
            if os.path.lexists(path) and not path.is_dir():
                real = Path(os.path.realpath(path))
                if not real.is_relative_to(self.root):
                    raise UnknownAudio("a link that leads out of the recordings' folder")
                return real
        return None


def find_files_of_recording(tree: CcfsTree, recording: Recording) -> list[tuple[Path, str]]:
    """Return the file from which a recording can be restored, with its index name, which is part of its key."""
    try:
        path = tree.find_file(recording)
    except UnknownAudio:
        return []
    return [(path, recording.file_name)] if path else []


@dataclass(frozen=True, slots=True)
class IndexedAudio:
    """An index row, and the audio file that it names."""

    row: IndexedRecording
    file_name: str  # of the index
    is_known: bool = False  # the recording was ingested before
    source_path: Path | None = None
    audio: StoredAudio | None = None
    reason: str = ""  # why the file cannot be ingested

    @property
    def is_expected(self) -> bool:
        """Whether the file has not arrived yet."""
        return self.audio is None and not self.is_known and not self.reason


def store_indexed_audio(
    run: IngestRun, app: App, rows: Sequence[IndexedRecording], tree: CcfsTree | None
) -> list[IndexedAudio]:
    """Store the audio files of new index rows. Return all rows in order."""
    named = [(row, row.file_name or _build_index_name(app, row)) for row in rows]
    with run.database.read_transaction() as connection:
        indexed = [IndexedAudio(row, name, recordings.has_file_name(connection, app, name)) for row, name in named]
    if tree is None:
        return indexed
    with ThreadPoolExecutor(STORE_THREADS) as pool:
        return list(
            pool.map(lambda audio: audio if audio.is_known else _find_and_store(run, app, audio, tree), indexed)
        )


def _find_and_store(run: IngestRun, app: App, indexed: IndexedAudio, tree: CcfsTree) -> IndexedAudio:
    try:
        path = tree.find_file(indexed.row)
        if path is not None:
            prefix = f"{app.id}/recordings"
            stored = run.store_audio(run.primary_location, prefix, path, indexed.file_name)
            return replace(indexed, source_path=path, audio=stored)
    except UnknownAudio as error:
        return replace(indexed, reason=f"{indexed.file_name}: {error}")
    except (store_audio.StillGrowing, FileNotFoundError):
        pass
    return indexed


def save_indexed_recording(connection: Connection, run: IngestRun, app: App, indexed: IndexedAudio) -> str:
    """Save the recording of an index row, or expect it if its file has not arrived. Return why it is rejected, or ""."""
    row, file_name = indexed.row, indexed.file_name
    if recordings.has_file_name(connection, app, file_name):
        run.result.duplicates += 1
        known = recordings.find_by_name(connection, app, file_name)
        return f"another recording has the name {file_name}" if known and known.call_id != row.call_id else ""
    if indexed.reason:
        return indexed.reason
    if indexed.audio is None or indexed.source_path is None:
        expected = ExpectedRecording(
            account_id=row.account_id,
            name=file_name,
            path=file_name,
            stem=file_name,
            call_id=row.call_id,
            since=row.call_end,
        )
        expected_recordings.add(connection, app, [expected])
        return ""
    recording = Recording(
        **{name: getattr(row, name) for name in (*_CALL_FIELDS, *_RECORDING_FIELDS)},
        file_name=file_name,
        original_file_name=file_names.canonicalise_name(row.original_file_name),
        blob=indexed.audio.blob,
        source_sha256=indexed.audio.source_sha256,
        source_name=to_db_name(indexed.source_path),
    )
    recordings.add(connection, app, recording, run.now())
    expected_recordings.mark_arrived(connection, app, row.account_id, [file_name], row.call_id)
    run.result.recordings += 1
    return ""


def _build_index_name(app: App, row: IndexedRecording) -> str:
    """Generate the index name of a row of an older file, which has none, from its original name."""
    date, agent, last = ["", "", "", *row.original_file_name.split("/")][-3:]
    stem = last.rpartition(".")[0] or last
    return f"/0/{row.cc_id}/record/{app.ak}/{row.account_id}/{date}/{agent}/{stem}.wav"
