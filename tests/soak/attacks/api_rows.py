"""Attacks on the signed interface: bodies, names, audio, ranges, signatures, exports."""

import base64
import gzip
import json
import struct
import time

from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import Reply, send_request
from tests.soak.attacks.site import Attack, AttackSite

DEEP = 100_000
SLOW_SECONDS = 5.0  # for one request on a busy machine
DOWNLOAD = f"{BASE_PATH}downloadRecordFile"


def post(site: AttackSite, body: bytes, target: str = DOWNLOAD, **headers: str) -> Reply:
    """Send a signed body; the response must neither be a server error nor late."""
    began = time.monotonic()
    reply = site.client.post(target, body, {name.replace("_", "-"): value for name, value in headers.items()})
    assert reply.status < 500, (target, body[:80], reply.status)
    assert b"0390005" not in reply.body[:100], (target, body[:80], reply.body[:200])
    assert time.monotonic() - began < SLOW_SECONDS, (target, body[:80])
    return reply


def send_hostile_json(site: AttackSite) -> str:
    """Depth, huge numbers, duplicate keys, surrogates, control characters, other encodings."""
    digits = b"9" * 200_000
    bodies = [
        b"[" * DEEP,
        b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        b'{"msgBody":{"fileName":' + digits + b"}}",
        b'{"msgBody":{"fileName":-' + digits + b".5e" + digits[:50] + b"}}",
        b'{"msgBody":{"fileName":1e400}}',
        b'{"msgBody":{"fileName":NaN}}',
        b"{" + b'"msgBody":{},' * 9_000 + b'"msgBody":{"fileName":"x"}}',
        b"{" + b",".join(b'"k%d":%d' % (number, number) for number in range(15_000)) + b"}",
        b'{"msgBody":{"fileName":"\\ud800"}}',
        b'{"msgBody":{"fileName":"\\u0000\\u202e\\u200f"}}',
        b'{"msgBody":{"fileName":"\xed\xa0\x80"}}',
        '{"msgBody":{"fileName":"x"}}'.encode("utf-16"),
        '{"msgBody":{"fileName":"x"}}'.encode("utf-32"),
        b"\xef\xbb\xbf" + b'{"msgBody":{"fileName":"x"}}',
        b"\x00" * 100_000,
        b'"' + b"\\u0041" * 40_000 + b'"',
    ]
    codes = {json.loads(post(site, body).body)["resultCode"] for body in bodies}
    return f"{len(bodies)} bodies: {', '.join(sorted(codes))}"


def send_hostile_names(site: AttackSite) -> str:
    """Names of 10,000 characters, traversal, zero bytes, right-to-left marks, in every operation that takes one."""
    names = [
        "x" * 10_000,
        "/" * 10_000,
        "../" * 3_000 + "etc/passwd",
        "Y:/4/" + "../" * 20 + "node.keys",
        "a\0b.wav",
        "\u202egnp.exe",
        "\ud7ff\uffff\U0010ffff" * 100,
        "%2e%2e%2f" * 100,
        "Y:/voice/4/IVRrecordFile/" + "a/" * 2_000,
        "CON",
        "file:///etc/passwd",
        "\\\\host\\share\\x",
        "%" * 5_000,
        "_" * 5_000,
        "'; DROP TABLE recordings; --",
    ]
    fields = {
        "downloadRecordFile": "fileName",
        "downloadRecord": "callId",
        "requestPlayVoice": "fileName",
        "downloadBillFile": "billFileName",
        "downloadOiapRecord": "fileName",
        "downloadIVRRecordFile": "fileName",
        "ivr/downloadFile": "filePath",
        "ivr/getFileHash": "filePath",
        "ivr/deleteFile": "filePath",
    }
    count = 0
    for operation, field in fields.items():
        for name in names:
            reply = post(site, site.client.build_body({field: name}), BASE_PATH + operation)
            assert reply.json["resultCode"] != "0", (operation, name)
            assert b"node.keys" not in reply.body or name in reply.body.decode(errors="replace")
            count += 1
    return f"{count} calls, none found anything"


def upload(site: AttackSite, data: bytes) -> Reply:
    """Upload a file."""
    body = site.client.build_body({"data": base64.b64encode(data).decode()})
    return post(site, body, f"{BASE_PATH}ivr/uploadFile?vdnId={site.tenant.vdn}&locationId=1")


def make_lying_wav(channels: int, rate: int, size: int, riff: int, bits: int = 16, tag: int = 1) -> bytes:
    """Return a WAV whose header promises what it likes."""
    frame = struct.pack("<HHIIHH", tag, channels, rate, rate * 2 % (1 << 32), 2, bits)
    return (
        b"RIFF"
        + struct.pack("<I", riff)
        + b"WAVEfmt \x10\0\0\0"
        + frame
        + b"data"
        + struct.pack("<I", size)
        + bytes(800)
    )


