"""Every parser of outside input, with examples of what it takes and the exceptions that it documents."""

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12

from ccfs.console.calls import search_form
from ccfs.console.forms import multipart
from ccfs.console.login.oidc_config import OidcUnavailable
from ccfs.db.system.certificates import key_stores
from ccfs.db.system.certificates.certificate_files import parse_certificates
from ccfs.http_server.connections.addresses import parse_address
from ccfs.http_server.errors import BadRequest, InvalidBody
from ccfs.media.codec_table import UnknownAudio
from ccfs.media.probe import probe_audio
from ccfs.model.blobs import peer_token
from ccfs.model.errors import InvalidRequest, OperatorError, RequestTooLarge
from ccfs.model.exports.time_window import InvalidTime, parse_local
from ccfs.model.formats import http_range
from ccfs.model.recordings import wav
from ccfs.protocol import signature, signed_url
from ccfs.switches.freeswitch.formats.csv_lines import parse_columns
from ccfs.switches.freeswitch.parser import parse_cdr_data
from ccfs.switches.records import UnreadableLine
from ccfs.switches.tenant_rules import InvalidRules, parse_rules
from tests.soak.fuzz_parsers import (
    MULTIPART,
    NOW,
    ZONE,
    check_receivers,
    check_wavs,
    detect_audio,
    parse_asterisk_cdr,
    parse_bodies,
    parse_cel,
    parse_chunks,
    parse_head,
    parse_headers_of_files,
    parse_index_files,
    parse_key_sets,
    parse_names,
    parse_queue_log,
    parse_queue_table,
    parse_searches,
    read_pkcs12_stores,
    text,
    unicode_text,
    verify_urls,
)

SAMPLES = Path(__file__).parents[1]
CEL = (
    b'"CHAN_START","2026-05-04 10:00:00.123456","","02079460001","","","","600","from-trunk","PJSIP/t-00000001","","",'
    b'"3","","1777888800.1","1777888800.1","","","",""\n'
)
QUEUE_TABLE = b"id,time,callid,queuename,agent,event,data1,data2,data3\n1,2026-05-04 10:00:00,1777888800.1,q,NONE,ENTERQUEUE,,1,1\n"
INDEX = (
    b"DEMOAK0001,acme,1,15470,1535955869-67110003,02079460111,15470,2018-09-03 20:43:29,2018-09-03 20:45:00,"
    b"/10/1/record/100/13533/0903379.wav,0,,X:\\17\\0\\20180903\\15470\\2043295.V3,17,0,5,3,3\n"
)
HEAD = b"POST /a/b?c=d HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\nexpect: 100-continue\r\n\r\nrest"
SEARCH = b"caller=0207&from=2026-05-04T00:00&to=2026-05-05T00:00&min_talk=1:30&sort=newest&cursor=1777888800000000.5.ab&period=7"
URL = signed_url.build_signed_url(7, "/0/1/rec ord/\u00e9.V3", 1_777_888_800, b"k").encode()
PEER = peer_token.sign_peer_request(b"k", "GET", "/peer/x", "", NOW).encode()

