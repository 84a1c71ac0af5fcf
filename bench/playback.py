"""Listening to an hour-long recording against `ffmpeg` doing the same: the first sound, another form, a waveform.

    scripts/bench listen [--json] [--rounds N]

Per coding: milliseconds from asking the console to the first 16 KB of sound, at the begin and in the midst, and of an ffmpeg
that is started for it and writes a WAV to a pipe; both in turn. Then an hour as MP3, Opus and WAV: seconds of both. Last,
how long `/healthz` takes on the same process while a waveform of an hour is drawn. Needs ffmpeg, which makes the files, too.
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

from ccfs.db.system import sessions, tenants, users
from ccfs.db.tenant import recordings
from ccfs.model.identity.tenancy import Account, Vdn
from ccfs.model.identity.user import Grant, Role
from ccfs.model.recordings.recording import Recording
from ccfs.server.node import Node
from ccfs.settings import load_settings

HOUR_SECONDS = 3600
FIRST_AUDIO_BYTES = 16_384  # bytes that count as the first sound: a second at 8 kHz
CODINGS = {
    "GSM in WAV": ("wav", ["-c:a", "libgsm_ms"]),
    "G.722 in WAV": ("wav", ["-c:a", "adpcm_g722", "-ar", "16000"]),
    "IMA ADPCM in WAV": ("wav", ["-c:a", "adpcm_ima_wav"]),
    "MP3 in WAV": ("wav", ["-c:a", "libmp3lame", "-b:a", "32k"]),
    "Speex in Ogg": ("ogg", ["-c:a", "libspeex"]),
    "A-law (as it is)": ("wav", ["-c:a", "pcm_alaw"]),
    "MP3 (as it is)": ("mp3", ["-c:a", "libmp3lame", "-b:a", "32k"]),
}
FORMAT_OPTIONS = {
    "wav": ["-f", "wav"],
    "mp3": ["-c:a", "libmp3lame", "-b:a", "32k", "-f", "mp3"],
    "opus": ["-c:a", "libopus", "-b:a", "24k", "-f", "ogg"],
}
SPEECH = "sine=300:r=8000:d=3600,tremolo=f=3:d=0.9"


def encode_recordings(work: Path) -> dict[str, Path]:
    """An hour in each coding."""
    files: dict[str, Path] = {}
    for label, (ending, options) in CODINGS.items():
        files[label] = work / f"{len(files)}.{ending}"
        ffmpeg = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", SPEECH, *options, str(files[label])]
        subprocess.run(ffmpeg, check=True, timeout=600)
    return files


def insert_recordings(data: Path, files: dict[str, Path]) -> str:
    """The recordings, and the session of somebody who may do all; its cookie."""
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
            kept = node.disk.write(f"1/bench/{file.name}", [file.read_bytes()])
            row = Recording(
                account_id="bench",
                cc_id="1",
                vdn_id="1",
                call_id="1704067200-1",
                call_begin=now,
                call_end=now + timedelta(seconds=HOUR_SECONDS),
                file_name=f"/{file.name}",
                original_file_name=f"Y:/{file.name}",
                blob=kept,
                source_sha256=kept.sha256,
            )
            recordings.add(connection, app, row, now)
    node.database.close()
    return f"ccfs_session={token}"


def request_audio(
    port: int, cookie: str, what: str, file: Path, span: str = "", least: int = 0, form: str = ""
) -> tuple[float, int]:
    """Seconds until `least` bytes were there, or with 0 all; and the size the answer names."""
    path = f"/console/{what}?" + urlencode({"in": "BENCH/bench", "name": f"/{file.name}", "as": form})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    began = time.perf_counter()
    connection.request("GET", path, headers={"cookie": cookie} | ({"range": span} if span else {}))
    answer = connection.getresponse()
    if answer.status not in (200, 206):
        raise SystemExit(f"{path}: {answer.status}")
    got = len(answer.read(least)) if least else sum(len(piece) for piece in iter(lambda: answer.read(1 << 16), b""))
    took = time.perf_counter() - began
    size = int((answer.getheader("content-range") or f"/{got}").rpartition("/")[2])
    connection.close()
    return took, size


def run_ffmpeg(file: Path, options: list[str], at: int = 0, least: int = 0) -> float:
    """The same by a process of its own."""
    command = ["ffmpeg", "-v", "error", "-ss", str(at), "-i", str(file), *options, "-"]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as child:
        assert child.stdout
        if least:
            child.stdout.read(least)
        else:
            while child.stdout.read(1 << 16):
                pass
        took = time.perf_counter() - began
        child.kill()
    return took


def measure_first_audio(port: int, cookie: str, files: dict[str, Path], rounds: int) -> list[dict[str, Any]]:
    rows = []
    for label, file in files.items():
        for where, at in (("begin", 0), ("midst", HOUR_SECONDS // 2)):
            size = request_audio(port, cookie, "audio", file, "bytes=0-0")[1]
            span = f"bytes={size // 2 if at else 0}-"
            pairs = [
                (
                    request_audio(port, cookie, "audio", file, span, FIRST_AUDIO_BYTES)[0],
                    run_ffmpeg(file, FORMAT_OPTIONS["wav"], at, FIRST_AUDIO_BYTES),
                )
                for _ in range(rounds)
            ]
            mine, theirs = [one for one, _ in pairs], [other for _, other in pairs]
            rows.append(build_row(f"first sound, {label}, {where}", mine, theirs, 1000, "ms"))
    return rows


def measure_formats(port: int, cookie: str, file: Path, rounds: int) -> list[dict[str, Any]]:
    rows = []
    for form, options in FORMAT_OPTIONS.items():
        pairs = [
            (request_audio(port, cookie, "download", file, form=form)[0], run_ffmpeg(file, options))
            for _ in range(rounds)
        ]
        rows.append(
            build_row(f"an hour of GSM as {form}", [one for one, _ in pairs], [other for _, other in pairs], 1, "s")
        )
    return rows


def build_row(what: str, mine: list[float], theirs: list[float], factor: float, unit: str) -> dict[str, Any]:
    ratio = servers.compare_pairs(mine, theirs)
    return {
        "what": what,
        "ccfs": f"{median(mine) * factor:.1f} {unit}",
        "ffmpeg": f"{median(theirs) * factor:.1f} {unit}",
        "time ccfs:ffmpeg": ratio["median"],
        "min": ratio["min"],
        "max": ratio["max"],
    }


def measure_healthz_during_waveform(port: int, cookie: str, files: dict[str, Path]) -> list[dict[str, Any]]:
    """Milliseconds of /healthz on the same process, before and while each waveform is drawn for the first time."""

    def healthz() -> float:
        began = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        connection.close()
        return time.perf_counter() - began

    rows, idle = [], sorted(healthz() for _ in range(100))
    for label, file in files.items():
        drawing = threading.Thread(target=request_audio, args=(port, cookie, "waveform", file))
        began, took = time.perf_counter(), []
        drawing.start()
        while drawing.is_alive():
            took.append(healthz())
            time.sleep(0.005)
        seconds = time.perf_counter() - began
        took.sort()
        rows.append(
            {
                "what": f"healthz while {label} is drawn ({seconds:.1f} s)",
                "ccfs": f"median {median(took) * 1000:.1f} ms, worst {took[-1] * 1000:.0f} ms",
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
            grown = f"{before:.0f} MB before, {servers.measure_rss_mb(pid):.0f} MB after"
            rows.append({**dict.fromkeys(rows[0], ""), "what": "memory of the server", "ccfs": grown})
    servers.report("listen", rows, options.json)


if __name__ == "__main__":
    main()
