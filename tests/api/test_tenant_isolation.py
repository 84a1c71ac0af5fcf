"""Tenant isolation of every operation: one app requests what another app has, and learns nothing from the response.

Vulnerabilities of other systems motivate these tests: fusionpbx#8045 and #8050, magnusbilling#613, MikoPBX af02831, Oreka's
path join, and tokens or credentials that open more than intended.
"""

import re
import time
from datetime import timedelta

import pytest

from ccfs.protocol import signature
from ccfs.protocol.operations import BASE_PATH, OPERATIONS
from tests.api.api_client import ApiClient, LegacyApiClient, Reply, send_request, wrap_in_envelope
from tests.api.lookup_requests import AUDIO_BASE64, assert_rejected, assert_success, build_lookup_requests, list_labels
from tests.server.ccfs_server import CcfsServer
from tests.two_tenants import TwoTenants


def test_every_operation_has_a_lookup_request(tenant_pair: TwoTenants) -> None:
    assert list(build_lookup_requests(tenant_pair.acme, there=True)) == list_labels()
    tried = {
        operation.partition("?")[0] for operation, _ in build_lookup_requests(tenant_pair.acme, there=True).values()
    }
    assert tried == {
        name for operation in OPERATIONS if operation.is_signed for name in (operation.name, *operation.aliases)
    }


@pytest.mark.parametrize("label", [label for label in list_labels() if label != "deletion"])
def test_a_lookup_request_succeeds_for_the_owner(acme_client: ApiClient, tenant_pair: TwoTenants, label: str) -> None:
    operation, msg_body = build_lookup_requests(tenant_pair.acme, there=True)[label]
    reply = acme_client.request(operation, msg_body)
    assert_success(reply, operation, tenant_pair.acme)


@pytest.mark.parametrize("label", list_labels())
def test_a_file_of_another_app_looks_like_a_missing_one(
    bolt_client: ApiClient, tenant_pair: TwoTenants, label: str
) -> None:
    foreign = bolt_client.request(*build_lookup_requests(tenant_pair.acme, there=True)[label])
    nowhere = bolt_client.request(*build_lookup_requests(tenant_pair.acme, there=False)[label])
    absent = bolt_client.request(*build_lookup_requests(tenant_pair.bolt, there=False)[label])
    assert_rejected(foreign, build_lookup_requests(tenant_pair.acme, there=True)[label][0])
    assert foreign.without_headers("x-request-id", "date") == nowhere.without_headers("x-request-id", "date")
    assert foreign.without_headers("x-request-id", "date") == absent.without_headers("x-request-id", "date")


def test_a_file_survives_the_delete_request_of_another_app(
    acme_client: ApiClient, bolt_client: ApiClient, tenant_pair: TwoTenants
) -> None:
    bolt_client.request("ivr/deleteFile", {"fileName": tenant_pair.acme.uploaded_name})
    assert (
        acme_client.request("ivr/downloadFile", {"filePath": tenant_pair.acme.uploaded_name}).body
        == tenant_pair.acme.audio_by_name[tenant_pair.acme.uploaded_name]
    )


def test_apps_with_files_of_one_name_each_get_their_own(
    acme_client: ApiClient, bolt_client: ApiClient, tenant_pair: TwoTenants
) -> None:
    for client, member in ((acme_client, tenant_pair.acme), (bolt_client, tenant_pair.bolt)):
        message = client.request("downloadIVRRecordFile", {"fileName": "Y:/39/record/20201015/10233946082696733.wav"})
        assert message.body == member.audio_by_name[member.common_voice_message]
        call = client.request("downloadRecord", {"callId": member.only_recording.call_id})
        assert call.body == member.audio_by_name[member.only_recording.file_name]
    assert tenant_pair.acme.only_recording.call_id == tenant_pair.bolt.only_recording.call_id


UNAUTHORISED_CLIENTS = [
    "no such AK",
    "wrong secret",
    "another's secret",
    "too old",
    "too early",
    "replayed",
    "old client, too old",
]


