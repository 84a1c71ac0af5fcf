"""Choose the sources of an ingest among surveyed files: the CDR file with its rotated files, the recordings folder."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ccfs.ingest.check.recognition.file_kinds import FileKind
from ccfs.ingest.check.recognition.survey import Survey, SurveyedFile
from ccfs.model.source_files import is_rotated

_DATED_FOLDER = re.compile(r"(?i)[0-9][0-9._-]*|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec")
_COLUMN_WEIGHTS = {
    "linkedid": 256,
    "uniqueid": 128,
    "recordingfile": 64,
    "sequence": 32,
    "end": 16,
    "answer": 8,
    "channel": 4,
    "did": 2,
}
_OWN_FILE_WEIGHT = 100
_MAX_STRANGERS = 0.1  # for each file of a folder
_MAX_SERIES = 50  # of files that a switch writes side by side
_MESSAGE_FOLDERS = re.compile(r"(?i)/(?:voicemail|sounds|moh|mohmp3|music)/")


@dataclass(frozen=True, slots=True)
class FileSeries:
    """A file that a switch writes, and its rotated files."""

    files: tuple[SurveyedFile, ...]  # oldest first; the last is the one that the switch writes

    @property
    def current(self) -> SurveyedFile:
        """The file that the switch writes."""
        return self.files[-1]

    @property
    def watched_path(self) -> Path:
        """The file that will grow: the switch's own name, although the file may be empty since the last rotation."""
        own = self.current.path.with_name(_strip_rotation(self.current.path.name))
        return own if own.is_file() else self.current.path


def list_cdr_series(survey: Survey) -> list[FileSeries]:
    """Return the CDR files of Asterisk: those with the most useful columns first, then the newest.

    A file that Asterisk itself writes comes before an exported table, which does not grow.
    """

    def rank(series: FileSeries) -> tuple[int, int, str]:
        layout = series.current.found.layout
        names = layout.names if layout else ()
        useful = sum(_COLUMN_WEIGHTS.get(name, 0) for name in set(names))
        useful += _OWN_FILE_WEIGHT if layout and not layout.header and "end" in names else 0
        return -useful, -series.current.modified_ns, os.fspath(series.current.path)

    return sorted(_group_series(survey.list_kind(FileKind.ASTERISK_CDR)), key=rank)[:_MAX_SERIES]


def find_queue_log(survey: Survey) -> FileSeries | None:
    """Return the queue log: Asterisk's own file before an exported table, then the newest."""
    series = _group_series(survey.list_kind(FileKind.QUEUE_LOG))
    return min(series, key=lambda log: (log.current.found.form != "queue_log", -log.current.modified_ns), default=None)


def find_channel_events(survey: Survey) -> FileSeries | None:
    """Return the channel event log (CEL): Asterisk's own file before an exported table, then the newest."""
    series = _group_series(survey.list_kind(FileKind.CEL))
    return min(series, key=lambda log: (log.current.found.form != "cel_custom", -log.current.modified_ns), default=None)


def list_freeswitch_paths(survey: Survey) -> list[Path]:
    """Return the files and folders with the CDRs of FreeSWITCH: a folder if it contains only CDRs."""
    files = [file.path for file in survey.list_kind(FileKind.FREESWITCH_CDR)]
    known = set(files)
    strangers = [*survey.recordings, *survey.others, *(file.path for file in survey.files if file.path not in known)]
    return [path for root, own in _group_by_root(survey, files) for path in _cover(own, strangers, root)]


def list_ccfs_paths(survey: Survey) -> list[Path]:
    """Return the index files of CC-FS, or their folders."""
    files = [file.path for file in survey.list_kind(FileKind.CCFS_INDEX)]
    known = set(files)
    strangers = [file.path for file in survey.files if file.path not in known]
    return [path for root, own in _group_by_root(survey, files) for path in _cover(own, strangers, root)]


def list_recordings_folders(survey: Survey) -> list[Path]:
    """Return the folder above all recordings in each of the operator's paths, without folders of days.

    Voicemail and prompts are not recordings of calls.
    """
    folders = []
    for root, own in _group_by_root(survey, survey.recordings):
        calls = [path for path in own if not _MESSAGE_FOLDERS.search(f"/{path.relative_to(root).parent}/")]
        if calls:
            folders.append(_strip_dates(_find_common_folder(calls), root))
    return folders


