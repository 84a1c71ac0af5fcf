"""Generates the vector folders beside it from the description of auth-v2. It must never import ccfs.

The canonical requests below are written by hand, so that the vectors are independent of the implementation.
Run it as `python make.py [FOLDER]`; README.md describes the format.
"""

import base64
import hmac
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

BILL = "/CCFS/resource/ccfs/queryBillData"
RECORD_FILE = "/CCFS/resource/ccfs/downloadRecordFile"
RECORD = "/CCFS/resource/ccfs/downloadRecord"
UPLOAD = "/CCFS/resource/ccfs/ivr/uploadFile"
PLAY = "/CCFS/resource/ccfs/playVoice"

BODY1 = (
    b'{"msgBody":{"beginTime":"2018-06-29 10:42:49","endTime":"2018-07-02 10:42:49","dataType":"call_record",'
    b'"callBackURL":"https://cb.example.com:8000/x?y=1"},"request":{"version":"2.0"}}'
)
BODY4 = '{"a":"录音 ~*\'()\\n"}\n'.encode()
PRETTY = b'{\r\n  "request": {"version": "2.0"},\r\n  "msgBody": {"fileName": "a.wav"}\r\n}\r\n'
ONE_LINE = b'{  "request": {"version": "2.0"},  "msgBody": {"fileName": "a.wav"}}'

THREE_HEADERS = "content-length;content-type;host"
HOST_LINE = "host:ccfs.example.com%3A8443"
TYPE_LINE = "content-type:application%2Fjson%3Bcharset%3DUTF-8"


@dataclass(frozen=True, kw_only=True)
class VectorCase:
    """One folder. The defaults are those of TV1: POST queryBillData with BODY1, only host signed."""

    name: str
    note: str
    method: str = "POST"
    path: str = BILL
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)  # in addition to, or instead of, those of TV1
    body: bytes = BODY1
    ak: str = "TESTAK0001"
    sk: str = "TestSecretKey0001"  # the server's secret
    signed_with: str = ""  # the client's secret, if it differs
    timestamp: str = "2018-07-02T02:42:49Z"
    signed_headers: str = "host"
    signed_lines: tuple[str, ...] = ("POST", BILL, "host", HOST_LINE)  # canonical request without the body
    signed_body: bytes | None = None  # if it is not the body as sent
    layout: str = "auth-v2/{ak}/{timestamp}/{signed_headers}/{signature}"
    signer: str = "no-query-line"  # which signer generates exactly this header: see README
    expect: str = ""  # "refused" or "malformed"; empty: accepted


PUBLISHED = {  # signing key and signature by the vendor's algorithm, from outside: ccfs-spec 1.6
    "tv1-host-only": (
        "eedf6e922c43183bd7d1cfbb4ec8732c808a2f7a73d3c3cbefd7b9f225ceac8a",
        "6207fab8cd5bb1d4db0d38936aa1122602e5cc66a600982fd67efe074f217ca2",
    ),
    "tv2-three-headers": (
        "bb3beec124d1c8a2dbdc58cde89ef8530d988f8480c9a787a311010c876080a3",
        "5c79e2d190fbe236fb045638f747e95409d6806f03066b09a198ed5ed2bcb45a",
    ),
    "tv4-escapes": (None, "7b2cf5adbb5ff06810cd4489dc8955643d8b9179e7114a117391b12ac2002821"),
    "tv6-milliseconds": (None, "067c053525a782763624cda5809c20a0a7a9ac925d06729514cc3d1f284b6318"),
}

THREE_LINES = ("POST", BILL, THREE_HEADERS, "content-length:182", TYPE_LINE, HOST_LINE)

