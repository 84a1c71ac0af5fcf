"""Names of recordings: files that a channel's variables name, and channels that a file name contains."""

import re

from ccfs.switches.freeswitch.variables import ChannelVariables

APP_LOG_RECORD = "app_log_record"  # our own name: arguments of record and record_session, joined by PATH_SEPARATOR
PATH_SEPARATOR = "\x1e"

# Wherever it begins: names may have letters or digits right before it and after it.
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_HEX_DIGITS = re.compile(r"[0-9a-f]{32,}")
_UUID_DIGITS = 32
_MAX_PATH_LENGTH = 4096  # characters from its end
_PATH_VARIABLES = (
    "record_file_path",
    "record_filename",
    "record_file",
    "recording_file",
    "recording_path",
    "cc_record_filename",
    "sofia_record_file",
    "last_record_file",
    APP_LOG_RECORD,
)
# "… 3600 +200 5", read backwards: the time and silence limits after the path. Forwards, each blank would be a beginning.
_REVERSED_LIMITS = re.compile(r"(?:[0-9]++\+?\s++)++")
_URL = re.compile(r"[a-z][a-z0-9+._-]{0,31}://", re.IGNORECASE)
_LOCAL_SCHEMES = ("file://", "av://")  # of files on the switch's own disks
_OPTIONS = re.compile(r"^(?:\{[^}]*\}|\[[^\]]*\])")  # "{append=true}/path"


def find_channel_ids(path: str) -> tuple[str, ...]:
    """Return the UUIDs of channels in a recording's name, in lower case with hyphens, without duplicates.

    If the name has none, the nearest folder named after a channel counts.
    """
    for part in reversed(re.split(r"[/\\]", path.lower()[-_MAX_PATH_LENGTH:])):
        if ids := _find_ids_in_name(part):
            return ids
    return ()


def _find_ids_in_name(name: str) -> tuple[str, ...]:
    """Return the UUIDs with hyphens. If there are more than 32 hex digits without hyphens, try the first and the last 32."""
    found = [(match.start(), match[0]) for match in _UUID.finditer(name)]
    for match in _HEX_DIGITS.finditer(name):
        found += [
            (match.start(), _add_hyphens(digits)) for digits in (match[0][:_UUID_DIGITS], match[0][-_UUID_DIGITS:])
        ]
    return tuple(dict.fromkeys(uuid for _, uuid in sorted(found, key=lambda place: place[0])))


def _add_hyphens(digits: str) -> str:
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def list_named_files(variables: ChannelVariables) -> tuple[str, ...]:
    """Return the files to which the channel was recorded: paths on the switch, without duplicates.

    For a recording to a URL, no file is expected.
    """
    named = [variables[name] for name in _PATH_VARIABLES if variables.get(name)]
    folder, name = variables.get("record_path", ""), variables.get("record_name", "")
    if name:
        named.append(f"{folder.rstrip('/')}/{name}" if folder else name)
    elif "." in folder.rpartition("/")[2]:
        named.append(folder)
    return tuple(dict.fromkeys(path for value in named for path in _split_paths(value)))


def _split_paths(value: str) -> list[str]:
    parts = (_strip_options(part) for part in value.split(PATH_SEPARATOR))
    return [path for part in parts if (path := _strip_limits(part)) and not _URL.match(path)]


def _strip_limits(part: str) -> str:
    """Return a path without the limits that follow it."""
    limits = _REVERSED_LIMITS.match(part[::-1])
    return part[: len(part) - limits.end()].strip() if limits else part


def _strip_options(value: str) -> str:
    path = _OPTIONS.sub("", value.strip()).strip()
    for scheme in _LOCAL_SCHEMES:
        path = path[len(scheme) :] if path.lower().startswith(scheme) else path
    return path
