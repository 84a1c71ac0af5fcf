"""Clients of a site under fire: each does one deed after the other and knows what a right answer is. No fault lives here."""

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

TIMEOUT_SECONDS = 60.0  # of a client; longer than anything should take
PAUSE_SECONDS = 1.0  # at most, between two deeds of a client
LARGE_SECONDS = 400  # of audio: 3.2 MB
RETRY_CODE = "0390005"  # the code that invites to try again
GATEWAY_STATUSES = (502, 503, 504)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequest:
    """One request, and how its answer is judged."""

    operation: str
    fields: dict[str, Any]
    expected_body: bytes = b""  # the right body; empty: `is_right` knows
    is_valid: Callable[[bytes], bool] = bool
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class LoadTally:
    """What came of requests while one fault lasted. For any thread."""

    counts: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)  # of failures
    succeeded_at: float = field(default_factory=time.monotonic)
    failed_at: float = 0.0  # the last time
    outage: float = 0.0  # longest time without a success
    slowest: float = 0.0
    exports: list[str] = field(default_factory=list)
    uploads: list[tuple[str, bytes]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def record(self, outcome: str, code: str, seconds: float) -> None:
        """One more request."""
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
        """The fault is over: what is silent now counts until now."""
        self.outage = max(self.outage, time.monotonic() - self.succeeded_at)


class LoadClients:
    """Clients of one app that ask until they are told to stop; their deeds go to whichever tally is set."""

    def __init__(self, site: FullSite, number: int) -> None:
        self._site, self._client = site, create_client(site.nginx, site.tenants.acme)
        self.tally = LoadTally()
        self._all_uploads: list[tuple[str, bytes]] = []
        self._recordings = list(_add_recordings(site))
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._run_client, args=(one,), daemon=True) for one in range(number)]

    def start(self) -> None:
        """All begin."""
        for one in self._threads:
            one.start()

    def stop(self) -> None:
        """All end what they are at."""
        self._stopped.set()
        for one in self._threads:
            one.join(2 * TIMEOUT_SECONDS)
            assert not one.is_alive()

    def start_tally(self) -> LoadTally:
        """A fresh tally from now on."""
        self.tally = LoadTally()
        return self.tally

    def _run_client(self, number: int) -> None:
        chance = random.Random(number)
        while not self._stopped.wait(chance.uniform(0, PAUSE_SECONDS)):
            getattr(self, chance.choices(list(REQUEST_WEIGHTS), list(REQUEST_WEIGHTS.values()))[0])(chance)

    def _perform(self, deed: LoadRequest) -> bytes:
        """The body of a right answer; empty where there was none."""
        tally, began = self.tally, time.monotonic()
        outcome, code, body = send_and_judge(self._client, deed)
        tally.record(outcome, code, time.monotonic() - began)
        return body if outcome == "good" else b""

    def whole(self, chance: random.Random) -> None:
        """A recording, whole."""
        recording, sound = chance.choice(self._recordings)
        self._perform(
            LoadRequest(operation="downloadRecordFile", fields={"fileName": recording.file_name}, expected_body=sound)
        )

    def range(self, chance: random.Random) -> None:
        """A part of a recording, as a player asks for it."""
        recording, sound = chance.choice(self._recordings)
        start = chance.randrange(len(sound))
        end = min(len(sound), start + chance.choice((1, 1000, 65_536, 1_500_000)))
        wanted = {"range": f"bytes={start}-{end - 1}"}
        fields = {"fileName": recording.file_name}
        self._perform(
            LoadRequest(operation="downloadRecordFile", fields=fields, expected_body=sound[start:end], headers=wanted)
        )

    def call(self, chance: random.Random) -> None:
        """A call whose recordings lie in all places: a zip."""
        size = chance.choice(("1", str(LARGE_SECONDS)))
        sounds = {sound for recording, sound in self._recordings if recording.call_id == size}
        self._perform(
            LoadRequest(
                operation="downloadRecord", fields={"callId": size}, is_valid=lambda body: is_zip_of(body, sounds)
            )
        )

    def upload(self, chance: random.Random) -> None:
        """A voice file, which must be there from then on."""
        sound, tally = make_a_law_wav(chance.randrange(256), chance.choice((1, 3, 40))), self.tally
        fields = {"data": base64.b64encode(sound).decode()}
        target = f"ivr/uploadFile?vdnId={self._site.tenants.acme.vdn}"
        if body := self._perform(LoadRequest(operation=target, fields=fields, is_valid=_is_success)):
            kept = (json.loads(body)["resultData"]["fileName"], sound)
            tally.uploads.append(kept)
            self._all_uploads.append(kept)

    def again(self, chance: random.Random) -> None:
        """A voice file that somebody uploaded before."""
        if self._all_uploads:
            name, sound = chance.choice(self._all_uploads)
            self._perform(LoadRequest(operation="ivr/downloadFile", fields={"filePath": name}, expected_body=sound))

    def export(self, _chance: random.Random) -> None:
        """An export, which must be announced."""
        fields, tally = {**DAY_PERIOD, "callBackURL": self._site.receiver.url}, self.tally
        if body := self._perform(LoadRequest(operation="queryBillData", fields=fields, is_valid=_is_success)):
            tally.exports.append(json.loads(body)["resultData"]["responseId"])