def _group_by_root(survey: Survey, files: Iterable[Path]) -> list[tuple[Path, list[Path]]]:
    """Return the operator's paths with the files below each, each file once; no folder above them is used."""
    groups: dict[Path, list[Path]] = {}
    roots = sorted(set(survey.roots), key=lambda root: len(root.parts))
    for file in files:
        root = next(root for root in roots if file.is_relative_to(root))
        groups.setdefault(root if root.is_dir() else root.parent, []).append(file)
    return list(groups.items())


def _group_series(files: Sequence[SurveyedFile]) -> list[FileSeries]:
    """Group files with their rotated files: of the same format, in related folders."""
    bases = [file for file in files if _strip_rotation(file.path.name) == file.path.name][:_MAX_SERIES]
    rotated: dict[Path, list[SurveyedFile]] = {}
    for file in files:
        base = next((base for base in bases if _is_rotated_from(file, base)), file)
        rotated.setdefault(base.path, []).append(file)
    series = []
    for path, own in rotated.items():
        own.sort(key=lambda file: (file.path == path, file.modified_ns, file.path.name))
        series.append(FileSeries(tuple(own)))
    return _join_orphans(series)


def _join_orphans(series: Iterable[FileSeries]) -> list[FileSeries]:
    """Join rotated files whose current file is absent: Master.csv-20240115.gz and Master.csv-20240116.gz."""
    joined: dict[tuple[Path, str, object], list[SurveyedFile]] = {}
    for own in series:
        base = _strip_rotation(own.current.path.name)
        key = (own.current.path.parent, base, own.current.found.form)
        joined.setdefault(key, []).extend(own.files)
    return [
        FileSeries(tuple(sorted(files, key=lambda file: (file.path.name == key[1], file.modified_ns, file.path.name))))
        for key, files in joined.items()
    ]


_ROTATION = re.compile(r"(?:[-._][0-9]{1,8}(?:[-T_][0-9]{2,6})?)?(?:\.(?:gz|bz2|xz|zst))?\Z")


def _strip_rotation(name: str) -> str:
    return _ROTATION.sub("", name, count=1)


def _is_rotated_from(file: SurveyedFile, base: SurveyedFile) -> bool:
    if file.path == base.path or not is_rotated(file.path.name, base.path.name):
        return False
    folder, own = file.path.parent, base.path.parent
    return file.found.form == base.found.form and (own in (folder, folder.parent) or own.parent == folder.parent)


def _cover(files: Sequence[Path], strangers: Iterable[Path], root: Path) -> list[Path]:
    """Return the common folder of all files, otherwise their folders, otherwise the files, avoiding folders with other files.

    A few other files in a folder of many do no harm: they are rejected. A single file that grows is named itself, but
    documents are expected to become more.
    """
    if len(files) == 1 and files[0].suffix.lower() not in (".json", ".xml", ".zip"):
        return list(files)
    below = _count_below_folders(strangers)
    common = _find_common_folder(files)
    for folder in (_strip_dates(common, root), common):
        if not below[folder]:
            return [folder]
    covered: list[Path] = []
    for folder, own in sorted(_group_by_folder(files).items()):
        if below[folder] > _MAX_STRANGERS * len(own):
            covered += sorted(own)
        elif not any(folder.is_relative_to(other) for other in covered):
            covered.append(folder)
    return covered


def _group_by_folder(files: Iterable[Path]) -> dict[Path, list[Path]]:
    groups: dict[Path, list[Path]] = {}
    for path in files:
        groups.setdefault(path.parent, []).append(path)
    return groups


def _count_below_folders(paths: Iterable[Path]) -> Counter[Path]:
    """Return how many of the files are below each folder, at any depth."""
    counts: Counter[Path] = Counter()
    for folder, number in Counter(path.parent for path in paths).items():
        for parent in (folder, *folder.parents):
            counts[parent] += number
    return counts


def _find_common_folder(files: Iterable[Path]) -> Path:
    return Path(os.path.commonpath([path.parent for path in files]))


def _strip_dates(folder: Path, root: Path) -> Path:
    """Return the folder above folders of years, months and days, within the root: tomorrow's files are in another one."""
    while folder != root and _DATED_FOLDER.fullmatch(folder.name):
        folder = folder.parent
    return folder
