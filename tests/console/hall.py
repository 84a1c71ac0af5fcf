"""A server with many recordings, some of them broken, for tests of taking along; and what a person does there. No test here."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from ccfs.db.tenant import cdrs
from ccfs.model.recordings.recording import Recording
from ccfs.server.node import Node
from tests.cast import a_law, keep_recording, path_of
from tests.console.floor import BEGIN, Floor, furnish, leg
from tests.console.visitor import Visitor
from tests.web.callers import Reply
from tests.web.serving import Server, serving

CALLS = 40
CALLER = "02079461111"  # of all these calls
SLOW = 30  # seconds that a test waits at most
GONE, SHORT, OTHER = 3, 7, 11  # numbers of recordings that are broken


@dataclass(frozen=True, slots=True, kw_only=True)
class Hall:
    """What there is."""

    server: Server
    floor: Floor
    tapes: list[Recording]  # of CALLER, in order of time

    @property
    def whole(self) -> list[Recording]:
        """Those that can be taken."""
        return [tape for number, tape in enumerate(self.tapes) if number not in (GONE, SHORT, OTHER)]


def fill(server: Server) -> Hall:
    """Calls with a recording of up to 2 MB each, and three whose files are gone, cut short, changed."""
    node = server.node
    floor = furnish(node)
    tapes = [_taped(node, floor, number) for number in range(CALLS)]
    path_of(node, tapes[GONE].blob).unlink()
    with path_of(node, tapes[SHORT].blob).open("r+b") as file:
        file.truncate(1000)
    with path_of(node, tapes[OTHER].blob).open("r+b") as file:
        file.seek(100)
        file.write(b"other")
    return Hall(server=server, floor=floor, tapes=tapes)


def _taped(node: Node, floor: Floor, number: int) -> Recording:
    call_id, app = f"1700001000-{number}", floor.acme
    begin = BEGIN + timedelta(minutes=number)
    more = {"caller_no": CALLER, "caller_name": '=HYPERLINK("http://x")', "switch_call_id": f"hall-{number}"}
    with node.database.write_transaction() as connection:
        cdrs.add(connection, app, [leg("acme-account", call_id, number, **more)])
    return keep_recording(
        node,
        app,
        a_law(number + 10, 1 + number * 6),
        f"/0/1/record/hall/{number}.V3",
        f"Y:/4/0/hall/{number}.V3",
        account_id="acme-account",
        call_id=call_id,
        caller_no="../../etc" if number == 5 else CALLER,
        agent_id="坐席 7" if number == 6 else "512",
        call_begin=begin,
        call_end=begin + timedelta(minutes=1),
        current_skill_id="=cmd" if number == 5 else "sales",
    )


@contextmanager
def a_hall(data: Path, search_csv_rows: int = 100_000) -> Iterator[Hall]:
    """A server of its own over a filled folder."""
    with serving(data, lock_failures=0, search_csv_rows=search_csv_rows) as server:
        yield fill(server)


def ask(visitor: Visitor, place: str, **form: str) -> str:
    """Ask for a selection; the query of its page."""
    reply = visitor.post("/console/takes", **{"in": place, **form})
    assert reply.status == 303, reply.body
    return reply.headers["location"].partition("?")[2]


def ready(visitor: Visitor, query: str) -> str:
    """The page of a selection once it is ready."""
    give_up = time.monotonic() + SLOW
    while time.monotonic() < give_up:
        page = visitor.get(f"/console/take?{query}").body.decode()
        if "/console/take/zip?" in page:
            return page
        assert "Being prepared" in page, page
        time.sleep(0.1)
    raise AssertionError("it did not become ready")


def fetch(visitor: Visitor, query: str, **headers: str) -> Reply:
    """The zip, or a part of it."""
    return visitor.get(f"/console/take/zip?{query}", **headers)


def all_of(place: str, **more: str) -> dict[str, str]:
    """What the form of a search for these calls sends."""
    return {"in": place, "all": "yes", "caller": CALLER, "when": "30", "sort": "oldest", **more}


def kill(server: Server) -> None:
    """All of its processes, as a power cut does."""
    listed = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    for pid in (server.process.pid, *map(int, listed)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    server.process.wait()
