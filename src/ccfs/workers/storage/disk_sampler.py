"""Samples the free space of the disks that this node opens directly, so that the status knows when they will be full."""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from ccfs.blobs.registry import Locations
from ccfs.db.engine import Database
from ccfs.db.system.storage import disk_samples
from ccfs.db.system.storage.disk_samples import DiskSample
from ccfs.db.system.storage.disk_space import DiskUse, measure_disk
from ccfs.model.blobs.location_config import LocationKind

SAMPLE_SECONDS: Final = 600.0  # between two measurements; the last one of an hour is kept


class DiskSampler:
    """A step of a work loop."""

    def __init__(self, database: Database, locations: Locations, data: Path, now: Callable[[], datetime]) -> None:
        """`data` is the data folder, which holds the location without a folder of its own."""
        self._database, self._locations, self._data, self._now = database, locations, data, now
        self._sampled_at = float("-inf")  # by time.monotonic
        self._known: frozenset[str] = frozenset()

    def __call__(self) -> None:
        """Measure all disks: at once if there are others than before, else once in a while."""
        configs = [config for config in self._locations.get_configs().values() if config.kind is LocationKind.DISK]
        local = {config.id: config for config in configs if self._locations.is_local(config)}
        if local.keys() == self._known and time.monotonic() - self._sampled_at < SAMPLE_SECONDS:
            return
        self._sampled_at, self._known = time.monotonic(), frozenset(local)
        measured = {
            name: measure_disk(Path(config.root) if config.root else self._data) for name, config in local.items()
        }
        found: dict[str, DiskUse] = {name: use for name, use in measured.items() if use}
        now = self._now()
        with self._database.write_transaction() as connection:
            for name, use in found.items():
                disk_samples.save(connection, name, DiskSample(sampled_at=now, free=use.free, size=use.size))