ACCEPTED = [
    VectorCase(name="tv1-host-only", note="ccfs-spec TV1: only host is signed"),
    VectorCase(name="tv2-three-headers", note="ccfs-spec TV2", signed_headers=THREE_HEADERS, signed_lines=THREE_LINES),
    VectorCase(
        name="tv4-escapes",
        note="ccfs-spec TV4: a body of two scripts, marks and a real line feed at its end",
        path=RECORD_FILE,
        body=BODY4,
        signed_lines=("POST", RECORD_FILE, "host", HOST_LINE),
    ),
    VectorCase(
        name="tv6-milliseconds",
        note="ccfs-spec TV6: TV2 at a time with milliseconds",
        timestamp="2018-07-02T02:42:49.000Z",
        signed_headers=THREE_HEADERS,
        signed_lines=THREE_LINES,
    ),
    VectorCase(
        name="empty-query-line",
        note="no query and an empty query line (V-B); time with milliseconds",
        timestamp="2021-09-17T08:12:54.029Z",
        signed_headers=THREE_HEADERS,
        signed_lines=("POST", BILL, "", THREE_HEADERS, "content-length:182", TYPE_LINE, HOST_LINE),
        signer="empty-query-line",
    ),
    VectorCase(
        name="query-odd",
        note="a query with Chinese, blanks in both spellings, empty values, marks and a name that comes three times",
        path=UPLOAD,
        query="z=%E5%BD%95%e9%9f%b3&b=2&b=10&empty=&bare&&b=1%2B1&a-b=x+y%20z&a=~%2F%3D&url=http://x/?q=1",
        signed_lines=(
            "POST",
            UPLOAD,
            "a-b=x%20y%20z&a=~%2F%3D&b=1%2B1&b=10&b=2&bare=&empty=&url=http%3A%2F%2Fx%2F%3Fq%3D1&z=%E5%BD%95%E9%9F%B3",
            "host",
            HOST_LINE,
        ),
    ),
    VectorCase(
        name="get-without-body",
        note="no body: the canonical request ends with the line feed after the headers",
        method="GET",
        path=PLAY,
        query="t=1532142010247&version=2.0&st=abc",
        body=b"",
        signed_lines=("GET", PLAY, "st=abc&t=1532142010247&version=2.0", "host", HOST_LINE),
    ),
    VectorCase(
        name="path-as-sent",
        note="the path is signed as sent: neither decoded nor encoded again",
        path="/CCFS/resource/ccfs/%E5%BD%95/a%20b/~*()",
        signed_lines=("POST", "/CCFS/resource/ccfs/%E5%BD%95/a%20b/~*()", "host", HOST_LINE),
    ),
    VectorCase(
        name="blanks-around-parts",
        note="blanks round the parts, as in samples of the manual; they are not signed",
        signed_headers=THREE_HEADERS,
        signed_lines=THREE_LINES,
        layout=" auth-v2/ {ak} /{timestamp}/{signed_headers} / {signature} ",
        signer="",
    ),
    VectorCase(
        name="line-breaks-removed",
        note="the client signed the body before it broke the lines",
        body=PRETTY,
        signed_body=ONE_LINE,
        signer="",
    ),
    VectorCase(name="line-breaks-signed", note="the same body, signed as sent", body=PRETTY),
    VectorCase(
        name="unusual-headers",
        note="any header may be signed; here one is empty and one holds marks",
        headers={"accept": "*/*", "x-empty": "", "x_marks!": 'a b;c="d",~e\''},
        signed_headers="accept;host;x-empty;x_marks!",
        signed_lines=(
            "POST",
            BILL,
            "accept;host;x-empty;x_marks!",
            "accept:%2A%2F%2A",
            HOST_LINE,
            "x-empty:",
            "x_marks%21:a%20b%3Bc%3D%22d%22%2C~e%27",
        ),
    ),
    VectorCase(
        name="header-names-in-capitals",
        note="the prefix has the names as the client wrote them, the header lines have them in lower case",
        signed_headers="Content-Type;Host",
        signed_lines=("POST", BILL, "Content-Type;Host", TYPE_LINE, HOST_LINE),
        signer="",
    ),
    VectorCase(
        name="headers-sorted-by-line",
        note="one name begins another: '-' sorts before ':', so host-x comes first among the lines",
        headers={"host-x": "1"},
        signed_headers="host;host-x",
        signed_lines=("POST", BILL, "host;host-x", "host-x:1", HOST_LINE),
    ),
    VectorCase(
        name="headers-sorted-by-name",
        note="the same headers, their lines in the order of the names",
        headers={"host-x": "1"},
        signed_headers="host;host-x",
        signed_lines=("POST", BILL, "host;host-x", HOST_LINE, "host-x:1"),
        signer="",
    ),
    VectorCase(
        name="callback",
        note="what CC-FS sends to a callBackURL: host without a port, though the URL has one",
        path="/callback",
        headers={"host": "cb.example.com", "content-length": "2"},
        body=b"{}",
        signed_headers=THREE_HEADERS,
        signed_lines=("POST", "/callback", THREE_HEADERS, "content-length:2", TYPE_LINE, "host:cb.example.com"),
    ),
]

