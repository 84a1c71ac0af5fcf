"""The settings page: groups, search, units, changed settings; and key stores that it imports."""

from pathlib import Path

from tests.api.api_client import Reply
from tests.console.conftest import SignIn
from tests.console.console_client import ConsoleClient

KEY_STORES = Path(__file__).parents[2] / "cli" / "key_stores"


def import_key_store(client: ConsoleClient, data: bytes, password: str) -> Reply:
    """Post the form with a key store as multipart/form-data."""
    fields = {"csrf": client.csrf, "store_password": password}
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
    file = b'Content-Disposition: form-data; name="file"; filename="a.jks"\r\nContent-Type: x\r\n\r\n'
    body = b"".join(b"--x0x\r\n" + part + b"\r\n" for part in [*parts, file + data]) + b"--x0x--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=x0x", "origin": f"http://{client.server.host}"}
    return client._send("POST", "/console/settings/certificates/import", headers, body)


def test_settings_are_searched_and_have_units(signed_in: SignIn) -> None:
    olga = signed_in("olga")
    found = olga.get_text("/console/settings?q=heartbeat+dead").partition("Changed only")[2]
    assert "Node 1 " in found
    assert "CCFS_NODE_TIMEOUT_SECONDS 30 s default" in found
    assert "CCFS_WORKERS" not in found
    assert "No settings match your search" in olga.get_text("/console/settings?q=no-such-setting")


def test_only_changed_settings_are_shown_with_their_defaults(signed_in: SignIn) -> None:
    found = signed_in("olga").get_text("/console/settings?changed=yes").partition("Changed only")[2]
    assert "CCFS_LOCK_FAILURES 0 default: " in found
    assert "CCFS_SESSION_SECONDS" not in found


def test_a_key_store_is_imported_once(signed_in: SignIn) -> None:
    olga, data = signed_in("olga"), (KEY_STORES / "trust.jks").read_bytes()
    assert import_key_store(olga, data, "a wrong password").status == 400
    assert import_key_store(olga, b"no key store", "").status == 400
    assert import_key_store(olga, b"x" * (3 << 20), "").status in (400, 413)
    reply = import_key_store(olga, data, "")
    assert reply.status == 303
    assert "Certificates added: 1, skipped: 1" in olga.get_text(reply.headers["location"])
    again = import_key_store(olga, data, "")
    assert "Certificates added: 0, skipped: 2" in olga.get_text(again.headers["location"])
