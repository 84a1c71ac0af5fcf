"""Recognise a file that was passed by mistake, before its lines count as read."""

from pathlib import Path

from ccfs.ingest.check.recognition.file_kinds import HEAD_BYTES, FileKind, ReadOptions, classify_file
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.files.contents.compression import read_first_bytes
from ccfs.ingest.files.cursors import is_known_source
from ccfs.ingest.files.scan import to_db_path
from ccfs.switches.records import UnreadableLine

_WORDS = {
    FileKind.ASTERISK_CDR: "a CDR file of Asterisk",
    FileKind.QUEUE_LOG: "a queue log of Asterisk",
    FileKind.CEL: "a log of Asterisk's channel events",
    FileKind.FREESWITCH_CDR: "a CDR file of FreeSWITCH",
    FileKind.CCFS_INDEX: "an index file of CC-FS",
    FileKind.RECORDING: "a recording",
}


def require_kind(run: IngestRun, owner: CallOwner, path: Path, wanted: FileKind, columns: str | None = None) -> None:
    """Raise UnreadableLine if a file that is new to the account is clearly of another kind.

    Otherwise, all its lines would be rejected and count as read, and the right command would then find nothing new.
    """
    if is_known_source(run, owner, path):
        return
    try:
        head, _ = read_first_bytes(path, HEAD_BYTES)
    except OSError:
        return  # the pass reports it
    found = classify_file(path.name, head, len(head), ReadOptions(columns=columns)).kind
    if found is not wanted and found in _WORDS:
        raise UnreadableLine(
            f"{to_db_path(path)} is {_WORDS[found]}, not {_WORDS[wanted]}: nothing of it was ingested. "
            "`ccfs ingest check` prints the right command"
        )
