"""A server with many recordings, some of them broken, for tests of bulk downloads; and requests to it."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from ccfs.db.tenant.calls import cdrs
from ccfs.model.recordings.recording import Recording
from ccfs.server.node import Node
from tests.api.api_client import Reply
from tests.console.call_centre_data import BEGIN, CallCentreData, create_call_centre, make_leg
from tests.console.console_client import ConsoleClient
from tests.server.ccfs_server import CcfsServer, run_server
from tests.two_tenants import add_recording, get_blob_path, make_a_law_wav

CALL_COUNT = 40
CALLER_NO = "02079461111"  # of all these calls
TIMEOUT_SECONDS = 30  # seconds that a test waits at most
MISSING_NUMBER, TRUNCATED_NUMBER, CHANGED_NUMBER = 3, 7, 11  # numbers of recordings that are broken


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkDownloadServer:
    """The server, its call centre and its recordings."""

    server: CcfsServer
    call_centre: CallCentreData
    recordings: list[Recording]  # of CALLER, in order of time

    @property
    def intact_recordings(self) -> list[Recording]:
        """The intact recordings."""
        return [
            recording
            for number, recording in enumerate(self.recordings)
            if number not in (MISSING_NUMBER, TRUNCATED_NUMBER, CHANGED_NUMBER)
        ]


def create_recordings(server: CcfsServer) -> BulkDownloadServer:
    """Add calls with a recording of up to 2 MB each; of three, the file is missing, truncated or changed."""
    node = server.node
    call_centre = create_call_centre(node)
    recordings = [_add_recorded_call(node, call_centre, number) for number in range(CALL_COUNT)]
    get_blob_path(node, recordings[MISSING_NUMBER].blob).unlink()
    with get_blob_path(node, recordings[TRUNCATED_NUMBER].blob).open("r+b") as file:
        file.truncate(1000)
    with get_blob_path(node, recordings[CHANGED_NUMBER].blob).open("r+b") as file:
        file.seek(100)
        file.write(b"other")
    return BulkDownloadServer(server=server, call_centre=call_centre, recordings=recordings)


def _add_recorded_call(node: Node, call_centre: CallCentreData, number: int) -> Recording:
    call_id, app = f"1700001000-{number}", call_centre.acme
    begin = BEGIN + timedelta(minutes=number)
    more = {"caller_no": CALLER_NO, "caller_name": '=HYPERLINK("http://x")', "switch_call_id": f"bulk-{number}"}
    with node.database.write_transaction() as connection:
        cdrs.add(connection, app, [make_leg("acme-account", call_id, number, **more)])
    return add_recording(
        node,
        app,
        make_a_law_wav(number + 10, 1 + number * 6),
        f"/0/1/record/bulk/{number}.V3",
        f"Y:/4/0/bulk/{number}.V3",
        account_id="acme-account",
        call_id=call_id,
        caller_no="../../etc" if number == 5 else CALLER_NO,
        agent_id="坐席 7" if number == 6 else "512",
        call_begin=begin,
        call_end=begin + timedelta(minutes=1),
        current_skill_id="=cmd" if number == 5 else "sales",
    )


@contextmanager
def run_bulk_download_server(data: Path, search_csv_rows: int = 100_000, **more: Any) -> Iterator[BulkDownloadServer]:
    """Run a server with these recordings until the block ends."""
    with run_server(data, lock_failures=0, search_csv_rows=search_csv_rows, **more) as server:
        yield create_recordings(server)


def request_bulk_download(client: ConsoleClient, account: str, **form: str) -> str:
    """Request a bulk download. Return the query of its page."""
    reply = client.post("/console/bulk-downloads", **{"account": account, **form})
    assert reply.status == 303, reply.body
    return reply.headers["location"].partition("?")[2]


def wait_until_ready(client: ConsoleClient, query: str) -> str:
    """Return the page of a bulk download once it is ready."""
    give_up = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < give_up:
        page = client.get(f"/console/bulk-download?{query}").body.decode()
        if "/console/bulk-download/zip?" in page:
            return page
        assert "Preparing" in page, page
        time.sleep(0.1)
    raise AssertionError("the bulk download did not become ready")


def download_zip(client: ConsoleClient, query: str, **headers: str) -> Reply:
    """Return the response with the zip, or a range of it."""
    return client.get(f"/console/bulk-download/zip?{query}", **headers)


def build_search_form(account: str, **more: Any) -> dict[str, str]:
    """Return the fields of a bulk download of the search for these calls."""
    return {"account": account, "all": "yes", "caller": CALLER_NO, "period": "30", "sort": "oldest", **more}


def kill_processes(server: CcfsServer) -> None:
    """Kill all processes of the server, as a power cut does."""
    listed = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    for pid in (server.process.pid, *map(int, listed)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    server.process.wait()
