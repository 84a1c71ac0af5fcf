"""Find the files that were rotated from a source file: in its folder, in folders within it, and in those beside it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ccfs.ingest.files.contents.compression import read_first_bytes
from ccfs.ingest.files.contents.positions import HEAD_BYTES
from ccfs.ingest.files.scan import to_db_path
from ccfs.model.source_files import COMPRESSION_SUFFIXES, is_rotated, split_rotation_number

_MAX_FOLDERS = 200  # folders that are searched
MAX_FILES = 5000  # rotated files of a source that are compared, the newest ones


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A rotated file on disk."""

    path: Path
    version: tuple[int, int]  # size and modification time in ns: renaming a file does not change them
    is_near: bool  # in the source's folder, or in one within it that has no such source of its own


def find_rotated_files(
    path: Path, listed: Sequence[Path] | None, remembered: Iterable[Path], *, is_far: bool
) -> list[FoundFile]:
    """Return a source's rotated files in order of time; with `is_far`, also those in other folders within and beside its own.

    logrotate may have moved them there (olddir), but they may also belong to another switch. `listed`: the files near
    the source, if they are known already. `remembered`: folders that contained its rotated files before.
    """
    own = path.absolute().parent
    within = _list_folders(own) if listed is None or is_far else []
    near = [folder for folder in (*(within if listed is None else ()), *remembered) if not has_source(folder, path)]
    near = list(dict.fromkeys([*([own] if listed is None else []), *near]))
    files = {file.path: file for file in _describe([*(listed or ()), *_iter_rotated(near, path.name)], is_near=True)}
    if is_far:
        far = (folder for folder in (*within, *_list_folders(own.parent)) if folder not in near)
        for file in _describe(_iter_rotated(far, path.name), is_near=False):
            files.setdefault(file.path, file)
    return sorted(files.values(), key=get_order)[-MAX_FILES:]


def has_source(folder: Path, path: Path) -> bool:
    """Return whether a folder has another source of the same name, to which its rotated files belong."""
    return folder != path.absolute().parent and (folder / path.name).exists()


def list_neighbours(path: Path) -> list[Path]:
    """Return the folders within and beside the source's folder, which may contain its rotated files."""
    own = path.absolute().parent
    return [folder for folder in (*_list_folders(own), *_list_folders(own.parent)) if folder != own]


def has_rotated_files(path: Path) -> bool:
    """Return whether a source has a rotated file in its folder, or in a folder within or beside it without such a source."""
    others = (folder for folder in list_neighbours(path) if not has_source(folder, path))
    return next(iter(_iter_rotated([path.absolute().parent, *others], path.name)), None) is not None


def _list_folders(parent: Path) -> list[Path]:
    try:
        folders = sorted(folder for folder in parent.iterdir() if folder.is_dir() and not folder.is_symlink())
    except OSError:  # not readable
        return []
    return folders[:_MAX_FOLDERS]


def _iter_rotated(folders: Iterable[Path], name: str) -> Iterable[Path]:
    for folder in folders:
        try:
            names = {file.name: file for file in folder.iterdir() if is_rotated(file.name, name)}
        except OSError:
            continue
        for file in names.values():
            plain = names.get(file.stem) if file.suffix in COMPRESSION_SUFFIXES else None
            if plain is None or not _is_being_compressed(plain, file):
                yield file


def _is_being_compressed(plain: Path, packed: Path) -> bool:
    """Return whether `packed` is being written from `plain`. It may also be left over from another rotation."""
    try:
        head, _ = read_first_bytes(packed, HEAD_BYTES)
        return head == read_first_bytes(plain, len(head))[0]
    except OSError:
        return False


def _describe(files: Iterable[Path], *, is_near: bool) -> list[FoundFile]:
    found = []
    for file in files:
        try:
            status = file.stat()
        except OSError:
            continue  # renamed meanwhile
        if file.is_file():
            found.append(FoundFile(file.absolute(), (status.st_size, status.st_mtime_ns), is_near))
    return found


def get_order(file: FoundFile) -> tuple[int, int, str]:
    """Return a key that sorts rotated files by time."""
    _, number = split_rotation_number(file.path.name) or ("", 0)
    return file.version[1], -number, to_db_path(file.path)
