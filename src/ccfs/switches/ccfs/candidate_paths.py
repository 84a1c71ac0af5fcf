"""Candidate paths for the file of an index row."""

import re
from typing import Protocol

_DRIVE = re.compile(r"([A-Za-z]):/*(.*)", re.DOTALL)
_EXTENSIONS = (".wav", ".WAV", ".v3", ".V3")  # a .V3 is a WAV file by content; people rename it


class NamedRecording(Protocol):
    """A recording with the two names of the interface."""

    @property
    def original_file_name(self) -> str: ...
    @property
    def file_name(self) -> str: ...


def list_candidate_paths(indexed: NamedRecording) -> tuple[str, ...]:
    """Return relative POSIX paths below the recordings' folder where the file may be, best first.

    The drive letter may be a folder, in either case, or missing; next are the index's own file name and, last, the bare
    names. No path is absolute or has an empty part, ``.``, ``..`` or NUL.
    """
    full_paths = [*_list_drive_variants(indexed.original_file_name), indexed.file_name.lstrip("/")]
    bare_names = [path.rpartition("/")[2] for path in (indexed.original_file_name, indexed.file_name)]
    variants = (variant for path in [*full_paths, *bare_names] for variant in _list_extension_variants(path))
    return tuple(dict.fromkeys(path for path in variants if _is_safe(path)))


def _list_drive_variants(name: str) -> list[str]:
    if not (match := _DRIVE.fullmatch(name)):
        return [name.lstrip("/")]
    drive, rest = match.groups()
    return [f"{drive}/{rest}", f"{drive.swapcase()}/{rest}", rest]


def _list_extension_variants(path: str) -> list[str]:
    stem, dot, extension = path.rpartition(".")
    if not dot or "/" in extension:
        return [path]
    return [path, *(stem + other for other in _EXTENSIONS)]


def _is_safe(path: str) -> bool:
    return "\0" not in path and "\\" not in path and all(part not in ("", ".", "..") for part in path.split("/"))
