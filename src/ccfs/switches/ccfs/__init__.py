"""Parse CC-FS's own files: index files (`parse_index`), and where the recordings they name may be
(`list_candidate_paths`)."""

from ccfs.switches.ccfs.candidate_paths import NamedRecording, list_candidate_paths
from ccfs.switches.ccfs.index import IndexRow, UnknownAccount, ZoneLookup, parse_index
from ccfs.switches.ccfs.rows import IndexedRecording, IndexRecord

__all__ = [
    "IndexRecord",
    "IndexRow",
    "IndexedRecording",
    "NamedRecording",
    "UnknownAccount",
    "ZoneLookup",
    "list_candidate_paths",
    "parse_index",
]
