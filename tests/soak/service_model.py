"""A model of the service: uploads, ingest, downloads, exports and deletions in any order, with kills of the whole server.

Hypothesis chooses the steps. What the service has accepted comes back exactly, whatever was killed in between; what it has
deleted does not come back; a step that a kill interrupted is done or not, but never by half.
"""

import base64
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from ccfs.client import CcfsClient
from ccfs.db import schema
from ccfs.db.system import tenants
from tests.ingest.ingest_site import AK, SK, VDN_ID, IngestSite, build_cdr_line, make_wav
from tests.soak.callback_journal import run_callback_receiver
from tests.soak.export_kill import REQUEST_FIELDS
from tests.soak.ingest_kill import start_ingest
from tests.soak.upload_kill import make_voice_file, run_server
from tests.waiting import wait_until

FIRST_CALL = 1_705_311_042
MAX_KILL_SECONDS = 0.3


class ServiceModel(RuleBasedStateMachine):
    """The machine; a subclass names the database."""

    url: Callable[[], str] = staticmethod(lambda: "")
    uploads = Bundle("uploads")
    recordings = Bundle("recordings")
    compared = 0  # files that came back exactly, of all runs

    @initialize()
    def start(self) -> None:
        """Create a site, a receiver of callbacks, and a server."""
        self._stack, self._server = ExitStack(), ExitStack()
        self._folder = Path(self._stack.enter_context(TemporaryDirectory()))
        self._site = IngestSite(self._folder / "site", type(self).url()).prepare()
        port = self._stack.enter_context(run_callback_receiver(self._folder / "journal"))
        self._prefix = f"http://127.0.0.1:{port}/"
        with self._site.node.database.write_transaction() as connection:
            tenants.bind_callback(connection, tenants.get_app_by_ak(connection, AK), self._prefix)
        self._lines: list[str] = []
        self._exports: list[str] = []
        self._restart()

    def _restart(self) -> None:
        self._server.close()
        self._server = ExitStack()
        self._address, self._process = self._server.enter_context(run_server(self._site))

    def _call(self, operation: str, fields: dict[str, Any]) -> tuple[dict[str, Any] | None, bytes]:
        """Return the JSON of a response, or None and its bytes."""
        with (
            closing(CcfsClient(self._address, AK, SK, timeout=60)) as client,
            client.call(operation, fields) as response,
        ):
            return response.data, b"" if response.data else b"".join(response.iter_chunks())

    @rule(target=uploads, seed=st.integers(0, 1 << 30))
    def upload(self, seed: int) -> tuple[str, bytes]:
        """Upload a voice file."""
        return self._upload(seed)

    def _upload(self, seed: int) -> tuple[str, bytes]:
        data = make_voice_file(random.Random(seed))
        answer, _ = self._call(f"ivr/uploadFile?vdnId={VDN_ID}", {"data": base64.b64encode(data).decode()})
        assert answer is not None
        assert answer["resultCode"] == "0", answer
        return answer["resultData"]["fileName"], data

    @rule(upload=uploads)
    def download_upload(self, upload: tuple[str, bytes]) -> None:
        """Download a voice file."""
        assert self._call("ivr/downloadFile", {"filePath": upload[0]}) == (None, upload[1])
        ServiceModel.compared += 1

    @rule(upload=consumes(uploads))
    def delete_upload(self, upload: tuple[str, bytes]) -> None:
        """Delete a voice file."""
        answer, _ = self._call("ivr/deleteFile", {"filePath": upload[0]})
        assert answer is not None
        assert answer["resultCode"] == "0", answer
        answer, data = self._call("ivr/downloadFile", {"filePath": upload[0]})
        assert answer is not None
        assert data == b""

    def _write_call(self) -> tuple[str, bytes]:
        number = len(self._lines)
        call = f"{FIRST_CALL + number}.{number}"
        self._lines.append(build_cdr_line(call, sequence=number, start="2024-01-15 09:30:42"))
        data = make_wav(number)
        self._site.write_recording(f"2024/01/15/in-600-02079460123-20240115-093042-{call}.wav", data)
        self._cdr = self._site.write_file("Master.csv", "".join(self._lines))
        return call.replace(".", "-"), data

    @rule(target=recordings)
    def ingest(self) -> tuple[str, bytes]:
        """Ingest a call with its recording."""
        call = self._write_call()
        self._site.ingest_asterisk(self._cdr)
        return call

    @rule(target=recordings, seconds=st.floats(0, 2))
    def ingest_with_a_kill(self, seconds: float) -> tuple[str, bytes]:
        """Kill an ingest, and run it again."""
        call = self._write_call()
        child = start_ingest(self._site, ["--cdr", str(self._cdr)])
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        self._site.ingest_asterisk(self._cdr)
        return call

    @rule(recording=recordings)
    def download_recording(self, recording: tuple[str, bytes]) -> None:
        """Download the recording of a call."""
        assert self._call("downloadRecord", {"callId": recording[0]}) == (None, recording[1])
        ServiceModel.compared += 1

    @rule()
    def export(self) -> None:
        """Ask for an export."""
        answer, _ = self._call("queryBillData", {**REQUEST_FIELDS, "callBackURL": self._prefix + "cb"})
        assert answer is not None
        assert answer["resultCode"] == "0", answer
        self._exports.append(answer["resultData"]["responseId"])

    @rule()
    def kill(self) -> None:
        """Kill all processes of the server, and start it again."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._restart()

    @rule(target=uploads, seed=st.integers(0, 1 << 30), seconds=st.floats(0, MAX_KILL_SECONDS))
    def kill_during_an_upload(self, seed: int, seconds: float) -> tuple[str, bytes]:
        """Kill the server while a file is uploaded. If that was accepted, it is there; else it is uploaded again."""
        accepted: list[tuple[str, bytes]] = []

        def upload() -> None:
            with suppress(httpx2.HTTPError):
                accepted.append(self._upload(seed))

        thread = threading.Thread(target=upload)
        thread.start()
        time.sleep(seconds)
        os.killpg(self._process.pid, signal.SIGKILL)
        thread.join()
        self._restart()
        return accepted[0] if accepted else self._upload(seed)

    @precondition(lambda self: hasattr(self, "_site"))
    @invariant()
    def no_blob_is_torn(self) -> None:
        """Every row has its bytes."""
        blobs = self._site.check_blobs()
        assert not blobs["torn"] + blobs["absent"] + blobs["twice"], blobs

    def teardown(self) -> None:
        """Wait until every export was announced, and stop the server."""
        if not hasattr(self, "_site"):
            return
        try:
            wait_until(lambda: all(number in (self._folder / "journal").read_text() for number in self._exports))
            assert len(self._site.read_rows(schema.exports)) == len(self._exports)
        finally:
            self._server.close()
            self._site.node.database.close()
            self._stack.close()
