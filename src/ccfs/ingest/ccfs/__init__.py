"""CC-FS's own exports: index files, loose or zipped, and the tree of files that they name."""

from ccfs.ingest.ccfs.index_files import ingest
from ccfs.ingest.ccfs.source import CcfsSource

__all__ = ["CcfsSource", "ingest"]
