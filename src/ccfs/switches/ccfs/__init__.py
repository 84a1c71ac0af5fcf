"""What CC-FS leaves: its own index files, and where the bytes that they name may lie. Pure parsing.

`read` reads one index file; `candidates` says where a recording's file may be.
"""

from ccfs.switches.ccfs.index import Taken, ZoneOf, read
from ccfs.switches.ccfs.places import candidates
from ccfs.switches.ccfs.rows import IndexedRecording, Row

__all__ = ["IndexedRecording", "Row", "Taken", "ZoneOf", "candidates", "read"]