def create_unauthorised_client(kind: str, server: CcfsServer, tenant_pair: TwoTenants) -> ApiClient:
    """Return a client that must be rejected."""
    ak, sk = tenant_pair.acme.ak, tenant_pair.acme.sk
    match kind:
        case "no such AK":
            return ApiClient(server=server, ak="NOBODYAK0001", sk=sk)
        case "wrong secret":
            return ApiClient(server=server, ak=ak, sk=sk + "x")
        case "another's secret":
            return ApiClient(server=server, ak=ak, sk=tenant_pair.bolt.sk)
        case "too early":
            return ApiClient(server=server, ak=ak, sk=sk, age=timedelta(seconds=-920))
        case "replayed":
            return ApiClient(server=server, ak=ak, sk=sk, age=timedelta(days=365))
        case "old client, too old":
            return LegacyApiClient(server=server, ak=ak, sk=sk, age=timedelta(seconds=920))
        case _:
            return ApiClient(server=server, ak=ak, sk=sk, age=timedelta(seconds=920))


def assert_unauthorised(reply: Reply, operation: str) -> None:
    """Assert the 401 of D0836, to the byte except its time."""
    path = BASE_PATH + operation.partition("?")[0]
    expected = (
        '{"timestamp":(\\d{13}),"status":401,"error":"Unauthorized","message":"No message available","path":"%s"}'
    )
    match = re.fullmatch(expected % re.escape(path), reply.body.decode())
    assert match
    assert abs(int(match[1]) / 1000 - time.time()) < 60
    assert reply.status == 401
    assert reply.headers["content-type"] == "application/json;charset=UTF-8"


@pytest.mark.parametrize("kind", UNAUTHORISED_CLIENTS)
@pytest.mark.parametrize("label", list_labels())
def test_a_request_without_a_fresh_signature_is_rejected(
    server: CcfsServer, tenant_pair: TwoTenants, label: str, kind: str
) -> None:
    operation, msg_body = build_lookup_requests(tenant_pair.acme, there=True)[label]
    assert_unauthorised(create_unauthorised_client(kind, server, tenant_pair).request(operation, msg_body), operation)


@pytest.mark.parametrize("age", [-880, 0, 880])
@pytest.mark.parametrize("kind", [ApiClient, LegacyApiClient])
def test_a_client_clock_may_differ_by_15_minutes(
    server: CcfsServer, tenant_pair: TwoTenants, kind: type[ApiClient], age: int
) -> None:
    client = kind(server=server, ak=tenant_pair.acme.ak, sk=tenant_pair.acme.sk, age=timedelta(seconds=age))
    assert client.request(
        "downloadRecordFile", {"fileName": tenant_pair.acme.only_recording.file_name}
    ).body.startswith(b"RIFF")


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "auth-v2",
        "auth-v2////",
        "auth-v2/{ak}/2026-01-01T00:00:00Z/host/",
        "auth-v2/{ak}/yesterday/host/" + "0" * 64,
        "Basic {ak}:secret",
        "Bearer {token}",
        "{token}",
        "auth-v2/{ak}/{token}",
        "SDK-HMAC-SHA256 Access={ak}, SignedHeaders=host, Signature=" + "0" * 64,
        "auth-v2/" + "x" * 9000,
    ],
)
def test_a_malformed_authorization_is_rejected(
    server: CcfsServer, tenant_pair: TwoTenants, authorization: str | None
) -> None:
    body = wrap_in_envelope({"fileName": tenant_pair.acme.only_recording.file_name})
    sent = (
        {}
        if authorization is None
        else {"Authorization": authorization.format(ak=tenant_pair.acme.ak, token=tenant_pair.acme.play_token)}
    )
    reply = send_request(server, "POST", BASE_PATH + "downloadRecordFile", sent, body)
    assert_unauthorised(reply, "downloadRecordFile")


