"""What CC-FS leaves: its own index files, and where the bytes that they name may lie. Pure parsing.

`read` reads one index file; `candidates` says where a recording's file may be.
"""

from ccfs.switches.ccfs.candidate_paths import list_candidate_paths
from ccfs.switches.ccfs.index import IndexRow, ZoneLookup, parse_index
from ccfs.switches.ccfs.rows import IndexedRecording, IndexRecord

__all__ = ["IndexRecord", "IndexRow", "IndexedRecording", "ZoneLookup", "list_candidate_paths", "parse_index"]
