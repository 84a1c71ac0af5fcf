"""The locations of this process: opened by their rows when they are first asked for. What opens them is given."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping

from sqlalchemy.exc import SQLAlchemyError

from ccfs.blobs.interface import Location
from ccfs.db.engine import Database
from ccfs.db.system import locations
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import LocationUnreachable
from ccfs.model.blobs.location_config import LocationConfig


class Locations(Mapping[str, Location]):
    """Every location by id. A row that is added while this process runs is found when it is asked for. For any thread."""

    def __init__(self, database: Database, node: str, open_: Callable[[LocationConfig], Location]) -> None:
        """`node` is this node's id."""
        self._database = database
        self._node = node
        self._open_location = open_
        self._open_locations: dict[str, Location] = {}
        self._version = -1
        self._configs: dict[str, LocationConfig] = {}
        self._lock = threading.Lock()

    def __getitem__(self, location_id: str) -> Location:
        """The location; KeyError where there is none of that id."""
        found = self._open_locations.get(location_id)
        if found is not None:
            return found
        place = self.get_configs()[location_id]
        with self._lock:
            if location_id not in self._open_locations:
                self._open_locations[location_id] = self._open_location(place)
            return self._open_locations[location_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.get_configs())

    def __len__(self) -> int:
        return len(self.get_configs())

    def is_local(self, place: LocationConfig) -> bool:
        """Whether this node itself reads and writes there, rather than ask another node."""
        return place.is_local(self._node)

    def list_remote_ids(self) -> list[str]:
        """The ids of all that are not near."""
        return [place.id for place in self.get_configs().values() if not self.is_local(place)]

    def get_configs(self) -> Mapping[str, LocationConfig]:
        """The rows as they are now, by id: one look-up by key, and more only after a change. Unreachable without them."""
        try:
            with self._database.read_transaction() as connection:
                number = locations.get_version(connection)
                if number != self._version:
                    self._configs, self._version = locations.get_all(connection), number
        except SQLAlchemyError as error:
            raise LocationUnreachable("the database does not say which locations there are") from error
        return self._configs


class PrimaryLocation:
    """The location that takes new bytes: it looks at its row each time, so that a drained one takes none from then on."""

    def __init__(self, locations: Locations, location_id: str) -> None:
        self._locations = locations
        self.location_id = location_id

    def write(self, key: str, chunks: Iterable[bytes]) -> BlobRef:
        """See the port; Unreachable while it is draining, read-only, or not there."""
        place = self._locations.get_configs().get(self.location_id)
        if place is None or not place.is_accepting_blobs:
            raise LocationUnreachable(f"location {self.location_id} takes no new bytes")
        return self._location.write(key, chunks)

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """See the port."""
        return self._location.read(key, start, end)

    def get_size(self, key: str) -> int:
        """See the port."""
        return self._location.get_size(key)

    def delete(self, key: str) -> None:
        """See the port."""
        self._location.delete(key)

    def get_path(self, key: str) -> str | None:
        """See the port."""
        return self._location.get_path(key)

    def delete_partial_uploads(self, older_than_seconds: float) -> int:
        """See the port."""
        return self._location.delete_partial_uploads(older_than_seconds)

    @property
    def _location(self) -> Location:
        try:
            return self._locations[self.location_id]
        except KeyError:
            raise LocationUnreachable(
                f"there is no location {self.location_id}; `ccfs location list` shows all"
            ) from None