REQUEST_WEIGHTS = {"whole": 30, "range": 30, "call": 5, "upload": 8, "again": 10, "export": 3}  # of 86


def send_and_judge(client: ApiClient, deed: LoadRequest) -> tuple[str, str, bytes]:
    """What came of it, the code of a failure, and the body.

    "good", "clean" (told before the first byte, and how), "cut" (a body that is short by its length), "hung", "odd" (a
    code or status that tells of no fault), "wrong" (bytes that are not the right ones).
    """
    target, headers = BASE_PATH + deed.operation, {**deed.headers}
    data = client.build_body(deed.fields)
    connection = http.client.HTTPConnection("127.0.0.1", client.server.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("POST", target, data, {**client.sign_headers(target, data), **headers})
        response = connection.getresponse()
    except TimeoutError:
        return "hung", "no answer", b""
    except (OSError, http.client.HTTPException) as error:
        return "clean", type(error).__name__, b""
    else:
        return _judge_response(response, deed)
    finally:
        connection.close()


def _judge_response(response: http.client.HTTPResponse, deed: LoadRequest) -> tuple[str, str, bytes]:
    try:
        body = response.read()
    except http.client.IncompleteRead as error:
        is_right = not deed.expected_body or deed.expected_body.startswith(error.partial)
        return "cut" if is_right else "wrong", "short body", b""
    except TimeoutError:
        return "hung", "no more of a body", b""
    except OSError as error:
        return "cut", type(error).__name__, b""
    if response.status in GATEWAY_STATUSES:
        return "clean", str(response.status), b""
    if response.status not in (200, 206):
        return "odd", str(response.status), b""
    if body == deed.expected_body if deed.expected_body else deed.is_valid(body):
        return "good", "", body
    code = _parse_code(body)
    return ("clean" if code == RETRY_CODE else "odd", code, b"") if code else ("wrong", "bytes", b"")


def _parse_code(body: bytes) -> str:
    """The code of a failure; empty where the body is none."""
    try:
        return str(json.loads(body)["resultCode"])
    except (ValueError, KeyError, TypeError):
        return ""


def _is_success(body: bytes) -> bool:
    return _parse_code(body) == "0"


def is_zip_of(body: bytes, sounds: set[bytes] | None = None) -> bool:
    """Whether the body is a zip, whole, of these members, where they are given."""
    try:
        with zipfile.ZipFile(BytesIO(body)) as archive:
            if archive.testzip() is not None or not archive.namelist():
                return False
            return sounds is None or {archive.read(name) for name in archive.namelist()} == sounds
    except zipfile.BadZipFile:
        return False


def _add_recordings(site: FullSite) -> list[tuple[Recording, bytes]]:
    """Recordings in every place: a short and a long one, each of the call that is named by its seconds."""
    found = []
    for number, (place, location) in enumerate(site.locations.items()):
        for seconds in (1, LARGE_SECONDS):
            sound = make_a_law_wav(200 + number, seconds)
            kept = location.write(f"{site.tenants.acme.app.id}/fire/{number}-{seconds}", [sound])
            name = f"{place.replace(' ', '-')}-{seconds}.V3"
            names = f"/0/1/record/fire/{name}", f"Y:/4/0/fire/{name}"
            more: dict[str, Any] = {"vdn_id": str(site.tenants.acme.vdn), "call_id": str(seconds), "call_begin": BEGIN}
            node = site.nodes["a"].node
            found.append((add_recording(node, site.tenants.acme.app, kept, *names, **more), sound))
    return found
