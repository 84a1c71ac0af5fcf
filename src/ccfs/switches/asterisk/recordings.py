"""Names of recordings: files that a CDR line names, and calls that a file's name refers to."""

import re

from ccfs.media.codec_table import is_audio_name

_DOTTED_ID = re.compile(r"(?<![0-9A-Za-z])([0-9]{9,11})\.([0-9]{1,10})(?![0-9])")
_DASHED_ID = re.compile(r"(?<![0-9A-Za-z])([12][0-9]{9})-([0-9]{1,10})(?![0-9])")  # a phone number may precede a dash
_FREEPBX_PREFIX = re.compile(
    r".*-[0-9]{8}-[0-9]{6}-"
)  # what FreePBX writes before the id: kind, numbers, date and time
_SYSTEM_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*-")


def list_named_files(recordingfile: str, userfield: str, lastapp: str, lastdata: str) -> tuple[str, ...]:
    """Return the files that a CDR line names, each once: `recordingfile`, a `userfield` that is a file, MixMonitor's."""
    if not (recordingfile or userfield or lastapp == "MixMonitor"):
        return ()
    mixed = re.split("[,|]", lastdata, maxsplit=1)[0] if lastapp == "MixMonitor" else ""
    texts = (recordingfile, userfield.removeprefix("audio:"), mixed)
    return tuple(dict.fromkeys(text for text in map(str.strip, texts) if is_audio_name(text)))


def find_call_ids(file_name: str) -> tuple[str, ...]:
    """Return the uniqueids that a recording's name may contain, most likely first.

    `q-600-02079460123-20240115-093042-1705311042.118.wav` → 1705311042.118; `pbx1-1705311042-118-in.wav` →
    pbx1-1705311042.118, 1705311042.118: a system's name before the number is part of the id if there is one.
    """
    stem = re.split(r"[/\\]", file_name)[-1]
    stem = stem.rpartition(".")[0] if is_audio_name(stem) else stem
    ids: list[str] = []
    for match in list(_DOTTED_ID.finditer(stem)) or _DASHED_ID.finditer(stem):
        plain, before = f"{match[1]}.{match[2]}", _FREEPBX_PREFIX.sub("", stem[: match.start()])
        ids += [before + plain, plain] if _SYSTEM_NAME.fullmatch(before) else [plain]
    return tuple(dict.fromkeys(ids))
