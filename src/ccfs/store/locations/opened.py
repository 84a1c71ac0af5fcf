"""The locations of this process: opened by their rows when they are first asked for. What opens them is given."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping

from sqlalchemy.exc import SQLAlchemyError

from ccfs.model.place import Place
from ccfs.model.recording import Kept
from ccfs.store import places
from ccfs.store.db import Database
from ccfs.store.locations.port import Location, Unreachable


class Locations(Mapping[str, Location]):
    """Every location by id. A row that is added while this process runs is found when it is asked for. For any thread."""

    def __init__(self, database: Database, node: str, open_: Callable[[Place], Location]) -> None:
        """`node` is this node's id."""
        self._database = database
        self._node = node
        self._open = open_
        self._opened: dict[str, Location] = {}
        self._number = -1
        self._places: dict[str, Place] = {}
        self._lock = threading.Lock()

    def __getitem__(self, location_id: str) -> Location:
        """The location; KeyError where there is none of that id."""
        found = self._opened.get(location_id)
        if found is not None:
            return found
        place = self.places()[location_id]
        with self._lock:
            if location_id not in self._opened:
                self._opened[location_id] = self._open(place)
            return self._opened[location_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.places())

    def __len__(self) -> int:
        return len(self.places())

    def is_near(self, place: Place) -> bool:
        """Whether this node itself reads and writes there, rather than ask another node."""
        return place.is_near(self._node)

    def far(self) -> list[str]:
        """The ids of all that are not near."""
        return [place.id for place in self.places().values() if not self.is_near(place)]

    def places(self) -> Mapping[str, Place]:
        """The rows as they are now, by id: one look-up by key, and more only after a change. Unreachable without them."""
        try:
            with self._database.reading() as connection:
                number = places.change_number(connection)
                if number != self._number:
                    self._places, self._number = places.places(connection), number
        except SQLAlchemyError as error:
            raise Unreachable("the database does not say which locations there are") from error
        return self._places


class Home:
    """The location that takes new bytes: it looks at its row each time, so that a drained one takes none from then on."""

    def __init__(self, locations: Locations, location_id: str) -> None:
        self._locations = locations
        self.location_id = location_id

    def keep(self, key: str, chunks: Iterable[bytes]) -> Kept:
        """See the port; Unreachable while it is draining, read-only, or not there."""
        place = self._locations.places().get(self.location_id)
        if place is None or not place.takes_new:
            raise Unreachable(f"location {self.location_id} takes no new bytes")
        return self._there.keep(key, chunks)

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """See the port."""
        return self._there.read(key, start, end)

    def size(self, key: str) -> int:
        """See the port."""
        return self._there.size(key)

    def remove(self, key: str) -> None:
        """See the port."""
        self._there.remove(key)

    def path(self, key: str) -> str | None:
        """See the port."""
        return self._there.path(key)

    def sweep(self, older_than_seconds: float) -> int:
        """See the port."""
        return self._there.sweep(older_than_seconds)

    @property
    def _there(self) -> Location:
        try:
            return self._locations[self.location_id]
        except KeyError:
            raise Unreachable(f"there is no location {self.location_id}; `ccfs location list` shows all") from None