def test_a_signature_is_for_one_request_only(acme_client: ApiClient, tenant_pair: TwoTenants) -> None:
    body, path = (
        wrap_in_envelope({"fileName": tenant_pair.acme.only_recording.file_name}),
        BASE_PATH + "downloadRecordFile",
    )
    signed = acme_client.sign_headers(path, body)
    changed = wrap_in_envelope({"fileName": tenant_pair.acme.call_recordings[0].file_name})
    assert len(changed) == len(body)
    assert send_request(acme_client.server, "POST", path, signed, body).status == 200
    assert_unauthorised(send_request(acme_client.server, "POST", path, signed, changed), "downloadRecordFile")
    assert_unauthorised(
        send_request(acme_client.server, "POST", path, {**signed, "host": "ccfs.example"}, body), "downloadRecordFile"
    )
    assert_unauthorised(send_request(acme_client.server, "POST", f"{path}?vdnId=8", signed, body), "downloadRecordFile")
    # a public client signs two operations with the URI of this one (spec 1.2)
    assert_unauthorised(
        send_request(acme_client.server, "POST", BASE_PATH + "downloadRecord", signed, body), "downloadRecord"
    )


def test_the_signature_covers_the_query(acme_client: ApiClient, tenant_pair: TwoTenants) -> None:
    target, body = f"{BASE_PATH}ivr/uploadFile?vdnId={tenant_pair.acme.vdn}", wrap_in_envelope({"data": AUDIO_BASE64})
    signed = acme_client.sign_headers(target, body)
    reply = send_request(acme_client.server, "POST", target.replace(f"={tenant_pair.acme.vdn}", "=39"), signed, body)
    assert_unauthorised(reply, "ivr/uploadFile")


def test_an_old_client_signs_without_a_query_line(server: CcfsServer, tenant_pair: TwoTenants) -> None:
    old = LegacyApiClient(server=server, ak=tenant_pair.acme.ak, sk=tenant_pair.acme.sk)
    assert old.request("downloadRecordFile", {"fileName": tenant_pair.acme.only_recording.file_name}).status == 200
    reply = old.request("downloadIVRRecordFile?locationId=0", {"fileName": tenant_pair.acme.voice_message})
    assert reply.body == tenant_pair.acme.audio_by_name[tenant_pair.acme.voice_message]


def test_a_play_token_authorises_no_other_operation(server: CcfsServer, tenant_pair: TwoTenants) -> None:
    for operation in OPERATIONS:
        if operation.is_signed:
            reply = send_request(
                server,
                "POST",
                f"{BASE_PATH}{operation.name}?st={tenant_pair.acme.play_token}",
                {},
                wrap_in_envelope({}),
            )
            assert_unauthorised(reply, operation.name)
    as_a_key = ApiClient(server=server, ak=tenant_pair.acme.ak, sk=tenant_pair.acme.play_token)
    assert_unauthorised(as_a_key.request("downloadRecord", {"callId": "x"}), "downloadRecord")


def test_the_longest_authorization_is_still_verified(acme_client: ApiClient) -> None:
    body = wrap_in_envelope({"callId": "none"})
    request = signature.SignedRequest(
        method="POST", path=BASE_PATH + "downloadRecord", headers={"host": acme_client.server.host}, body=body
    )
    spaced = signature.sign_request(
        request, acme_client.ak, acme_client.sk, f"{acme_client.get_time():%Y-%m-%dT%H:%M:%SZ}", ("host",)
    ).replace("/", " / ")
    reply = send_request(
        acme_client.server,
        "POST",
        BASE_PATH + "downloadRecord",
        {"host": acme_client.server.host, "Authorization": spaced},
        body,
    )
    assert reply.result_code == "0300012"  # blanks around the parts, as in some samples of the manual


def test_invalid_requests_never_get_status_400(acme_client: ApiClient) -> None:
    assert acme_client.post(BASE_PATH + "downloadRecord", b"no json").result_code == "0300004"
    assert acme_client.post(BASE_PATH + "downloadRecord", b"").result_code == "0300007"
