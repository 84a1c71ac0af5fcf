"""Files of a CC-FS tree: recordings that an index names, and voice files that lie under the interface's own paths."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import Connection

from ccfs.db.tenant import ingest_state, recordings, voice_files
from ccfs.db.tenant.ingest_state import ExpectedRecording, IngestRejection
from ccfs.ingest import folder, store_audio
from ccfs.ingest.context import IngestRun
from ccfs.ingest.folder import INGESTED, REJECTED, ScannedFile
from ccfs.ingest.recordings import STORE_THREADS
from ccfs.ingest.store_audio import StoredAudio
from ccfs.media.codec_table import UnknownAudio
from ccfs.model.identity.tenancy import App, Vdn
from ccfs.model.recordings.recording import Recording
from ccfs.model.recordings.voice_file import VoiceFile
from ccfs.protocol import file_names
from ccfs.settings import Settings
from ccfs.switches.ccfs import IndexedRecording, list_candidate_paths

_CALL_FIELDS = (
    "account_id",
    "cc_id",
    "vdn_id",
    "agent_id",
    "call_id",
    "caller_no",
    "callee_no",
    "call_begin",
    "call_end",
)
_RECORDING_FIELDS = (
    "call_type",
    "media_type",
    "task_status",
    "task_result",
    "user_wanted_skill_id",
    "current_skill_id",
)


@dataclass(frozen=True, slots=True)
class CcfsTree:
    """A folder of files as CC-FS keeps them."""

    root: Path

    @classmethod
    def open_tree(cls, root: Path) -> "CcfsTree":
        """The tree at an existing folder; raises NotADirectoryError."""
        if not root.is_dir():
            raise NotADirectoryError(f"there is no folder {root}")
        return cls(Path(os.path.realpath(root)))

    def find_file(self, row: IndexedRecording) -> Path | None:
        """The file of an index row, where the tree has one. Raises UnknownAudio for a link that leads out of the tree."""
        for candidate in list_candidate_paths(row):
            path = self.root / candidate
            if os.path.lexists(path) and not path.is_dir():
                real = Path(os.path.realpath(path))
                if not real.is_relative_to(self.root):
                    raise UnknownAudio("a link that leads out of the recordings' folder")
                return real
        return None


@dataclass(frozen=True, slots=True)
class IndexedAudio:
    """What there is behind an index row."""

    row: IndexedRecording
    file_name: str  # of the index
    is_known: bool = False  # the recording is in already
    source_path: Path | None = None
    audio: StoredAudio | None = None
    reason: str = ""  # why it cannot be had

    @property
    def is_expected(self) -> bool:
        """Whether the file has not come yet."""
        return self.audio is None and not self.is_known and not self.reason


def store_indexed_audio(
    run: IngestRun, app: App, rows: Sequence[IndexedRecording], tree: CcfsTree | None
) -> list[IndexedAudio]:
    """The sounds of index rows, in their location now; those of known rows are left alone."""
    named = [(row, row.file_name or _build_index_name(app, row)) for row in rows]
    with run.database.read_transaction() as connection:
        found = [IndexedAudio(row, name, recordings.has_file_name(connection, app, name)) for row, name in named]
    with ThreadPoolExecutor(STORE_THREADS) as pool:
        return list(
            pool.map(lambda one: one if one.is_known or tree is None else _find_and_store(run, app, one, tree), found)
        )


def _find_and_store(run: IngestRun, app: App, found: IndexedAudio, tree: CcfsTree) -> IndexedAudio:
    try:
        path = tree.find_file(found.row)
        if path is not None:
            taken = store_audio.store_audio_file(run.primary_location, f"{app.id}/recordings", path, found.file_name)
            return replace(found, source_path=path, audio=taken)
    except UnknownAudio as error:
        return replace(found, reason=f"{found.file_name}: {error}")
    except (store_audio.StillGrowing, FileNotFoundError):
        pass
    return found


def save_indexed_recording(connection: Connection, run: IngestRun, app: App, found: IndexedAudio) -> str:
    """Keep the recording of an index row; the reason why not. One whose file is absent is awaited, and so listed."""
    row, file_name = found.row, found.file_name
    if recordings.has_file_name(connection, app, file_name):
        run.result.duplicates += 1
        there = recordings.find_by_name(connection, app, file_name)
        return f"there is another recording {file_name}" if there and there.call_id != row.call_id else ""
    if found.reason:
        return found.reason
    if found.audio is None or found.source_path is None:
        awaited = ExpectedRecording(account_id=row.account_id, name=file_name, call_id=row.call_id, since=row.call_end)
        ingest_state.add_expected_recordings(connection, app, [awaited])
        return ""
    recording = Recording(
        **{name: getattr(row, name) for name in (*_CALL_FIELDS, *_RECORDING_FIELDS)},
        file_name=file_name,
        original_file_name=file_names.canonicalise_name(row.original_file_name),
        blob=found.audio.blob,
        source_sha256=found.audio.source_sha256,
        source_name=folder.to_db_path(found.source_path).rpartition("/")[2],
    )
    recordings.add(connection, app, recording, run.now())
    ingest_state.mark_arrived(connection, app, row.account_id, file_name)
    run.result.recordings += 1
    return ""


def _build_index_name(app: App, row: IndexedRecording) -> str:
    """An index name for a row of an older file that has none: from its original name."""
    date, agent, last = ["", "", "", *row.original_file_name.split("/")][-3:]
    stem = last.rpartition(".")[0] or last
    return f"/0/{row.cc_id}/record/{app.ak}/{row.account_id}/{date}/{agent}/{stem}.wav"


def ingest_voice_files(run: IngestRun, app: App, vdns: Mapping[int, Vdn], tree: CcfsTree) -> None:
    """Keep files that lie where the interface's IVR paths name them, of the app's VDNs."""
    for batch in folder.iter_batches(folder.scan_folder(tree.root, run.warn)):
        if run.is_stopped():
            return
        named = {one: found for one in batch if (found := _find_voice_file_name(run.settings, vdns, tree, one))}
        with run.database.read_transaction() as connection:
            due = folder.select_new_files(connection, app, list(named))
        for one, _ in due:
            if one.unusable_reason or folder.wait_until_stable(run, one):
                _ingest_voice_file(run, app, one, *named[one])


def _find_voice_file_name(
    settings: Settings, vdns: Mapping[int, Vdn], tree: CcfsTree, seen: ScannedFile
) -> tuple[str, int] | None:
    """The interface's name of a file and its VDN, if it lies under one of the app's IVR paths. A folder of one letter
    at the top is the drive."""
    relative = (
        seen.path.relative_to(tree.root).as_posix().encode(errors="surrogateescape").decode(errors="backslashreplace")
    )
    drive, _, rest = relative.partition("/")
    name = f"{drive.upper()}:/{rest}" if len(drive) == 1 and drive.isalpha() else f"Y:/{relative}"
    rules = f"{settings.download_path_rule};{settings.upload_path_rule}"
    vdn = file_names.parse_ivr_message_vdn(name, settings.ivr_message_folder)
    for found in (vdn, file_names.parse_oiap_record_vdn(name), file_names.vdn_from_path_rules(name, rules)):
        if found is not None and found in vdns:
            return name, found
    return None


def _ingest_voice_file(run: IngestRun, app: App, seen: ScannedFile, name: str, vdn_id: int) -> None:
    """Keep one file, or the reason why not."""
    try:
        if seen.unusable_reason:
            raise UnknownAudio(seen.unusable_reason)
        kept = store_audio.store_audio_file(run.primary_location, f"{app.id}/voice/ingested", seen.path, name).blob
    except UnknownAudio as error:
        _reject(run, app, seen, str(error), is_final=not isinstance(error, store_audio.UnreadableAudio))
        return
    except (store_audio.StillGrowing, FileNotFoundError):
        return
    created = datetime.fromtimestamp(seen.modified_ns // 1_000_000_000, UTC)
    with run.database.write_transaction() as connection:
        folder.record_state(connection, run, app, seen, INGESTED)
        there = voice_files.find_by_name(connection, app, name)
        if there is None:
            file = VoiceFile(vdn_id=vdn_id, file_name=name, blob=kept, created_at=created)
            voice_files.add(connection, app, file)
            run.result.voice_files += 1
            return
    if not there.blob.is_same_blob(kept):
        run.primary_location.delete(kept.key)
    if there.blob.sha256 != kept.sha256:
        _reject(run, app, seen, f"there is another voice file {name}", is_final=True)


def _reject(run: IngestRun, app: App, seen: ScannedFile, reason: str, *, is_final: bool) -> None:
    with run.database.write_transaction() as connection:
        run.reject(connection, app, [IngestRejection(file=folder.to_db_path(seen.path), line=0, reason=reason)])
        if is_final:
            folder.record_state(connection, run, app, seen, REJECTED, reason)