# The EC key is that of RFC 7517, appendix A.1.
KEY_SETS = (
    b'{"keys":[{"kty":"RSA","n":"' + b"w" * 342 + b'","e":"AQAB","use":"sig"},{"kty":"EC","crv":"P-256",'
    b'"x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}],'
    b'"a":{"b":["c"]},"name":"x"}'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FuzzTarget:
    """A parser. `parse` raises nothing but `allowed`, however the bytes are."""

    name: str
    parse: Callable[[bytes], object]
    seeds: Iterable[bytes]
    allowed: tuple[type[Exception], ...] = ()


def read_samples(*patterns: str, size: int = 8_000) -> list[bytes]:
    """Return the files of the tests that match the patterns, of each at most `size` bytes."""
    return [path.read_bytes()[:size] for pattern in patterns for path in sorted(SAMPLES.glob(pattern))]


def build_unencrypted_store() -> bytes:
    """Return a PKCS#12 store without a checksum over its content, so that a mutation is read further than that."""
    store = pkcs12.load_pkcs12(read_samples("cli/key_stores/trust.p12")[0], b"changeit")
    certificates = [entry.certificate for entry in store.additional_certs]
    return pkcs12.serialize_key_and_certificates(None, None, None, certificates, NoEncryption())


FREESWITCH = "switches/freeswitch/samples/"
WAV = wav.build_header(tag=wav.PCM, rate=8_000, channels=1, bits=8, data_size=64) + bytes(64)
MU_LAW = wav.build_header(tag=wav.MU_LAW, rate=8_000, channels=1, bits=8, data_size=64) + bytes(64)
TARGETS = (
    FuzzTarget(
        name="authorization",
        parse=lambda data: signature.parse_authorization(text(data)),
        seeds=[b"auth-v2/AK/2026-05-04T10:00:00.123Z/host;x/" + b"a" * 64],
        allowed=(signature.MalformedAuthorization,),
    ),
    FuzzTarget(
        name="timestamp",
        parse=lambda data: signature.parse_timestamp(text(data)),
        seeds=[b"2026-05-04T10:00:00.123456Z", b"2026-05-04T10:00:00Z"],
        allowed=(signature.MalformedAuthorization,),
    ),
    FuzzTarget(
        name="query",
        parse=lambda data: signature.build_canonical_query(signature.parse_query(text(data))),
        seeds=[b"a=b&c=%41+%zz&&=x&d"],
    ),
    FuzzTarget(
        name="range",
        parse=parse_headers_of_files,
        seeds=[b"bytes=0-9", b"bytes=-5", b"bytes = 1 - ", b'W/"x", "y"', b"*"],
        allowed=(http_range.RangeNotSatisfiable,),
    ),
    FuzzTarget(
        name="request head",
        parse=parse_head,
        seeds=[HEAD, HEAD.replace(b"transfer-encoding: chunked\r\n", b""), b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"],
        allowed=(BadRequest,),
    ),
    FuzzTarget(
        name="chunks", parse=parse_chunks, seeds=[b"5;a=b\r\nabcde\r\n0\r\nx: y\r\n\r\n"], allowed=(InvalidBody,)
    ),
    FuzzTarget(
        name="address", parse=lambda data: parse_address(text(data)), seeds=[b"::ffff:192.0.2.1", b"[fe80::1%eth0]"]
    ),
    FuzzTarget(
        name="json body",
        parse=parse_bodies,
        seeds=[
            b'{"request":{"version":"2.0"},"msgBody":{"fileName":"x","callId":"1-2","vdnId":4,"data":"QUJD"}}',
            b'{"request":{"version":"2.0"},"msgBody":{"beginTime":"2026-05-04 00:00:00","callBackURL":"http://127.0.0.1/"}}',
        ],
        allowed=(InvalidRequest,),
    ),
    FuzzTarget(
        name="multipart",
        parse=lambda data: multipart.parse_multipart("multipart/form-data; boundary=x", data),
        seeds=[MULTIPART],
        allowed=(RequestTooLarge,),
    ),
    FuzzTarget(
        name="content type",
        parse=lambda data: multipart.parse_multipart(text(data), MULTIPART),
        seeds=[b'multipart/form-data; boundary="x"'],
        allowed=(RequestTooLarge,),
    ),
    FuzzTarget(name="search", parse=parse_searches, seeds=[SEARCH], allowed=(search_form.InvalidSearch,)),
    FuzzTarget(
        name="local time",
        parse=lambda data: parse_local(unicode_text(data)),
        seeds=[b"2026-05-04 10:00:00"],
        allowed=(InvalidTime,),
    ),
    FuzzTarget(
        name="file names",
        parse=parse_names,
        seeds=[b"Y:/4/0/20201015/512/1.V3", b"/a/{x}y 3600 +200 5", b"/console/a?b"],
    ),
    FuzzTarget(name="signed url, peer token", parse=verify_urls, seeds=[URL, PEER]),
    FuzzTarget(
        name="receiver",
        parse=check_receivers,
        seeds=[
            b'{"resultCode":"0","resultDesc":"x"}',
            b"Fri, 28 Nov 2026 00:00:00 GMT",
            b"https://u@[::1]:8/x%2e/?y#z",
        ],
    ),
    FuzzTarget(
        name="asterisk cdr",
        parse=parse_asterisk_cdr,
        seeds=read_samples("switches/asterisk/samples/*/Master.csv", size=1_200),
        allowed=(UnreadableLine,),
    ),
    FuzzTarget(name="asterisk cel", parse=parse_cel, seeds=[CEL * 3], allowed=(UnreadableLine,)),
    FuzzTarget(
        name="queue_log", parse=parse_queue_log, seeds=read_samples("switches/asterisk/samples/*/queue_log", size=1_200)
    ),
    FuzzTarget(name="queue_log table", parse=parse_queue_table, seeds=[QUEUE_TABLE]),
    *(
        FuzzTarget(
            name=f"freeswitch {kind}",
            parse=lambda data: parse_cdr_data(data, zone=ZONE),
            seeds=read_samples(*patterns),
        )
        for kind, patterns in {
            "xml": [FREESWITCH + "*.xml"],
            "json": [FREESWITCH + "*.json", FREESWITCH + "*.jsonl"],
            "csv": [FREESWITCH + "*.csv"],
        }.items()
    ),
    FuzzTarget(
        name="freeswitch columns",
        parse=lambda data: parse_columns(unicode_text(data)),
        seeds=[b'"${caller_id_name}","${uuid}",${start_stamp}'],
        allowed=(ValueError,),
    ),
    FuzzTarget(name="index of CC-FS", parse=parse_index_files, seeds=[INDEX, INDEX.replace(b",", b";")]),
    FuzzTarget(
        name="tenant rules",
        parse=lambda data: parse_rules(unicode_text(data)),
        seeds=[b"fact,value,app,account,vdn\ndomain,a.example,AK,1,2\ndid,+4420*,AK,1,3\n"],
        allowed=(InvalidRules,),
    ),
    FuzzTarget(
        name="audio kind",
        parse=detect_audio,
        seeds=[b"a.wav".ljust(60) + head for head in (WAV, b"OggS", b"\xff\xfb\x14\xc4", b"#!AMR\n", b"fLaC")],
        allowed=(UnknownAudio,),
    ),
    FuzzTarget(name="wav", parse=check_wavs, seeds=[WAV, MU_LAW], allowed=(wav.InvalidWav,)),
    FuzzTarget(
        name="audio",
        parse=lambda data: probe_audio(io.BytesIO(data), len(data)),
        seeds=[WAV, b"OggS\0\x02" + bytes(21) + b"\x13OpusHead" + bytes(11), (b"\xff\xfb\x14\xc4" + bytes(100)) * 3],
        allowed=(UnknownAudio,),
    ),
    FuzzTarget(
        name="certificates",
        parse=lambda data: parse_certificates(data, "x", NOW),
        seeds=read_samples("cli/key_stores/*.pem"),
        allowed=(OperatorError,),
    ),
    FuzzTarget(
        name="jks",
        parse=lambda data: key_stores.read_trusted_certificates(data, None),
        seeds=read_samples("cli/key_stores/*.jks", "cli/key_stores/*.jceks"),
        allowed=(OperatorError,),
    ),
    FuzzTarget(
        name="pkcs12",
        parse=read_pkcs12_stores,
        seeds=[build_unencrypted_store(), *read_samples("cli/key_stores/*.p12")],
        allowed=(OperatorError,),
    ),
    FuzzTarget(
        name="oidc keys",
        parse=parse_key_sets,
        seeds=[KEY_SETS],
        allowed=(OidcUnavailable, ValueError, RecursionError),
    ),
)
