"""The parsers of outside input as functions of bytes."""

import io
import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from ccfs.console.calls import search_form
from ccfs.console.login.oidc_client import _parse_public_keys
from ccfs.console.request import sanitize_redirect
from ccfs.db.system.certificates import key_stores
from ccfs.http_server.requests.body import IncomingBody
from ccfs.http_server.requests.head import HeadParser
from ccfs.media.codec_table import UnknownAudio
from ccfs.media.detect import detect_kind
from ccfs.model.blobs import peer_token
from ccfs.model.errors import OperatorError
from ccfs.model.exports.callback_url import parse_callback_url
from ccfs.model.formats import durations, http_range
from ccfs.model.identity import oidc_claims
from ccfs.model.recordings import wav
from ccfs.protocol import file_names, requests, signature, signed_url
from ccfs.switches.asterisk import cel, queue_log, queue_log_table
from ccfs.switches.asterisk import recordings as asterisk_recordings
from ccfs.switches.asterisk.cdr_files import cdr
from ccfs.switches.asterisk.legs import cdr_legs
from ccfs.switches.ccfs import parse_index
from ccfs.switches.freeswitch.recordings import APP_LOG_RECORD, list_named_files
from ccfs.switches.records import UnreadableLine
from ccfs.workers.callbacks import response_check

ZONE, UTC_ZONE = ZoneInfo("Europe/London"), "Europe/London"
NOW = datetime(2026, 11, 28, tzinfo=UTC)
MODELS = tuple(model for model in requests.RequestBody.__subclasses__())
MULTIPART = b'--x\r\ncontent-disposition: form-data; name="a"; filename="b"\r\ncontent-type: t\r\n\r\nc\r\n--x--\r\n'


def text(data: bytes) -> str:
    """Return bytes as a header's text, which is Latin-1."""
    return data.decode("latin-1")


def unicode_text(data: bytes) -> str:
    """Return bytes as a decoded text."""
    return data.decode("utf-8", "replace")


def parse_head(data: bytes) -> None:
    """Feed a head in two parts."""
    parser, half = HeadParser(16_384, 100), len(data) // 2
    parser.feed(data[:half])
    if parser.head is None:
        parser.feed(data[half:])


def parse_chunks(data: bytes) -> None:
    """Feed a chunked body in two parts."""
    body, half = IncomingBody(0, True, lambda: None), len(data) // 2
    body.feed(data[:half])
    if not body.is_complete:
        body.feed(data[half:])


def parse_bodies(data: bytes) -> None:
    """Parse a body as each operation would."""
    model = MODELS[len(data) % len(MODELS)]
    requests.parse_request(model, data, envelope_optional=bool(len(data) & 64))


def parse_headers_of_files(data: bytes) -> None:
    """Evaluate Range, If-Range and If-None-Match."""
    value = text(data)
    http_range.if_range_matches(value, '"x"')
    http_range.is_not_modified(value, '"x"')
    selected = http_range.parse_range(value, 1_000)
    assert selected is None or 0 <= selected[0] < selected[1] <= 1_000


def parse_searches(data: bytes) -> None:
    """Parse the console's search, as decoded from a query."""
    pairs = signature.parse_query(text(data))
    fields = {name.decode(errors="replace"): value.decode(errors="replace") for name, value in pairs}
    search_form.parse_search(fields, "a", ZONE, NOW).build_query()


def parse_asterisk_cdr(data: bytes) -> None:
    """Detect the layout of a file, and parse its lines."""
    lines = data.splitlines(keepends=True)
    layout = cdr.detect_layout(lines)
    for line in lines:
        try:
            leg = cdr_legs.parse_leg(line, cdr_legs.AsteriskCdrFormat(layout=layout, zone=UTC_ZONE))
        except UnreadableLine:
            continue
        assert leg is None or leg.begin <= leg.end


def parse_cel(data: bytes) -> None:
    """Detect the layout of a channel event log, and parse its lines."""
    lines = data.splitlines(keepends=True)
    layout = cel.detect_layout(lines)
    for line in lines:
        try:
            cel.parse_line(line, layout, UTC_ZONE)
        except UnreadableLine:
            continue


def parse_queue_log(data: bytes) -> None:
    """Parse lines of a queue log, and what they mean."""
    for line in data.splitlines(keepends=True):
        try:
            parsed = queue_log.parse_line(line)
        except UnreadableLine:
            continue
        if parsed is not None:
            queue_log.extract_queue_visit(parsed)
            queue_log.extract_agent_event(parsed)
            queue_log.compute_line_key(parsed)


def parse_queue_table(data: bytes) -> None:
    """Detect the layout of an exported queue log, and parse its rows."""
    lines = data.splitlines(keepends=True)
    layout = queue_log_table.detect_layout(lines)
    for line in lines if layout else ():
        try:
            queue_log_table.parse_line(line, layout, UTC_ZONE)  # type: ignore[arg-type]
        except UnreadableLine:
            continue


def parse_index_files(data: bytes) -> None:
    """Parse an index file of CC-FS."""
    list(parse_index(io.BytesIO(data), name="record.csv", zone_of=lambda _: ZONE))


def detect_audio(data: bytes) -> None:
    """Detect audio by its first bytes and by its name."""
    try:
        detect_kind("x.wav", data[:4_096])
    except UnknownAudio:
        detect_kind(unicode_text(data[:60]).strip(), data[60:])


def read_pkcs12_stores(data: bytes) -> None:
    """Read a store with the password of the examples, or without one."""
    try:
        key_stores.read_trusted_certificates(data, "changeit")
    except OperatorError:
        key_stores.read_trusted_certificates(data, None)


def check_wavs(data: bytes) -> None:
    """Read a WAV's format, repair its header, check an upload."""
    with_format = wav.read_format(data, len(data) * 3)
    wav.repair_header(data, with_format, len(data) * 3)
    wav.check_upload(data)


def parse_key_sets(data: bytes) -> None:
    """Parse a provider's keys, and look claims up."""
    parsed = json.loads(data)  # as the client does, which catches both of its errors
    if isinstance(parsed, dict):
        oidc_claims.get_claim(parsed, "a.b")
        oidc_claims.get_username(parsed, "name")
        _parse_public_keys(parsed)


def parse_names(data: bytes) -> None:
    """Parse file names of all operations."""
    name = unicode_text(data)
    file_names.canonicalise_name(name)
    file_names.has_invalid_date(name)
    file_names.parse_oiap_record_vdn(name)
    file_names.parse_ivr_message_vdn(name, "record")
    list_named_files({APP_LOG_RECORD: name, "record_path": name[: len(name) // 2]})
    asterisk_recordings.find_call_ids(name)
    sanitize_redirect(name)
    durations.parse_duration(name)


def verify_urls(data: bytes) -> None:
    """Verify a signed URL and a peer's token."""
    path, _, query = text(data).partition("?")
    signed_url.verify_signed_url(path, query, [b"k"], NOW.timestamp())
    peer_token.verify_peer_request(text(data), [b"k"], "GET", "/peer/x", "", NOW)


def check_receivers(data: bytes) -> None:
    """Judge what a receiver answers, and a callback URL."""
    response_check.find_failure_reason(200, data)
    response_check.parse_retry_after(text(data), NOW)
    parse_callback_url(unicode_text(data))