REFUSED = [
    VectorCase(
        name="wrong-secret", note="signed with another secret", signed_with="TestSecretKey0002", expect="refused"
    ),
    VectorCase(
        name="changed-host",
        note="signed for a host without the port that the request was sent to",
        signed_lines=("POST", BILL, "host", "host:ccfs.example.com"),
        expect="refused",
    ),
    VectorCase(
        name="uri-of-another-operation",
        note="a known client's fault: downloadRecord signed with the URI of downloadRecordFile",
        path=RECORD,
        signed_lines=("POST", RECORD_FILE, "host", HOST_LINE),
        expect="refused",
    ),
    VectorCase(
        name="signed-header-absent",
        note="a header is named as signed, and the request does not have it",
        signed_headers="host;x-gone",
        signed_lines=("POST", BILL, "host;x-gone", HOST_LINE, "x-gone:"),
        expect="refused",
    ),
    VectorCase(
        name="empty-query-line-beside-query",
        note="an empty line is read as no query only where there is none",
        query="vdnId=53",
        signed_lines=("POST", BILL, "", "host", HOST_LINE),
        expect="refused",
    ),
    VectorCase(
        name="host-not-signed",
        note="host must be among the signed headers",
        signed_headers="content-type",
        signed_lines=("POST", BILL, "content-type", TYPE_LINE),
        expect="malformed",
    ),
    VectorCase(
        name="base64-signature",
        note="a public port of the scheme: raw bytes of the first HMAC as key, and Base64 at the end",
        layout="auth-v2/{ak}/{timestamp}/{signed_headers}/{base64}",
        expect="malformed",
    ),
    VectorCase(
        name="another-scheme",
        note="API-gateway signing, which is not for CC-FS",
        layout="SDK-HMAC-SHA256 Access={ak}, SignedHeaders={signed_headers}, Signature={signature}",
        expect="malformed",
    ),
]


def build_files(case: VectorCase) -> dict[str, bytes]:
    """Name and content of each file of the case's folder."""
    headers = {
        "host": "ccfs.example.com:8443",
        "content-type": "application/json;charset=UTF-8",
        "content-length": str(len(case.body)),
    }
    request = {
        "note": case.note,
        "method": case.method,
        "path": case.path,
        "query": case.query,
        "headers": headers | case.headers,
        "ak": case.ak,
        "sk": case.sk,
        "timestamp": case.timestamp,
        "signed_headers": case.signed_headers.split(";"),
        "signer": "" if case.expect else case.signer,
    }
    payload = case.body if case.signed_body is None else case.signed_body
    canonical = "".join(line + "\n" for line in case.signed_lines) + quote(payload, safe="-._~")
    prefix = f"auth-v2/{case.ak}/{case.timestamp}/{case.signed_headers}"
    raw_key = hmac.digest((case.signed_with or case.sk).encode(), prefix.encode(), "sha256")
    files = {
        "request.json": json.dumps(request, ensure_ascii=False, indent=2).encode() + b"\n",
        "body.bin": case.body,
        "canonical.txt": canonical.encode(),
        "signing_key.txt": raw_key.hex().encode(),
        "authorization.txt": build_authorization(case, raw_key, canonical.encode()).encode(),
    }
    return files | ({"expect.txt": case.expect.encode()} if case.expect else {})


def build_authorization(case: VectorCase, raw_key: bytes, canonical: bytes) -> str:
    signature = hmac.digest(raw_key.hex().encode(), canonical, "sha256").hex()
    published_key, published = PUBLISHED.get(case.name, (None, signature))
    if published != signature or published_key not in (None, raw_key.hex()):
        raise SystemExit(f"{case.name}: differs from ccfs-spec 1.6")
    return case.layout.format(
        ak=case.ak,
        timestamp=case.timestamp,
        signed_headers=case.signed_headers,
        signature=signature,
        base64=base64.b64encode(hmac.digest(raw_key, canonical, "sha256")).decode(),
    )


def main(folder: Path) -> None:
    for case in ACCEPTED + REFUSED:
        (folder / case.name).mkdir(exist_ok=True, parents=True)
        for name, content in build_files(case).items():
            (folder / case.name / name).write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
