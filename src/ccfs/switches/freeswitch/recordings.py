"""Names of recordings: files that a channel's variables name, and channels that a file's name contains."""

import re

from ccfs.switches.freeswitch.variables import ChannelVariables

APP_LOG_RECORD = "app_log_record"  # our own name: arguments of record and record_session, joined by PATH_SEPARATOR
PATH_SEPARATOR = "\x1e"

_UUID = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-f])")
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
_TIME_LIMITS = re.compile(r"(?:\s+\+?[0-9]+)+$")  # "… 3600 200 5": the time and silence limits after the path
_OPTIONS = re.compile(r"^\{[^}]*\}")  # "{append=true}/path"


def find_channel_ids(file_name: str) -> tuple[str, ...]:
    """Return the UUIDs of channels in a recording's file name (not its folders), in lower case, each once."""
    base = re.split(r"[/\\]", file_name)[-1]
    return tuple(dict.fromkeys(_UUID.findall(base.lower())))


def list_named_files(variables: ChannelVariables) -> tuple[str, ...]:
    """Return the files that the channel was recorded to: paths on the switch, each once."""
    named = [variables[name] for name in _PATH_VARIABLES if variables.get(name)]
    folder, name = variables.get("record_path", ""), variables.get("record_name", "")
    if name:
        named.append(f"{folder.rstrip('/')}/{name}" if folder else name)
    elif "." in folder.rpartition("/")[2]:
        named.append(folder)
    return tuple(dict.fromkeys(path for value in named for path in _split_paths(value)))


def _split_paths(value: str) -> list[str]:
    parts = value.split(PATH_SEPARATOR)
    return [path for part in parts if (path := _TIME_LIMITS.sub("", _OPTIONS.sub("", part.strip())).strip())]
