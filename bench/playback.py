"""Playback of an hour-long recording in the console, compared with `ffmpeg`: first audio, transcoding, waveforms.

    scripts/bench playback [--json] [--rounds N]

Per codec: milliseconds from the request to the first 16 KB of audio, from the beginning and from the middle, and those of a new
ffmpeg process that writes a WAV to a pipe, both in turn. Then the seconds of transcoding an hour to MP3, Opus and WAV. Last, the
response time of `/healthz` while the same process computes the waveform of an hour. Needs ffmpeg, which also creates the files.
"""

import argparse
import http.client
import shutil
import subprocess
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

import _servers as servers

from ccfs.db.system import tenants
from ccfs.db.system.console import sessions, users
from ccfs.db.tenant import recordings
from ccfs.model.identity.tenancy import Account, Vdn
from ccfs.model.identity.user import Grant, Role
from ccfs.model.recordings.recording import Recording
from ccfs.server.node import Node
from ccfs.settings import load_settings

HOUR_SECONDS = 3600
FIRST_AUDIO_BYTES = 16_384  # one second at 8 kHz
CODINGS = {
    "GSM in WAV": ("wav", ["-c:a", "libgsm_ms"]),
    "G.722 in WAV": ("wav", ["-c:a", "adpcm_g722", "-ar", "16000"]),
    "IMA ADPCM in WAV": ("wav", ["-c:a", "adpcm_ima_wav"]),
    "MP3 in WAV": ("wav", ["-c:a", "libmp3lame", "-b:a", "32k"]),
    "Speex in Ogg": ("ogg", ["-c:a", "libspeex"]),
    "A-law (as stored)": ("wav", ["-c:a", "pcm_alaw"]),
    "MP3 (as stored)": ("mp3", ["-c:a", "libmp3lame", "-b:a", "32k"]),
}
FORMAT_OPTIONS = {
    "wav": ["-f", "wav"],
    "mp3": ["-c:a", "libmp3lame", "-b:a", "32k", "-f", "mp3"],
    "opus": ["-c:a", "libopus", "-b:a", "24k", "-f", "ogg"],
}
SPEECH = "sine=300:r=8000:d=3600,tremolo=f=3:d=0.9"


def encode_recordings(work: Path) -> dict[str, Path]:
    """Create a recording of an hour for each codec."""
    files: dict[str, Path] = {}
    for label, (ending, options) in CODINGS.items():
        files[label] = work / f"{len(files)}.{ending}"
        ffmpeg = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", SPEECH, *options, str(files[label])]
        subprocess.run(ffmpeg, check=True, timeout=600)
    return files


def insert_recordings(data: Path, files: dict[str, Path]) -> str:
    """Insert the recordings and a session of an operator. Return its cookie."""
    node, now = Node(load_settings({}, data=data)), datetime.now(UTC)
    with node.database.write_transaction() as connection:
        app = tenants.add_app(connection, "bench", "BENCH", now)
        vdn = Vdn(vdn_id=1, cc_id=1, account_id="bench")
        tenants.add_account(connection, app, Account(account_id="bench"), vdn, now)
        user = users.add(connection, "bench", "", now)
        users.grant_role(connection, user, Grant(role=Role.OPERATOR))
        token = "t" * 43
        sessions.create(connection, user, token, now)
        for file in files.values():
            blob = node.disk.write(f"1/bench/{file.name}", [file.read_bytes()])
            row = Recording(
                account_id="bench",
                cc_id="1",
                vdn_id="1",
                call_id="1704067200-1",
                call_begin=now,
                call_end=now + timedelta(seconds=HOUR_SECONDS),
                file_name=f"/{file.name}",
                original_file_name=f"Y:/{file.name}",
                blob=blob,
                source_sha256=blob.sha256,
            )
            recordings.add(connection, app, row, now)
    node.database.close()
    return f"ccfs_session={token}"


def request_audio(
    port: int, cookie: str, page: str, file: Path, byte_range: str = "", min_bytes: int = 0, output_format: str = ""
) -> tuple[float, int]:
    """Request audio. Return the seconds until `min_bytes`, or with 0 all bytes, arrived, and the total size."""
    path = f"/console/{page}?" + urlencode({"in": "BENCH/bench", "name": f"/{file.name}", "as": output_format})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    began = time.perf_counter()
    connection.request("GET", path, headers={"cookie": cookie} | ({"range": byte_range} if byte_range else {}))
    response = connection.getresponse()
    if response.status not in (200, 206):
        raise SystemExit(f"{path}: {response.status}")
    chunks = iter(lambda: response.read(1 << 16), b"")
    received = len(response.read(min_bytes)) if min_bytes else sum(map(len, chunks))
    seconds = time.perf_counter() - began
    size = int((response.getheader("content-range") or f"/{received}").rpartition("/")[2])
    connection.close()
    return seconds, size


