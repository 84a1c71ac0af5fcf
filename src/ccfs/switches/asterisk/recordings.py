"""Names of recordings: files that a CDR line names, and calls to which a file name refers."""

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from ccfs.media.codec_table import is_audio_name, strip_audio_extension
from ccfs.switches.asterisk.channels import parse_caller_name

_DOTTED_ID = re.compile(r"(?<![0-9])([0-9]{9,11})\.([0-9]{1,10})(?![0-9])")
_SEPARATED_ID = re.compile(r"(?<![0-9])([12][0-9]{9})[-_]([0-9]{1,10})(?![0-9])")  # a phone number may precede a dash
_LATE_ID = re.compile(r"(?<=[0-9])([12][0-9]{9})\.([0-9]{1,10})(?![0-9])")  # after other digits
_FREEPBX_PREFIX = re.compile(r"[0-9]{8}-[0-9]{6}-")  # what FreePBX writes before the id: date and time
_TAIL_START = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]")  # where a system's name may begin
_MAX_TAILS = 16  # system names that are tried for one id
_MAX_IDS = 8  # ids in one name
_MAX_NAME = 255  # characters; of a file's name in every usual file system
_CALL_STAMP = re.compile(r"[0-9]{8}-?[0-9]{6}[_-].+")  # VICIdial's name of a recording: date, time, numbers


def list_named_files(recordingfile: str, userfield: str, lastapp: str, lastdata: str) -> tuple[str, ...]:
    """Return the files that a CDR line names, without duplicates: `recordingfile`, a `userfield` with a file, those of the

    applications MixMonitor and Monitor. A name may lack its extension.
    """
    named = [recordingfile.strip(), userfield.removeprefix("audio:").strip()]
    if not is_audio_name(named[1]):
        named[1] = ""
    match lastapp.lower():
        case "mixmonitor":
            mixed = re.split("[,|]", lastdata, maxsplit=1)[0].strip()
            named.append(mixed if is_audio_name(mixed) else "")
        case "monitor":
            named.append(_find_monitor_file(lastdata))
    return tuple(dict.fromkeys(filter(None, named)))


def list_possible_files(lastapp: str, lastdata: str, clid: str, joined_at: datetime) -> tuple[str, ...]:
    """Return files that a line may have produced: a conference's own recording, and that of a recording channel.

    ConfBridge names its file after the conference and the second in which it starts. VICIdial calls a channel that
    records, and passes the file name as the caller's name.
    """
    if lastapp.lower() == "confbridge":
        conference = re.split("[,|]", lastdata, maxsplit=1)[0].strip()
        return (f"confbridge-{conference}-{int(joined_at.timestamp())}",) if conference else ()
    name = parse_caller_name(clid)
    return (name,) if _CALL_STAMP.fullmatch(name) else ()


def find_call_ids(file_name: str) -> tuple[str, ...]:
    """Return the uniqueids that a recording's name may contain, most likely first.

    `q-600-02079460123-20240115-093042-1705311042.118.wav` → 1705311042.118 and longer ones; `call_pbx1-1705311042-118-in.wav`
    → call_pbx1-1705311042.118, pbx1-1705311042.118, 1705311042.118: the prefix may be a system name.
    """
    stem = strip_audio_extension(re.split(r"[/\\]", file_name)[-1][-_MAX_NAME:])
    ids: list[str] = []
    for match in islice(_iter_matches(stem), _MAX_IDS):
        plain = f"{match[1]}.{match[2]}"
        ids += [f"{tail}{plain}" for tail in _list_tails(stem[: match.start()])]
        ids.append(plain)
    return tuple(dict.fromkeys(ids))


def _find_monitor_file(lastdata: str) -> str:
    """Return the file of `Monitor(format,file,options)`. Its two sides have the same name with -in and -out."""
    parts = [part.strip() for part in re.split("[,|]", lastdata, maxsplit=2)]
    return parts[1] if len(parts) > 1 else ""


def _iter_matches(stem: str) -> Iterator[re.Match[str]]:
    for pattern in (_DOTTED_ID, _SEPARATED_ID, _LATE_ID):
        yield from pattern.finditer(stem)


def _list_tails(before: str) -> list[str]:
    """Return the texts that may be a system name with a dash, the longest first."""
    if not before.endswith("-"):
        return []
    if stamps := list(_FREEPBX_PREFIX.finditer(before)):
        before = before[stamps[-1].end() :]
    return [before[start.start() :] for start in _TAIL_START.finditer(before)][-_MAX_TAILS:]