_MOST = (1 << 32) - 1
AUDIO_BOMBS = {
    "lying lengths": make_lying_wav(1, 8000, _MOST, _MOST),
    "zero length": make_lying_wav(1, 8000, 0, 0),
    "65,535 channels": make_lying_wav(65_535, 8000, 800, 836),
    "no channel": make_lying_wav(0, 8000, 800, 836),
    "4 GHz": make_lying_wav(1, _MOST, 800, 836),
    "0 Hz": make_lying_wav(1, 0, 800, 836),
    "no bits": make_lying_wav(1, 8000, 800, 836, 0),
    "extensible without the rest": make_lying_wav(2, 8000, 800, 836, 16, 0xFFFE),
    "chunks without end": b"RIFF\xff\xff\xff\xffWAVE" + b"LIST\0\0\0\0" * 100_000,
    "a chunk larger than the file": b"RIFF\x24\0\0\0WAVEJUNK\xff\xff\xff\x7f" + bytes(100),
    "MP3 of a million frames": b"\xff\xfb\x14\xc4" * 500_000,
    "OGG of pages without bytes": (b"OggS\0" + bytes(21) + b"\0") * 50_000,
    "FLAC of 2^36 samples": b"fLaC\x80\0\0\x22"
    + b"\x00\x10\xff\xff"
    + bytes(6)
    + b"\x0f\xff\xff\xff\xff\xff\xff\xff"
    + bytes(16),
    "an ID3 tag of 256 MB": b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(1000),
    "gzip": gzip.compress(bytes(4_000_000)),
    "nothing": b"",
}


def upload_audio_bombs(site: AttackSite) -> str:
    """WAV, OGG, MP3 and FLAC whose headers lie."""
    codes = {name: upload(site, data).json["resultCode"] for name, data in AUDIO_BOMBS.items()}
    return f"{len(AUDIO_BOMBS)} files: {', '.join(sorted(set(codes.values())))}"


def send_content_encodings(site: AttackSite) -> str:
    """Gzip bombs as bodies: ccfs decodes none."""
    bomb = gzip.compress(bytes(100_000_000))
    for coding in ("gzip", "deflate", "br", "gzip, gzip"):
        reply = post(site, bomb, content_encoding=coding)
        assert reply.json["resultCode"] != "0"
    return f"{len(bomb) >> 10} KB of 100 MB: not decoded"


def flood_ranges(site: AttackSite) -> str:
    """1,000 ranges, backward, overlapping, huge; on a play token."""
    target = f"{BASE_PATH}playVoice?st={site.tenant.play_token}"
    values = [
        "bytes=" + ",".join(f"{number}-" for number in range(1_000)),
        "bytes=" + ",".join("0-" for _ in range(1_500)),
        "bytes=9-1",
        "bytes=" + "9" * 5_000 + "-",
        "bytes=-" + "9" * 5_000,
        "bytes=0-" + "9" * 5_000,
        "bytes=" + " " * 10_000 + "1",
        "bytes=-0",
        "bytes=\u00b2-",
        "items=0-1",
    ]
    statuses = []
    for value in values:
        began = time.monotonic()
        reply = send_request(
            site.server, "GET", target, {"range": value.encode("latin-1", "replace").decode("latin-1")}
        )
        assert reply.status in (200, 206, 416), (value[:30], reply.status)
        assert len(reply.body) <= 10_000
        assert time.monotonic() - began < SLOW_SECONDS
        statuses.append(str(reply.status))
    return f"{', '.join(sorted(set(statuses)))}; never more than the file"


def vary_signatures(site: AttackSite) -> str:
    """Authorization in hostile forms: 15 KB of signed headers, dates of ten millennia, other alphabets."""
    body = site.client.build_body({"fileName": "x"})
    good = site.client.sign_headers(DOWNLOAD, body)
    parts = good["Authorization"].split("/")
    forms = [
        "/".join([*parts[:at], junk, *parts[at + 1 :]])
        for at in range(len(parts))
        for junk in (
            "",
            "x" * 10_000,
            ";" * 10_000,
            "host;" * 2_000,
            "9999-12-31T23:59:59.999Z",
            "-1",
            "9" * 5_000,
            "\u00e9",
            "host;" * 2,
            " ",
        )
    ]
    forms += ["/" * 10_000, "auth-v2/" * 1_000, good["Authorization"] * 20]
    for form in forms:
        reply = site.client.post(DOWNLOAD, body, {"Authorization": form.encode("latin-1", "replace").decode("latin-1")})
        assert reply.status == 401 or reply.json["resultCode"] != "0", form[:60]
    return f"{len(forms)} forms: 401"


def ask_for_long_periods(site: AttackSite) -> str:
    """Exports of ten millennia, hostile callback URLs, thousands of them."""
    urls = [
        "http://[::1]:1/",
        "http://169.254.169.254/",
        "x" * 10_000,
        "http://" + "a." * 2_000,
        "file:///etc/passwd",
        "http://127.0.0.1:9/\r\nx: y",
        "http://u:p@127.0.0.1:9/",
        "//127.0.0.1:9/",
        "http://127.0.0.1:9@evil.example/",
    ]
    times = [
        ("0001-01-01 00:00:00", "9999-12-31 23:59:59"),
        ("9999-12-31 23:59:59", "9999-12-31 23:59:59"),
        ("x" * 9_000, "y"),
    ]
    codes = set()
    for url in urls:
        for begin, end in times:
            fields = {"beginTime": begin, "endTime": end, "callBackURL": url, "dataType": "call_record"}
            codes.add(post(site, site.client.build_body(fields), f"{BASE_PATH}queryBillData").json["resultCode"])
    assert "0" not in codes, codes
    return f"{len(urls) * len(times)} refused: {', '.join(sorted(codes))}"


ATTACKS = (
    Attack(name="hostile JSON", run=send_hostile_json),
    Attack(name="hostile file names in nine operations", run=send_hostile_names),
    Attack(name="audio with false headers, uploaded", run=upload_audio_bombs),
    Attack(name="gzip bombs as bodies", run=send_content_encodings),
    Attack(name="1,000 ranges and other ranges", run=flood_ranges),
    Attack(name="hostile Authorization headers", run=vary_signatures),
    Attack(name="exports of ten millennia, hostile callback URLs", run=ask_for_long_periods),
)
