"""Tries all locations that this node opens directly, so that operators learn which it cannot read before clients do."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from ccfs.blobs.registry import Locations
from ccfs.db.engine import Database
from ccfs.db.system.storage import location_checks
from ccfs.logs import get_logger
from ccfs.model.blobs.errors import BlobNotFound
from ccfs.model.blobs.location_config import LocationConfig, LocationKind
from ccfs.model.errors import OperatorError

CHECK_SECONDS: Final = 30.0  # between two attempts
ABSENT_KEY: Final = "probe/absent"  # no blob has it: asking for it costs one request and no bytes
MAX_FAILURE_LENGTH: Final = 300  # characters


class LocationChecker:
    """A step of a work loop. It logs a failure once, and its end."""

    def __init__(self, database: Database, node_id: str, locations: Locations) -> None:
        self._database, self._node_id, self._locations = database, node_id, locations
        self._failures: dict[str, str] = {}
        self._checked_at = float("-inf")  # by time.monotonic

    def __call__(self) -> None:
        """Try all locations, and store what was found: at once if there are others than before, else once in a while."""
        configs = [config for config in self._locations.get_configs().values() if self._locations.is_local(config)]
        is_new = {config.id for config in configs} != self._failures.keys()
        if not is_new and time.monotonic() - self._checked_at < CHECK_SECONDS:
            return
        self._checked_at = time.monotonic()
        failures = {config.id: self._try(config) for config in configs}
        with self._database.write_transaction() as connection:
            location_checks.save(connection, self._node_id, failures)
        for location_id, failure in failures.items():
            self._log(location_id, failure)
        self._failures = failures

    def _try(self, config: LocationConfig) -> str:
        if config.kind is LocationKind.DISK and config.root and not Path(config.root).is_dir():
            return f"there is no folder {config.root}"
        try:
            with suppress(BlobNotFound):
                self._locations[config.id].get_size(ABSENT_KEY)
        except (OSError, OperatorError, KeyError) as error:  # KeyError: it was removed just now
            return (str(error) or type(error).__name__)[:MAX_FAILURE_LENGTH]
        return ""

    def _log(self, location_id: str, failure: str) -> None:
        known = self._failures.get(location_id, "")
        if failure and failure != known:
            get_logger().warning(
                "location cannot be read", action="location_unreadable", location=location_id, reason=failure
            )
        elif known and not failure:
            get_logger().info("location can be read again", action="location_readable", location=location_id)
