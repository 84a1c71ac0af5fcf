"""Two tenants: apps with accounts, VDNs, recordings, voice files and play tokens, for any test on any database.

Rows and bytes only, no server and no request. Names follow the manual's patterns. Both apps have a call of the same id,
and a VDN 39 with a voice message of the same name: only the app distinguishes them.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ccfs.db.system import play_tokens, tenants
from ccfs.db.system.jobs import export_jobs
from ccfs.db.tenant import exports, recordings, voice_files
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.exports.export import Export, ExportFilter, ExportKind
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import Account, App, Vdn
from ccfs.model.recordings import wav
from ccfs.model.recordings.recording import Recording
from ccfs.model.recordings.voice_file import VoiceFile
from ccfs.server.node import Node

COMMON_VDN = 39
BEGIN = datetime(2020, 10, 15, 2, 23, 39, tzinfo=UTC)
LARGE_SECONDS = 400  # 3.2 MB: more than the web process reads itself
COMMON_CALL = "1602728619-101"
CALLBACK_URL = "http://127.0.0.1:9/"  # bound for both apps; nothing listens there


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """One app and its data."""

    app: App
    sk: str
    vdn: int  # of this app alone; both apps have COMMON_VDN
    account_id: str
    only_recording: Recording  # of COMMON_CALL, a call id of both apps
    call_recordings: tuple[Recording, Recording]  # two recordings of one call
    large_recording: Recording
    voice_message: str  # an IVR voice message; both apps have one of the common name
    common_voice_message: str
    oiap_names: tuple[str, ...]  # in the four forms of the manual, and a prompt
    uploaded_name: str
    single_file: str  # the only file of its folder
    folder_of_two: str  # a folder of two files
    play_token: str  # plays only_recording
    expired_play_token: str  # expired yesterday
    export_names: dict[ExportKind, str]  # of exports that are ready
    audio_by_name: dict[str, bytes]  # recordings by index name and by original name

    @property
    def ak(self) -> str:
        """The appId, which is also the first access key."""
        return self.app.ak

    @property
    def single_file_folder(self) -> str:
        """The folder of single_file."""
        return self.single_file.rpartition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoTenants:
    """The two apps."""

    acme: Tenant
    bolt: Tenant


def make_a_law_wav(seed: int, seconds: int = 1) -> bytes:
    """Return an A-law WAV that differs for every seed below 256."""
    samples = bytes((seed + number * 7) % 256 for number in range(8000))
    return wav.build_header(tag=wav.A_LAW, rate=8000, channels=1, bits=8, data_size=8000 * seconds) + samples * seconds


def create_two_tenants(node: Node) -> TwoTenants:
    """Add both apps to the node's database and their files to its disk."""
    return TwoTenants(acme=_create_tenant(node, "acme", 4, 10), bolt=_create_tenant(node, "bolt", 8, 100))


def add_app(node: Node, name: str, sk: str, *vdns: int) -> App:
    """Add an app with an AK derived from its name and one account with the VDNs, in call centre 1."""
    with node.database.write_transaction() as connection:
        app = tenants.add_app(connection, name, f"{name.upper()}AK0001", BEGIN)
        tenants.add_key(connection, app, app.ak, sk, node.secret_box, BEGIN)
        account = Account(account_id=f"{name}-account")
        for number in vdns:
            vdn = Vdn(vdn_id=number, cc_id=1, account_id=account.account_id)
            tenants.add_account(connection, app, account, vdn, BEGIN)
        tenants.bind_callback(connection, app, CALLBACK_URL)
    return app


def add_recording(
    node: Node, app: App, data: bytes | BlobRef, file_name: str, original_file_name: str, **more: Any
) -> Recording:
    """Add a recording with these bytes, or with a stored blob; `more` are further fields of its row."""
    blob = _store_blob(node, app, file_name, data) if isinstance(data, bytes) else data
    usual: dict[str, Any] = {
        "account_id": f"{app.name}-account",
        "cc_id": "1",
        "vdn_id": "1",
        "agent_id": "512",
        "call_id": COMMON_CALL,
        "caller_no": "02079460001",
        "callee_no": "02079460002",
        "call_begin": BEGIN,
        "call_end": more.get("call_begin", BEGIN) + timedelta(minutes=1),
    }
    recording = Recording(
        file_name=file_name, original_file_name=original_file_name, blob=blob, source_sha256=blob.sha256, **usual | more
    )
    with node.database.write_transaction() as connection:
        recordings.add(connection, app, recording, BEGIN)
    return recording


def add_voice_file(node: Node, app: App, data: bytes, vdn: int, name: str) -> VoiceFile:
    """Add a voice file with these bytes."""
    file = VoiceFile(vdn_id=vdn, file_name=name, blob=_store_blob(node, app, name, data), created_at=BEGIN)
    with node.database.write_transaction() as connection:
        voice_files.add(connection, app, file)
    return file


