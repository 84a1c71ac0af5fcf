"""Clients that put a site under load: each sends one request after the other and verifies the responses."""

import base64
import http.client
import json
import random
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from ccfs.model.recordings.recording import Recording
from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import ApiClient, create_client
from tests.api.callback_client import DAY_PERIOD
from tests.nodes.full_site import FullSite
from tests.two_tenants import BEGIN, add_recording, make_a_law_wav

TIMEOUT_SECONDS = 60.0  # longer than any response should take
PAUSE_SECONDS = 1.0  # maximum pause between two requests of a client
LARGE_SECONDS = 400  # 3.2 MB of audio
RETRY_CODE = "0390005"  # file unavailable, try again later
GATEWAY_STATUSES = (502, 503, 504)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequest:
    """One request, and how its response is judged."""

    operation: str
    fields: dict[str, Any]
    expected_body: bytes = b""  # empty: `is_valid` judges
    is_valid: Callable[[bytes], bool] = bool
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class LoadTally:
    """Outcomes of the requests during one fault. Thread-safe."""

    counts: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)  # of failures
    succeeded_at: float = field(default_factory=time.monotonic)
    failed_at: float = 0.0  # last failure
    outage: float = 0.0  # longest time without a success
    slowest: float = 0.0
    exports: list[str] = field(default_factory=list)
    uploads: list[tuple[str, bytes]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def record(self, outcome: str, code: str, seconds: float) -> None:
        """Record the outcome of a request."""
        with self.lock:
            now = time.monotonic()
            self.counts[outcome] += 1
            self.slowest = max(self.slowest, seconds)
            if outcome == "good":
                self.outage, self.succeeded_at = max(self.outage, now - self.succeeded_at), now
            else:
                self.codes[code] += 1
                self.failed_at = now

    def close(self) -> None:
        """End the tally: an outage that is not over counts until now."""
        self.outage = max(self.outage, time.monotonic() - self.succeeded_at)


class LoadClients:
    """Clients of one app that send requests until `stop` and record them in the current tally."""

    def __init__(self, site: FullSite, number: int) -> None:
        self._site, self._client = site, create_client(site.nginx, site.tenants.acme)
        self.tally = LoadTally()
        self._all_uploads: list[tuple[str, bytes]] = []
        self._recordings = list(_add_recordings(site))
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._run_client, args=(client,), daemon=True) for client in range(number)
        ]

    def start(self) -> None:
        """Start all clients."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let all clients finish their requests."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(2 * TIMEOUT_SECONDS)
            assert not thread.is_alive()

    def start_tally(self) -> LoadTally:
        """Start a new tally."""
        self.tally = LoadTally()
        return self.tally

    def _run_client(self, number: int) -> None:
        generator = random.Random(number)
        while not self._stopped.wait(generator.uniform(0, PAUSE_SECONDS)):
            getattr(self, generator.choices(list(REQUEST_WEIGHTS), list(REQUEST_WEIGHTS.values()))[0])(generator)

    def _perform(self, request: LoadRequest) -> bytes:
        """Send a request and record its outcome. Return the body of a valid response, else nothing."""
        tally, began = self.tally, time.monotonic()
        outcome, code, body = send_and_judge(self._client, request)
        tally.record(outcome, code, time.monotonic() - began)
        return body if outcome == "good" else b""

    def download(self, generator: random.Random) -> None:
        """Download a whole recording."""
        recording, audio = generator.choice(self._recordings)
        self._perform(
            LoadRequest(operation="downloadRecordFile", fields={"fileName": recording.file_name}, expected_body=audio)
        )

    def range(self, generator: random.Random) -> None:
        """Download a part of a recording, like a player."""
        recording, audio = generator.choice(self._recordings)
        start = generator.randrange(len(audio))
        end = min(len(audio), start + generator.choice((1, 1000, 65_536, 1_500_000)))
        headers = {"range": f"bytes={start}-{end - 1}"}
        fields = {"fileName": recording.file_name}
        self._perform(
            LoadRequest(operation="downloadRecordFile", fields=fields, expected_body=audio[start:end], headers=headers)
        )

    def call(self, generator: random.Random) -> None:
        """Download the recordings of a call, which are in all locations, as a zip."""
        size = generator.choice(("1", str(LARGE_SECONDS)))
        audios = {audio for recording, audio in self._recordings if recording.call_id == size}
        self._perform(
            LoadRequest(
                operation="downloadRecord", fields={"callId": size}, is_valid=lambda body: is_zip_of(body, audios)
            )
        )

    def upload(self, generator: random.Random) -> None:
        """Upload a voice file, which must exist from then on."""
        audio, tally = make_a_law_wav(generator.randrange(256), generator.choice((1, 3, 40))), self.tally
        fields = {"data": base64.b64encode(audio).decode()}
        target = f"ivr/uploadFile?vdnId={self._site.tenants.acme.vdn}"
        if body := self._perform(LoadRequest(operation=target, fields=fields, is_valid=_is_success)):
            upload = (json.loads(body)["resultData"]["fileName"], audio)
            tally.uploads.append(upload)
            self._all_uploads.append(upload)

    def download_upload(self, generator: random.Random) -> None:
        """Download a voice file that a client uploaded before."""
        if self._all_uploads:
            name, audio = generator.choice(self._all_uploads)
            self._perform(LoadRequest(operation="ivr/downloadFile", fields={"filePath": name}, expected_body=audio))

    def export(self, _chance: random.Random) -> None:
        """Request an export, which must be announced."""
        fields, tally = {**DAY_PERIOD, "callBackURL": self._site.receiver.url}, self.tally
        if body := self._perform(LoadRequest(operation="queryBillData", fields=fields, is_valid=_is_success)):
            tally.exports.append(json.loads(body)["resultData"]["responseId"])


REQUEST_WEIGHTS = {"download": 30, "range": 30, "call": 5, "upload": 8, "download_upload": 10, "export": 3}  # of 86


def send_and_judge(client: ApiClient, request: LoadRequest) -> tuple[str, str, bytes]:
    """Send a request. Return its outcome, the code of a failure, and the body.

    Outcomes: "good", "clean" (a failure reported before the first byte), "truncated" (a body shorter than its length),
    "timed out", "unexpected" (a code or status that fits no fault), "wrong" (wrong bytes).
    """
    target, headers = BASE_PATH + request.operation, {**request.headers}
    data = client.build_body(request.fields)
    connection = http.client.HTTPConnection("127.0.0.1", client.server.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("POST", target, data, {**client.sign_headers(target, data), **headers})
        response = connection.getresponse()
    except TimeoutError:
        return "timed out", "no response", b""
    except (OSError, http.client.HTTPException) as error:
        return "clean", type(error).__name__, b""
    else:
        return _judge_response(response, request)
    finally:
        connection.close()


def _judge_response(response: http.client.HTTPResponse, request: LoadRequest) -> tuple[str, str, bytes]:
    try:
        body = response.read()
    except http.client.IncompleteRead as error:
        is_prefix = not request.expected_body or request.expected_body.startswith(error.partial)
        return "truncated" if is_prefix else "wrong", "short body", b""
    except TimeoutError:
        return "timed out", "incomplete body", b""
    except OSError as error:
        return "truncated", type(error).__name__, b""
    if response.status in GATEWAY_STATUSES:
        return "clean", str(response.status), b""
    if response.status not in (200, 206):
        return "unexpected", str(response.status), b""
    if body == request.expected_body if request.expected_body else request.is_valid(body):
        return "good", "", body
    code = _parse_code(body)
    return ("clean" if code == RETRY_CODE else "unexpected", code, b"") if code else ("wrong", "bytes", b"")


def _parse_code(body: bytes) -> str:
    """Return the code of a failure, "" if the body is not one."""
    try:
        return str(json.loads(body)["resultCode"])
    except (ValueError, KeyError, TypeError):
        return ""


def _is_success(body: bytes) -> bool:
    return _parse_code(body) == "0"


def is_zip_of(body: bytes, audios: set[bytes] | None = None) -> bool:
    """Whether the body is a complete zip, with these members if they are given."""
    try:
        with zipfile.ZipFile(BytesIO(body)) as archive:
            if archive.testzip() is not None or not archive.namelist():
                return False
            return audios is None or {archive.read(name) for name in archive.namelist()} == audios
    except zipfile.BadZipFile:
        return False


def _add_recordings(site: FullSite) -> list[tuple[Recording, bytes]]:
    """Add a short and a long recording to every location; the callId is the duration in seconds."""
    added = []
    for number, (location_name, location) in enumerate(site.locations.items()):
        for seconds in (1, LARGE_SECONDS):
            audio = make_a_law_wav(200 + number, seconds)
            blob = location.write(f"{site.tenants.acme.app.id}/fire/{number}-{seconds}", [audio])
            name = f"{location_name.replace(' ', '-')}-{seconds}.V3"
            names = f"/0/1/record/fire/{name}", f"Y:/4/0/fire/{name}"
            fields: dict[str, Any] = {
                "vdn_id": str(site.tenants.acme.vdn),
                "call_id": str(seconds),
                "call_begin": BEGIN,
            }
            node = site.nodes["a"].node
            added.append((add_recording(node, site.tenants.acme.app, blob, *names, **fields), audio))
    return added