def run_ffmpeg(file: Path, options: list[str], at: int = 0, min_bytes: int = 0) -> float:
    """Do the same by a new ffmpeg process. Return its seconds."""
    command = ["ffmpeg", "-v", "error", "-ss", str(at), "-i", str(file), *options, "-"]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as child:
        assert child.stdout
        if min_bytes:
            child.stdout.read(min_bytes)
        else:
            while child.stdout.read(1 << 16):
                pass
        seconds = time.perf_counter() - began
        child.kill()
    return seconds


def measure_first_audio(port: int, cookie: str, files: dict[str, Path], rounds: int) -> list[dict[str, Any]]:
    rows = []
    for label, file in files.items():
        for position, at in (("beginning", 0), ("middle", HOUR_SECONDS // 2)):
            size = request_audio(port, cookie, "audio", file, "bytes=0-0")[1]
            byte_range = f"bytes={size // 2 if at else 0}-"
            pairs = [
                (
                    request_audio(port, cookie, "audio", file, byte_range, FIRST_AUDIO_BYTES)[0],
                    run_ffmpeg(file, FORMAT_OPTIONS["wav"], at, FIRST_AUDIO_BYTES),
                )
                for _ in range(rounds)
            ]
            rows.append(build_row(f"first audio, {label}, {position}", pairs, 1000, "ms"))
    return rows


def measure_formats(port: int, cookie: str, file: Path, rounds: int) -> list[dict[str, Any]]:
    rows = []
    for output_format, options in FORMAT_OPTIONS.items():
        pairs = [
            (request_audio(port, cookie, "download", file, output_format=output_format)[0], run_ffmpeg(file, options))
            for _ in range(rounds)
        ]
        rows.append(build_row(f"an hour of GSM to {output_format}", pairs, 1, "s"))
    return rows


def build_row(measurement: str, pairs: list[tuple[float, float]], factor: float, unit: str) -> dict[str, Any]:
    """Return a row of pairs of seconds, ccfs and ffmpeg."""
    ours, theirs = [seconds for seconds, _ in pairs], [seconds for _, seconds in pairs]
    ratio = servers.compare_pairs(ours, theirs)
    return {
        "measurement": measurement,
        "ccfs": f"{median(ours) * factor:.1f} {unit}",
        "ffmpeg": f"{median(theirs) * factor:.1f} {unit}",
        "time ccfs:ffmpeg": ratio["median"],
        "min": ratio["min"],
        "max": ratio["max"],
    }


def measure_healthz_during_waveform(port: int, cookie: str, files: dict[str, Path]) -> list[dict[str, Any]]:
    """Measure /healthz of the same process, idle and while it computes each waveform for the first time."""

    def measure_healthz() -> float:
        began = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        connection.close()
        return time.perf_counter() - began

    rows, idle = [], sorted(measure_healthz() for _ in range(100))
    for label, file in files.items():
        waveform_request = threading.Thread(target=request_audio, args=(port, cookie, "waveform", file))
        began, times = time.perf_counter(), []
        waveform_request.start()
        while waveform_request.is_alive():
            times.append(measure_healthz())
            time.sleep(0.005)
        seconds = time.perf_counter() - began
        times.sort()
        rows.append(
            {
                "measurement": f"/healthz during the waveform of {label} ({seconds:.1f} s)",
                "ccfs": f"median {median(times) * 1000:.1f} ms, worst {times[-1] * 1000:.0f} ms",
                "ffmpeg": "",
                "time ccfs:ffmpeg": "",
                "min": f"idle {median(idle) * 1000:.1f} ms",
                "max": "",
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if shutil.which("ffmpeg") is None:
        raise SystemExit("this benchmark needs ffmpeg (apt-get install ffmpeg)")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (data := work / "data").mkdir()
        files = encode_recordings(work)
        cookie = insert_recordings(data, files)
        with servers.run_ccfs(data, {"CCFS_LOG_REQUESTS": "false"}) as (port, pid):
            rows = measure_first_audio(port, cookie, files, options.rounds)
            rows += measure_healthz_during_waveform(port, cookie, files)
            before = servers.measure_rss_mb(pid)
            rows += measure_formats(port, cookie, files["GSM in WAV"], max(options.rounds // 2, 1))
            memory = f"{before:.0f} MB before, {servers.measure_rss_mb(pid):.0f} MB after"
            rows.append({**dict.fromkeys(rows[0], ""), "measurement": "memory of the server", "ccfs": memory})
    servers.report("playback of an hour, compared with ffmpeg", rows, options.json)


if __name__ == "__main__":
    main()
