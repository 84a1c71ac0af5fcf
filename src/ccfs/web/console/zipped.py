"""The bytes of a selection's zip, any range of them, read from wherever the recordings are at that moment. No page here."""

from collections.abc import Iterable, Iterator

from ccfs.model.recording import Kept
from ccfs.model.selection import Taken
from ccfs.model.selection_zip import Made, cut, head, tail
from ccfs.model.tenancy import App
from ccfs.store import selected
from ccfs.store.locations.port import Gone
from ccfs.store.selections import Shown
from ccfs.web.answers import Flow
from ccfs.web.here import Here

GATHERED = 1 << 18  # bytes: smaller pieces are put together


def flow_of(here: Here, app: App, shown: Shown, whole: Made) -> Flow:
    """The zip of a selection that is ready; its bytes never change, so that it can be resumed anywhere."""
    return Flow(
        chunks=lambda start, end: _gathered(_bytes(here, app, shown, whole, start, end)),
        size=whole.size,
        name=shown.selection.file_name,
        etag=f'"{whole.tag}"',
    )


def _bytes(here: Here, app: App, shown: Shown, whole: Made, start: int, end: int) -> Iterator[bytes]:
    of = selected.contents(here.database, app, shown.selection, shown.progress)
    if start < of.files_end:
        yield from _files(here, app, shown, start, end)
    if end > of.files_end:
        yield from cut(tail(of, whole), of.files_end, start, end)


def _files(here: Here, app: App, shown: Shown, start: int, end: int) -> Iterator[bytes]:
    """Of the recordings and what lies before each; what comes before `start` is not looked at."""
    number = shown.selection.id
    with here.database.reading() as connection:
        first = selected.number_at(connection, app, number, start)
    for one in selected.every(here.database, app, number, first - 1):
        if one.missing:
            continue
        if one.at >= end:
            return
        before = head(one, shown.selection.zoneinfo)
        yield from cut([before], one.at, start, end)
        begin = one.at + len(before)
        if begin + one.size > start and begin < end:
            yield from _recording(here, app, one, max(start - begin, 0), min(end - begin, one.size))


def _recording(here: Here, app: App, one: Taken, low: int, high: int) -> Iterator[bytes]:
    """Its bytes [low, high). Raises Gone, if need be after some of them, rather than give others."""
    at = low
    for kept in _places(here, app, one):
        try:
            location = here.locations[kept.location_id]
            if location.size(kept.key) != one.size:
                continue
            for chunk in location.read(kept.key, at, high):
                at += len(chunk)
                yield chunk
        except (KeyError, Gone, OSError):
            continue
        if at == high:
            return
    raise Gone(one.file_name)


def _places(here: Here, app: App, one: Taken) -> Iterator[Kept]:
    """Where its row says; where it says now, if the bytes were moved meanwhile; where a copy is."""
    first = _place(here, app, one)
    yield first
    again = _place(here, app, one)
    if again != first:
        yield again
    if again.sha256 and (copy := here.elsewhere.find(again)):
        yield copy


def _place(here: Here, app: App, one: Taken) -> Kept:
    kept = selected.place(here.database, app, one)
    if kept.size != one.size or kept.sha256 not in ("", one.sha256):
        raise Gone(one.file_name)
    return kept


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, small pieces joined."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= GATHERED:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)