def add_play_token(node: Node, app: App, recording: Recording, life: timedelta) -> str:
    """Add a play token that expires `life` from now."""
    token = hashlib.md5(f"{app.ak} {recording.file_name} {life}".encode()).hexdigest().upper()
    with node.database.write_transaction() as connection:
        play_tokens.add(connection, app, token, recording, datetime.now(UTC) + life)
    return token


def add_export(node: Node, app: App, data: bytes, kind: ExportKind, response_id: str) -> str:
    """Add an export that is ready, with these bytes; return the file's name."""
    now = datetime.now(UTC)
    export = Export(
        response_id=response_id,
        kind=kind,
        tables=("call",),
        window=TimeWindow(begin=BEGIN, end=BEGIN + timedelta(days=1)),
        filter=ExportFilter(),
        callback_url=CALLBACK_URL,
        requested_on=BEGIN.date(),
        requested_at=now,
    )
    with node.database.write_transaction() as connection:
        exports.add(connection, app, export)
        claimed = export_jobs.claim(connection, now, "two-tenants", timedelta(minutes=1))
        assert claimed is not None
        assert export_jobs.finish(connection, claimed, _store_blob(node, app, response_id, data), now)
    return export.file_name


def get_blob_path(node: Node, blob: BlobRef) -> Path:
    """Return the file on the node's disk that holds the bytes, for tests that damage it."""
    return Path(node.disk.get_path(blob.key))


def _store_blob(node: Node, app: App, name: str, data: bytes) -> BlobRef:
    return node.primary_location.write(f"{app.id}/{hashlib.sha256(name.encode()).hexdigest()}", [data])


def _create_tenant(node: Node, name: str, vdn: int, seed: int) -> Tenant:
    sk = f"the-secret-of-{name}-000000000000"
    seeds = iter(range(seed, seed + 90))  # of audio
    app = add_app(node, name, sk, vdn, COMMON_VDN)
    audio: dict[str, bytes] = {}
    name_of_app = name

    def recorded(call_id: str, number: int, seconds: int = 1) -> Recording:
        index = f"/0/1/record/{app.ak}/{name}-account/20201015/512/0223390{number}.V3"
        original = f"Y:/{vdn}/0/20201015/512/0223390{number}.V3"
        audio[index] = audio[original] = data = make_a_law_wav(next(seeds), seconds)
        begin = BEGIN + timedelta(minutes=number)
        return add_recording(node, app, data, index, original, vdn_id=str(vdn), call_id=call_id, call_begin=begin)

    def voiced(name: str, vdn: int = vdn) -> str:
        audio[name] = make_a_law_wav(next(seeds))
        return add_voice_file(node, app, audio[name], vdn, name).file_name

    def exported(kind: ExportKind) -> str:
        data = make_a_law_wav(next(seeds))
        name = add_export(node, app, data, kind, hashlib.md5(f"{name_of_app} {kind}".encode()).hexdigest())
        audio[name] = data
        return name

    def crowded(folder: str) -> str:
        for last in ("a.wav", "b.wav"):
            voiced(f"{folder}/{last}")
        return folder

    only_recording = recorded(COMMON_CALL, 0)
    return Tenant(
        app=app,
        sk=sk,
        vdn=vdn,
        account_id=f"{name}-account",
        only_recording=only_recording,
        call_recordings=(recorded(f"1602728679-{vdn}1", 1), recorded(f"1602728679-{vdn}1", 2)),
        large_recording=recorded(f"1602728799-{vdn}3", 3, LARGE_SECONDS),
        voice_message=voiced(f"Y:/{vdn}/record/20201015/10233946082696733.wav"),
        common_voice_message=voiced("Y:/39/record/20201015/10233946082696733.wav", COMMON_VDN),
        oiap_names=tuple(voiced(name) for name in _build_oiap_names(vdn)),
        uploaded_name=voiced(f"Y:/3rdfile/{vdn}/thirdvoicebotfile/8fSsBaEb_1631869974029.wav"),
        single_file=voiced(f"Y:/voice/{vdn}/IVRrecordFile/greeting/hello.wav"),
        folder_of_two=crowded(f"Y:/voice/{vdn}/IVRrecordFile/many"),
        play_token=add_play_token(node, app, only_recording, timedelta(minutes=30)),
        expired_play_token=add_play_token(node, app, only_recording, timedelta(days=-1)),
        export_names={kind: exported(kind) for kind in ExportKind},
        audio_by_name=audio,
    )


def _build_oiap_names(vdn: int) -> tuple[str, ...]:
    return (
        f"Y:/record/{vdn}/odfsrecord/20201015/a.wav",
        f"Y:/{vdn}/odfsrecord/20201015/b.wav",
        f"Y:/record/{vdn}/20201015/c.wav",
        f"Y:/{vdn}/transferrecord/20201015/d.wav",
        f"Y:/IVR/7/voice/{vdn}/yEE2Lh2x_1738761075708.mp3",
    )
