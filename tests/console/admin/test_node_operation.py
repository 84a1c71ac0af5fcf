"""Operation by pages: resending a receiver's callbacks, rotating keys, trusting certificates."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from ccfs.db.tenant import deliveries
from ccfs.model.exports.delivery import Delivery
from ccfs.model.exports.export import ExportKind
from tests.api.api_client import ApiClient, Reply
from tests.certificates import create_identity
from tests.console.call_centre_data import CallCentreData
from tests.console.conftest import SignIn
from tests.console.console_client import ConsoleClient, extract_text
from tests.server.ccfs_server import CcfsServer
from tests.two_tenants import add_export
from tests.waiting import wait_until

DEAD_RECEIVER = "http://dead.example:80"


def build_path(path: str, **parameters: str) -> str:
    return f"/console/{path}?{urlencode(parameters)}"


@pytest.fixture
def dead_callbacks(console_server: CcfsServer, call_centre: CallCentreData) -> Iterator[None]:
    """Add five callbacks that were given up: four to one receiver, one of them without a file, and one to another."""
    paths = ["a/1", "a/2", "b/1", "gone", "A/1"]
    now = datetime.now(UTC)
    for number, path in enumerate(paths):
        response = f"{number:032x}"
        add_export(console_server.node, call_centre.acme, b"zip", ExportKind.BILL, response)
        sent = Delivery(
            id=response,
            app=call_centre.acme.id,
            ak=call_centre.acme.ak,
            url=f"{DEAD_RECEIVER}/{path}",
            body=b"{}",
            created_at=now,
        )
        with console_server.node.database.write_transaction() as connection:
            deliveries.add(connection, call_centre.acme, sent, response, DEAD_RECEIVER, now + timedelta(days=1))
    _execute_sql(
        console_server, f"UPDATE deliveries SET state = 'dead', due_at = NULL WHERE receiver = '{DEAD_RECEIVER}'"
    )
    _execute_sql(console_server, f"UPDATE exports SET state = 'expired' WHERE response_id = '{3:032x}'")
    yield
    _execute_sql(console_server, f"DELETE FROM deliveries WHERE receiver = '{DEAD_RECEIVER}'")
    for number in range(len(paths)):
        _execute_sql(console_server, f"DELETE FROM exports WHERE response_id = '{number:032x}'")


def _execute_sql(console: CcfsServer, text: str) -> None:
    with console.node.database.write_transaction() as connection:
        connection.exec_driver_sql(text)


def _read_states(console: CcfsServer) -> dict[str, str]:
    with console.node.database.read_transaction() as connection:
        found = connection.exec_driver_sql(
            f"SELECT url, state FROM deliveries WHERE receiver = '{DEAD_RECEIVER}'"
        ).all()
    return {url.removeprefix(f"{DEAD_RECEIVER}/"): state for url, state in found}


def test_all_callbacks_of_a_receiver_are_resent_after_a_confirmation_with_their_count(
    signed_in: SignIn, console_server: CcfsServer, call_centre: CallCentreData, dead_callbacks: None
) -> None:
    emil, app = signed_in("emil"), call_centre.acme.ak
    assert f"{DEAD_RECEIVER} 0 0 5" in emil.get_text(build_path("callbacks", app=app))
    assert "4 failed callbacks will be resent" in emil.get_text(
        build_path("callbacks/retry", app=app, receiver=DEAD_RECEIVER)
    )
    assert "2 failed callbacks will be resent" in emil.get_text(
        build_path("callbacks/retry", app=app, receiver=DEAD_RECEIVER, prefix=f"{DEAD_RECEIVER}/a/")
    )
    assert set(_read_states(console_server).values()) == {"dead"}  # asking changes nothing
    reply = emil.post("/console/callbacks/retry", app=app, receiver=DEAD_RECEIVER, prefix=f"{DEAD_RECEIVER}/a/")
    assert "2 callbacks queued for redelivery" in emil.get_text(reply.headers["location"])
    assert {url for url, state in _read_states(console_server).items() if state != "dead"} == {"a/1", "a/2"}
    emil.post("/console/callbacks/retry", app=app, receiver=DEAD_RECEIVER, prefix="")
    assert {url for url, state in _read_states(console_server).items() if state == "dead"} == {"gone"}
    assert f"Resent the failed callbacks of a receiver {DEAD_RECEIVER}/a/ acme" in signed_in("olga").get_text(
        "/console/audit"
    )


def test_callbacks_are_resent_only_for_exports_that_the_user_may_see(
    signed_in: SignIn, console_server: CcfsServer, call_centre: CallCentreData, dead_callbacks: None
) -> None:
    for name, app in (("lucy", call_centre.acme.ak), ("basil", call_centre.acme.ak), ("emil", call_centre.bolt.ak)):
        assert signed_in(name).get(build_path("callbacks", app=app)).status == 404
        assert signed_in(name).get(build_path("callbacks/retry", app=app, receiver=DEAD_RECEIVER)).status == 404
        assert signed_in(name).post("/console/callbacks/retry", app=app, receiver=DEAD_RECEIVER).status == 404
    assert (
        signed_in("emil").post("/console/callbacks/retry", app=call_centre.acme.ak, receiver="http://other:80").status
        == 404
    )
    assert set(_read_states(console_server).values()) == {"dead"}


def test_a_key_is_rotated_and_the_older_keys_are_revoked_on_confirmation(
    signed_in: SignIn, call_centre: CallCentreData
) -> None:
    olga = signed_in("olga")
    page = olga.post_and_follow("/console/apps/add", name="turning").body.decode()
    ak = re.findall(r'<dd class="mono">(AK[0-9A-F]{18})<', page)[0]
    old = re.findall(r'id="sk">([\w-]{43})<', page)[0]
    new = re.findall(r'id="sk">([\w-]{43})<', olga.post_and_follow("/console/apps/key", app=ak).body.decode())[0]
    page = olga.get("/console/apps").body.decode()
    key_id = re.findall(rf'name="app" value="{ak}"><input type="hidden" name="older_than" value="(\d+)"', page)
    assert len(key_id) == 1

    def works(sk: str) -> bool:
        caller = ApiClient(server=olga.server, ak=ak, sk=sk)
        return caller.request("requestPlayVoice", {"fileName": "/x.wav"}).status != 401

    assert (works(old), works(new)) == (True, True)
    question = olga.post("/console/apps/revoke-older", app=ak, older_than=key_id[0], confirmed="")
    assert "Clients that use one of these keys will be rejected" in extract_text(question)
    assert (works(old), works(new)) == (True, True)
    assert olga.post("/console/apps/revoke-older", app=ak, older_than="999999", confirmed="yes").status == 404
    assert olga.post("/console/apps/revoke-older", app=ak, older_than=key_id[0], confirmed="yes").status == 303
    assert (works(old), works(new)) == (False, True)
    assert new not in olga.get("/console/apps").body.decode()
    assert f"Revoked a key {ak}" in olga.get_text("/console/audit")


def test_limits_of_an_app_are_changed_apply_at_once_and_are_audited(
    signed_in: SignIn, call_centre: CallCentreData
) -> None:
    olga = signed_in("olga")
    page = olga.post_and_follow("/console/apps/add", name="limited").body.decode()
    ak = re.findall(r'<dd class="mono">(AK[0-9A-F]{18})<', page)[0]
    client = ApiClient(server=olga.server, ak=ak, sk=re.findall(r'id="sk">([\w-]{43})<', page)[0])

    def get_code() -> str:
        return client.request("requestPlayVoice", {"fileName": "/x.wav"}).result_code

    assert get_code() == "0300012"
    assert olga.post("/console/apps/limits", app=ak, queries_per_minute="1").status == 303
    wait_until(lambda: get_code() == "0300009", 20)
    assert re.search(r"Rejected in the last hour: [1-9]", olga.get_text("/console/apps"))
    assert olga.post("/console/apps/limits", app=ak, queries_per_minute="", queued_exports="0").status == 303
    wait_until(lambda: get_code() == "0300012", 20)
    assert f"Changed the limits of an app {ak} queries_per_minute=1" in olga.get_text("/console/audit")
    assert "10000 (default)" in olga.get_text("/console/apps")
    for wrong in ("-1", "x", "2147483648", "٣"):
        assert olga.post("/console/apps/limits", app=ak, queued_exports=wrong).status == 400
    assert signed_in("anna").post("/console/apps/limits", app=call_centre.acme.ak, queued_exports="1").status == 404
    assert "Change limits" not in signed_in("anna").get_text("/console/apps")
    assert olga.post("/console/apps/limits", app=ak).status == 303


def upload_certificate(client: ConsoleClient, name: str, data: bytes, csrf: str | None = None) -> Reply:
    """Post the form with a file as multipart/form-data."""
    fields = {"csrf": client.csrf if csrf is None else csrf, "name": name}
    parts = [
        f'Content-Disposition: form-data; name="{field}"\r\n\r\n{value}'.encode() for field, value in fields.items()
    ]
    file = b'Content-Disposition: form-data; name="file"; filename="a.pem"\r\nContent-Type: x\r\n\r\n'
    body = b"".join(b"--x0x\r\n" + part + b"\r\n" for part in [*parts, file + data]) + b"--x0x--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=x0x", "origin": f"http://{client.server.host}"}
    return client._send("POST", "/console/settings/certificates/add", headers, body)


def test_a_certificate_is_added_and_removed(signed_in: SignIn) -> None:
    olga = signed_in("olga")
    first, second = create_identity("one.example"), create_identity("other.example", ends=timedelta(days=9))
    assert upload_certificate(olga, "pem", first.pem).status == 303
    assert upload_certificate(olga, "der", second.der).status == 303
    text = olga.get_text("/console/settings")
    assert "CN=one.example" in text
    assert re.search(r"der CN=other.example [\d-]+ [\d:]+ in 8 days", text)
    assert olga.post("/console/settings/certificates/remove", name="pem").status == 303
    assert olga.post("/console/settings/certificates/remove", name="pem").status == 404
    assert "CN=one.example" not in olga.get_text("/console/settings")
    log = olga.get_text("/console/audit")
    assert "Added a trusted certificate pem" in log
    assert "Removed a trusted certificate pem" in log


@pytest.mark.parametrize(
    "what", ["nothing", "no certificate", "expired", "too large", "far too large", "taken", "nameless"]
)
def test_an_invalid_certificate_is_rejected_with_the_reason(signed_in: SignIn, what: str) -> None:
    olga, good = signed_in("olga"), create_identity("good.example").pem
    upload_certificate(olga, "taken", good)
    data = {
        "nothing": b"",
        "no certificate": b"-----BEGIN nonsense\r\n\0",
        "expired": create_identity("old.example", ends=timedelta(days=-1)).pem,
        "too large": good + b"\n" * (512 << 10),
        "far too large": good + b"\n" * (2 << 20),
    }.get(what, good)
    before = olga.get_text("/console/settings")
    reply = upload_certificate(olga, "" if what == "nameless" else what, data)
    assert reply.status == 400
    assert b'problem" ' in reply.body
    assert olga.get_text("/console/settings") == before


def test_a_certificate_is_added_by_operators_and_our_own_form_only(signed_in: SignIn) -> None:
    pem = create_identity("evil.example").pem
    for name in ("lucy", "anna", "audrey"):
        assert upload_certificate(signed_in(name), "evil", pem).status == 404
        assert signed_in(name).post("/console/settings/certificates/remove", name="x").status == 404
    assert upload_certificate(signed_in("olga"), "evil", pem, csrf="x").status == 403
    assert "evil" not in signed_in("olga").get_text("/console/settings")
