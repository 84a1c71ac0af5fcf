"""Sample values and rows: apps, accounts, recordings, voice files."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.engine import Connection

from ccfs.db.system import tenants
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.identity.tenancy import Account, App, Vdn
from ccfs.model.recordings.recording import Recording
from ccfs.model.recordings.voice_file import VoiceFile

NOW = datetime(2026, 5, 4, 8, 30, 0, 123456, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def add_app(connection: Connection, name: str = "acme") -> App:
    """Add an app. Its AK is derived from its name."""
    return tenants.add_app(connection, name, f"AK-{name}", NOW)


def add_account(
    connection: Connection, app: App, account_id: str, vdn: int, zone: str = "Asia/Shanghai", cc: int = 1
) -> None:
    """Add an account with a VDN to the app."""
    account = Account(account_id=account_id, zone=zone)
    tenants.add_account(connection, app, account, Vdn(vdn_id=vdn, cc_id=cc, account_id=account_id), NOW)


def make_blob_ref(key: str) -> BlobRef:
    """Return a reference to 5 GB in a location: a size needs more than 32 bits, and a CRC all 32."""
    return BlobRef(location_id="0", key=key, size=5 << 30, sha256="ab" * 32, crc32=0xFFFFFFFF)


def make_recording(number: int = 1, **more: Any) -> Recording:
    """Return a recording that differs from those of other numbers."""
    defaults: dict[str, Any] = {
        "account_id": "100",
        "cc_id": "1",
        "vdn_id": "8",
        "agent_id": "512",
        "call_id": "1602728619-101",
        "caller_no": "02079460001",
        "callee_no": "02079460002",
        "call_begin": NOW + number * MINUTE,
        "call_end": NOW + (number + 1) * MINUTE,
        "file_name": f"/0/1/record/AK-acme/100/20260504/512/{number}.V3",
        "original_file_name": f"Y:/8/0/20260504/512/{number}.V3",
        "task_status": 1,
        "task_result": "success",
        "user_wanted_skill_id": "7",
        "current_skill_id": "9",
        "blob": make_blob_ref(f"1/rec/{number}"),
        "source_sha256": "cd" * 32,
        "source_name": f"q-{number}.wav",
    }
    return Recording(**defaults | more)


def make_voice_file(name: str = "Y:/voice/8/greeting/hello.wav") -> VoiceFile:
    """Return a voice file of that name."""
    return VoiceFile(
        vdn_id=8, file_name=name, blob=make_blob_ref("1/voice/" + name.rpartition("/")[2].lower()), created_at=NOW
    )
