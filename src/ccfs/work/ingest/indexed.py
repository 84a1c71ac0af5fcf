"""Files of a CC-FS tree: recordings that an index names, and voice files that lie under the interface's own paths."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
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
from ccfs.work.ingest.recordings import THREADS
from ccfs.work.ingest.sound import Sound

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
        """The file of an index row, where the tree has one. Raises UnknownAudio for a link that leads out of the tree."""
        for candidate in candidates(row):
            path = self.root / candidate
            if os.path.lexists(path) and not path.is_dir():
                real = Path(os.path.realpath(path))
                if not real.is_relative_to(self.root):
                    raise UnknownAudio("a link that leads out of the recordings' folder")
                return real
        return None


@dataclass(frozen=True, slots=True)
class Found:
    """What there is behind an index row."""

    row: IndexedRecording
    file_name: str  # of the index
    is_known: bool = False  # the recording is in already
    source: Path | None = None
    sound: Sound | None = None
    reason: str = ""  # why it cannot be had

    @property
    def is_awaited(self) -> bool:
        """Whether the file has not come yet."""
        return self.sound is None and not self.is_known and not self.reason


def find_sounds(run: Run, app: App, rows: Sequence[IndexedRecording], tree: Tree | None) -> list[Found]:
    """The sounds of index rows, in their location now; those of known rows are left alone."""
    named = [(row, row.file_name or _index_name(app, row)) for row in rows]
    with run.database.reading() as connection:
        found = [Found(row, name, recordings.has_file_name(connection, app, name)) for row, name in named]
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(lambda one: one if one.is_known or tree is None else _look(run, app, one, tree), found))


def _look(run: Run, app: App, found: Found, tree: Tree) -> Found:
    try:
        path = tree.find(found.row)
        if path is not None:
            taken = sound.take(run.home, f"{app.id}/recordings", path, found.file_name)
            return replace(found, source=path, sound=taken)
    except UnknownAudio as error:
        return replace(found, reason=f"{found.file_name}: {error}")
    except (sound.StillGrowing, FileNotFoundError):
        pass
    return found


def take_indexed(connection: Connection, run: Run, app: App, found: Found) -> str:
    """Keep the recording of an index row; the reason why not. One whose file is absent is awaited, and so listed."""
    row, file_name = found.row, found.file_name
    if recordings.has_file_name(connection, app, file_name):
        run.tally.known += 1
        there = recordings.by_name(connection, app, file_name)
        return f"there is another recording {file_name}" if there and there.call_id != row.call_id else ""
    if found.reason:
        return found.reason
    if found.sound is None or found.source is None:
        awaited = Awaited(account_id=row.account_id, name=file_name, call_id=row.call_id, since=row.call_end)
        intake.await_recordings(connection, app, [awaited])
        return ""
    recording = Recording(
        **{name: getattr(row, name) for name in (*_SHARED, *_MORE)},
        file_name=file_name,
        original_file_name=names.canonical(row.original_file_name),
        kept=found.sound.kept,
        source_sha256=found.sound.source_sha256,
        source_name=folder.name_of(found.source).rpartition("/")[2],
    )
    recordings.add(connection, app, recording, run.now())
    intake.came(connection, app, row.account_id, file_name)
    run.tally.recordings += 1
    return ""


def _index_name(app: App, row: IndexedRecording) -> str:
    """An index name for a row of an older file that has none: from its original name."""
    date, agent, last = ["", "", "", *row.original_file_name.split("/")][-3:]
    stem = last.rpartition(".")[0] or last
    return f"/0/{row.cc_id}/record/{app.ak}/{row.account_id}/{date}/{agent}/{stem}.wav"


def take_voice_files(run: Run, app: App, vdns: Mapping[int, Vdn], tree: Tree) -> None:
    """Keep files that lie where the interface's IVR paths name them, of the app's VDNs."""
    for batch in folder.batches(folder.walk(tree.root, run.warn)):
        if run.is_stopped():
            return
        named = {one: found for one in batch if (found := _name(run.settings, vdns, tree, one))}
        with run.database.reading() as connection:
            due = folder.fresh(connection, app, list(named))
        for one, _ in due:
            if one.oddity or folder.settled(run, one):
                _take_voice_file(run, app, one, *named[one])


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
    """Keep one file, or the reason why not."""
    try:
        if seen.oddity:
            raise UnknownAudio(seen.oddity)
        kept = sound.take(run.home, f"{app.id}/voice/ingested", seen.path, name).kept
    except UnknownAudio as error:
        _refuse(run, app, seen, str(error), is_final=not isinstance(error, sound.Unreadable))
        return
    except (sound.StillGrowing, FileNotFoundError):
        return
    created = datetime.fromtimestamp(seen.modified_ns // 1_000_000_000, UTC)
    with run.database.writing() as connection:
        folder.note(connection, run, app, seen, TAKEN)
        there = voice_files.by_name(connection, app, name)
        if there is None:
            file = VoiceFile(vdn_id=vdn_id, file_name=name, kept=kept, created_at=created)
            voice_files.add(connection, app, file)
            run.tally.voice_files += 1
            return
    if not there.kept.is_at(kept):
        run.home.remove(kept.key)
    if there.kept.sha256 != kept.sha256:
        _refuse(run, app, seen, f"there is another voice file {name}", is_final=True)


def _refuse(run: Run, app: App, seen: Seen, reason: str, *, is_final: bool) -> None:
    with run.database.writing() as connection:
        run.refuse(connection, app, [Refusal(file=folder.name_of(seen.path), line=0, reason=reason)])
        if is_final:
            folder.note(connection, run, app, seen, REFUSED, reason)
