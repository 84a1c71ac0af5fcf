"""Survey files and folders: find the kind of every file by reading its beginning."""

import os
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ccfs.ingest.check.recognition.file_kinds import (
    EMPTY_CDR,
    HEAD_BYTES,
    FileClass,
    FileKind,
    ReadOptions,
    classify_file,
    find_index_name,
)
from ccfs.ingest.files import scan
from ccfs.ingest.files.contents.compression import is_compressed, read_beginning
from ccfs.ingest.files.contents.damage import DamagedFile, catch_damage
from ccfs.ingest.files.scan import ScannedFile, to_db_path
from ccfs.media.codec_table import is_audio_name

_MAX_MEMBERS = 100  # of a zip, that are looked at
MAX_LISTED = 10_000  # files of no use whose names are remembered


@dataclass(frozen=True, slots=True)
class SurveyedFile:
    """A file and its kind."""

    path: Path  # absolute
    size: int
    modified_ns: int
    found: FileClass
    is_compressed: bool = False


@dataclass(slots=True)
class Survey:
    """The files that contain calls, and the number of other files."""

    roots: tuple[Path, ...]  # the operator's paths, absolute
    files: list[SurveyedFile] = field(default_factory=list)  # without recordings and files of no use
    recordings: list[Path] = field(default_factory=list)
    recording_extensions: Counter[str] = field(default_factory=Counter)  # lower case, without the dot
    recording_bytes: int = 0
    other_count: int = 0
    empty_cdrs: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)  # the first MAX_LISTED
    unreadable_folders: list[str] = field(default_factory=list)  # with the reason
    table_domains: set[str] = field(default_factory=set)  # domains of FreeSWITCH in the table that is checked, too

    def list_kind(self, kind: FileKind) -> list[SurveyedFile]:
        """Return the files of a kind."""
        return [file for file in self.files if file.found.kind is kind]

    def add(self, file: SurveyedFile) -> None:
        """Add a file."""
        if file.found.kind is FileKind.RECORDING:
            self.recordings.append(file.path)
            self.recording_extensions[file.path.suffix[1:].lower()] += 1
            self.recording_bytes += file.size
        elif file.found.kind is FileKind.OTHER:
            self.other_count += 1
            self.empty_cdrs += [file.path] if file.found.form == EMPTY_CDR else []
            if len(self.others) < MAX_LISTED:
                self.others.append(file.path)
        else:
            self.files.append(file)


def survey_paths(
    paths: Sequence[Path], options: ReadOptions, report_progress: Callable[[str, int, int], None]
) -> Survey:
    """Return the files below the paths. Raise FileNotFoundError if a path does not exist."""
    survey = Survey(tuple(Path(os.path.abspath(path)) for path in paths))
    for number, file in enumerate(_iter_files(survey), 1):
        survey.add(_survey_file(file, options))
        if number % 100 == 0:
            report_progress("looking at files", number, 0)
    return survey


def _iter_files(survey: Survey) -> Iterator[ScannedFile]:
    """Yield each file once."""
    seen: set[str] = set()
    for path in survey.roots:
        for file in _list_files(path, survey):
            key = os.fspath(file.path)
            if key not in seen:
                seen.add(key)
                yield file


def _list_files(path: Path, survey: Survey) -> Iterator[ScannedFile]:
    if not path.exists():
        raise FileNotFoundError(f"file not found: {path}")
    try:
        if path.is_dir():
            yield from scan.scan_folder(path, survey.unreadable_folders.append)
        else:
            yield scan.stat_file(path)
    except PermissionError as error:
        survey.unreadable_folders.append(f"{to_db_path(path)} cannot be read: {error.strerror}")


def _survey_file(file: ScannedFile, options: ReadOptions) -> SurveyedFile:
    if is_audio_name(file.path.name):
        recording = FileClass(kind=FileKind.RECORDING)
        return SurveyedFile(file.path, file.size, file.modified_ns, recording)
    if file.unusable_reason and not file.path.is_file():
        return SurveyedFile(file.path, file.size, file.modified_ns, FileClass(kind=FileKind.OTHER))
    try:
        compressed = is_compressed(file.path)
        head = read_beginning(file.path, HEAD_BYTES)
        if compressed and not head:
            found = FileClass(kind=FileKind.UNREADABLE, reason="the compressed file is damaged")
        elif head.startswith(b"PK\3\4") and (index := _find_zipped_index(file.path)):
            found = FileClass(kind=FileKind.CCFS_INDEX, form=f"zip with {index}")
        else:
            found = classify_file(file.path.name, head, file.path.stat().st_size, options)
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
        found, compressed = FileClass(kind=FileKind.UNREADABLE, reason=reason, remedy=PERMISSION_REMEDY), False
    return SurveyedFile(file.path, file.size, file.modified_ns, found, compressed)


def _find_zipped_index(path: Path) -> str:
    """Return the kinds of CC-FS's index files in a zip, or ""."""
    kinds: list[str] = []
    try:
        with catch_damage(), zipfile.ZipFile(path) as archive:
            for name in archive.namelist()[:_MAX_MEMBERS]:
                if name.lower().endswith(".csv"):
                    with archive.open(name) as member:
                        kinds.append(find_index_name(name, member.read(HEAD_BYTES)))
    except DamagedFile:
        pass
    return ", ".join(dict.fromkeys(filter(None, kinds)))


PERMISSION_REMEDY = (
    "Run the check as root or as the switch's user; for the service, add its user to the switch's group "
    "(usermod -aG asterisk ccfs)"
)
