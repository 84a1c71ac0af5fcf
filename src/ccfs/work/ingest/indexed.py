"""Files of a CC-FS tree: recordings that an index names, and voice files that lie under the interface's own paths."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import Connection

from ccfs.model.recording import Recording
from ccfs.model.tenancy import App, Vdn
from ccfs.model.voice_file import VoiceFile
from ccfs.settings import Settings
from ccfs.store import intake, recordings, voice_files
from ccfs.store.intake import Awaited, Refusal
from ccfs.switches.audio import UnknownAudio
from ccfs.switches.ccfs import IndexedRecording, candidates
from ccfs.wire import names
from ccfs.work.ingest import folder, sound
from ccfs.work.ingest.context import Run
from ccfs.work.ingest.folder import REFUSED, TAKEN, Seen

_SHARED = ("account_id", "cc_id", "vdn_id", "agent_id", "call_id", "caller_no", "callee_no", "call_begin", "call_end")
_MORE = ("call_type", "media_type", "task_status", "task_result", "user_wanted_skill_id", "current_skill_id")


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder of files as CC-FS keeps them."""

    root: Path

    @classmethod
    def of(cls, root: Path) -> "Tree":
        """The tree at an existing folder; raises NotADirectoryError."""
        if not root.is_dir():
            raise NotADirectoryError(f"there is no folder {root}")
        return cls(Path(os.path.realpath(root)))

    def find(self, row: IndexedRecording) -> Path | None:
        """The file of an index row, where the tree has one; links that lead out of the tree count as absent."""
        for candidate in candidates(row):
            path = self.root / candidate
            if path.is_file() and Path(os.path.realpath(path)).is_relative_to(self.root):
                return Path(os.path.realpath(path))
        return None


def take_indexed(connection: Connection, run: Run, app: App, row: IndexedRecording, tree: Tree | None) -> list[str]:
    """Keep the recording of an index row; the reasons why not. One whose file is absent is awaited, and so listed."""
    file_name = row.file_name or _index_name(app, row)
    if recordings.has_file_name(connection, app, file_name):
        run.tally.known += 1
        return []
    path = tree.find(row) if tree else None
    if path is None:
        awaited = Awaited(account_id=row.account_id, name=file_name, call_id=row.call_id, since=row.call_end)
        intake.await_recordings(connection, app, [awaited])
        return []
    try:
        found = sound.take(run.home, f"{app.id}/recordings/{row.call_begin:%Y%m%d}", path)
    except UnknownAudio as error:
        return [f"{path.name}: {error}"]
    except (sound.StillGrowing, FileNotFoundError):
        return []
    recording = Recording(
        **{name: getattr(row, name) for name in (*_SHARED, *_MORE)},
        file_name=file_name,
        original_file_name=names.canonical(row.original_file_name),
        kept=found.kept,
        source_sha256=found.source_sha256,
        source_name=path.name,
    )
    recordings.add(connection, app, recording, run.now())
    intake.came(connection, app, row.account_id, file_name)
    run.tally.recordings += 1
    return []


def _index_name(app: App, row: IndexedRecording) -> str:
    """An index name for a row of an older file that has none: from its original name."""
    date, agent, last = (row.original_file_name.split("/") + ["", "", ""])[-3:]
    stem = last.rpartition(".")[0] or last
    return f"/0/{row.cc_id}/record/{app.ak}/{row.account_id}/{date}/{agent}/{stem}.wav"


def take_voice_files(run: Run, app: App, vdns: Mapping[int, Vdn], tree: Tree) -> None:
    """Keep files that lie where the interface's IVR paths name them, of the app's VDNs."""
    for batch in folder.batches(folder.walk(tree.root)):
        named = {one.path: found for one in batch if (found := _name(run.settings, vdns, tree, one))}
        with run.database.reading() as connection:
            due = folder.fresh(connection, app, [one for one in batch if one.path in named and not one.is_link])
        for one, _ in due:
            _take_voice_file(run, app, one, *named[one.path])


def _name(settings: Settings, vdns: Mapping[int, Vdn], tree: Tree, seen: Seen) -> tuple[str, int] | None:
    """The interface's name of a file and its VDN, if it lies under one of the app's IVR paths. A folder of one letter
    at the top is the drive."""
    relative = (
        seen.path.relative_to(tree.root).as_posix().encode(errors="surrogateescape").decode(errors="backslashreplace")
    )
    drive, _, rest = relative.partition("/")
    name = f"{drive.upper()}:/{rest}" if len(drive) == 1 and drive.isalpha() else f"Y:/{relative}"
    rules = f"{settings.download_path_rule};{settings.upload_path_rule}"
    vdn = names.vdn_of_ivr_message(name, settings.ivr_message_folder)
    for found in (vdn, names.vdn_of_oiap_record(name), names.vdn_by_rules(name, rules)):
        if found is not None and found in vdns:
            return name, found
    return None


def _take_voice_file(run: Run, app: App, seen: Seen, name: str, vdn_id: int) -> None:
    path = folder.name_of(seen.path)
    try:
        kept = sound.take(run.home, f"{app.id}/voice/ingested", seen.path).kept
    except (UnknownAudio, sound.StillGrowing, FileNotFoundError) as error:
        with run.database.writing() as connection:
            run.refuse(connection, app, [Refusal(file=path, line=0, reason=str(error) or "still growing")])
            intake.note_file(connection, app, path, seen.size, seen.modified_ns, REFUSED, str(error), run.now())
        return
    created = datetime.fromtimestamp(seen.modified_ns / 1e9, UTC)
    with run.database.writing() as connection:
        if voice_files.by_name(connection, app, name) is None:
            file = VoiceFile(vdn_id=vdn_id, file_name=name, kept=kept, created_at=created)
            voice_files.add(connection, app, file)
            run.tally.voice_files += 1
        intake.note_file(connection, app, path, seen.size, seen.modified_ns, TAKEN, "", run.now())
