"""The locations of this process, opened on first use, and the primary location, which stores new blobs."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping

from sqlalchemy.exc import SQLAlchemyError

from ccfs.blobs.interface import Location
from ccfs.db.change_counter import ChangeCounterCache
from ccfs.db.engine import Database
from ccfs.db.system.storage import locations
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import LocationUnreachable
from ccfs.model.blobs.location_config import LocationConfig


class Locations(Mapping[str, Location]):
    """All locations by id, including those added while the process runs. Thread-safe."""

    def __init__(self, database: Database, node: str, open_location: Callable[[LocationConfig], Location]) -> None:
        """`node` is this node's id."""
        self._node = node
        self._open_location = open_location
        self._open_locations: dict[str, Location] = {}
        self._configs = ChangeCounterCache[Mapping[str, LocationConfig]](database, locations.CHANGE_COUNTER)
        self._lock = threading.Lock()

    def __getitem__(self, location_id: str) -> Location:
        """Return the location. Raises KeyError if no location has that id."""
        location = self._open_locations.get(location_id)
        if location is not None:
            return location
        config = self.get_configs()[location_id]
        with self._lock:
            if location_id not in self._open_locations:
                self._open_locations[location_id] = self._open_location(config)
            return self._open_locations[location_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.get_configs())

    def __len__(self) -> int:
        return len(self.get_configs())

    def is_local(self, config: LocationConfig) -> bool:
        """Return whether this node accesses the location directly, not through another node."""
        return config.is_local(self._node)

    @property
    def node(self) -> str:
        """This node's id."""
        return self._node

    def open_config(self, config: LocationConfig) -> Location:
        """Return the location of a row that is not added yet. Raises OperatorError, or OSError if it cannot be opened."""
        return self._open_location(config)

    def list_remote_ids(self) -> list[str]:
        """Return the ids of all locations that are not local."""
        return [config.id for config in self.get_configs().values() if not self.is_local(config)]

    def get_configs(self) -> Mapping[str, LocationConfig]:
        """Return the current location rows by id. Raises LocationUnreachable if the database does not respond."""
        try:
            return self._configs.get(locations.get_all)[1]
        except SQLAlchemyError as error:
            raise LocationUnreachable("the locations are unknown: the database does not answer") from error


class PrimaryLocation:
    """The location for new blobs.

    It reads its row before each write, so that nothing is written to it once it is draining.
    """

    def __init__(self, locations: Locations, location_id: str) -> None:
        self._locations = locations
        self.location_id = location_id

    def write(self, key: str, chunks: Iterable[bytes]) -> BlobRef:
        """See Location. Raises LocationUnreachable if the location is draining, read-only or missing."""
        config = self._locations.get_configs().get(self.location_id)
        if config is None or not config.is_accepting_blobs:
            raise LocationUnreachable(f"location {self.location_id} accepts no new bytes")
        return self._location.write(key, chunks)

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """See Location."""
        return self._location.read(key, start, end)

    def get_size(self, key: str) -> int:
        """See Location."""
        return self._location.get_size(key)

    def delete(self, key: str) -> None:
        """See Location."""
        self._location.delete(key)

    def get_path(self, key: str) -> str | None:
        """See Location."""
        return self._location.get_path(key)

    def delete_partial_uploads(self, older_than_seconds: float) -> int:
        """See Location."""
        return self._location.delete_partial_uploads(older_than_seconds)

    @property
    def _location(self) -> Location:
        try:
            return self._locations[self.location_id]
        except KeyError:
            raise LocationUnreachable(
                f"there is no location {self.location_id}; `ccfs location list` shows all"
            ) from None
