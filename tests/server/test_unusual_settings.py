"""A server on which no setting of the API has its default."""

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from ccfs.protocol import signature
from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import ApiClient, LegacyApiClient, create_client, send_request, wrap_in_envelope
from tests.server.ccfs_server import CcfsServer, run_server
from tests.two_tenants import COMMON_VDN, Tenant, add_voice_file, create_two_tenants, make_a_law_wav


@pytest.fixture(scope="module")
def unusual_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CcfsServer]:
    """The server."""
    with run_server(
        tmp_path_factory.mktemp("unusual"),
        language="zh",
        clock_skew_seconds=0,
        lock_failures=0,
        host_aliases="ccfs.example:28443 10.0.0.1",
        upload_limit_mb=1,
        upload_path_rule="/bots/%VDNNO%/in",
        download_path_rule="/bots/%VDNNO%/in;/prompts/%VDNNO%",
        ivr_message_folder="message",
        file_hash="md5",
        play_token_seconds=3,
        log_requests=False,
    ) as running:
        yield running


@pytest.fixture(scope="module")
def tenant(unusual_server: CcfsServer) -> Tenant:
    """An app of that server."""
    return create_two_tenants(unusual_server.node).acme


@pytest.fixture(scope="module")
def acme_client(unusual_server: CcfsServer, tenant: Tenant) -> ApiClient:
    """A client of that app."""
    return create_client(unusual_server, tenant)


@pytest.mark.parametrize("years", [-20, 20])
def test_a_skew_of_0_accepts_any_timestamp(acme_client: ApiClient, tenant: Tenant, years: int) -> None:
    for kind in (ApiClient, LegacyApiClient):
        client = kind(server=acme_client.server, ak=acme_client.ak, sk=acme_client.sk, age=timedelta(days=365 * years))
        assert client.request("downloadRecord", {"callId": tenant.large_recording.call_id}).status == 200


@pytest.mark.parametrize("host", ["ccfs.example:28443", "10.0.0.1"])
def test_a_signature_for_a_host_alias_is_valid(acme_client: ApiClient, host: str) -> None:
    body = wrap_in_envelope({"callId": "none"})
    request = signature.SignedRequest(
        method="POST", path=BASE_PATH + "downloadRecord", headers={"host": host}, body=body
    )
    authorization = signature.sign_request(request, acme_client.ak, acme_client.sk, "2018-07-02T02:42:49Z", ("host",))
    assert (
        send_request(
            acme_client.server, "POST", BASE_PATH + "downloadRecord", {"Authorization": authorization}, body
        ).result_code
        == "0300012"
    )


def test_a_signature_for_another_host_is_invalid(acme_client: ApiClient) -> None:
    body = wrap_in_envelope({"callId": "none"})
    request = signature.SignedRequest(
        method="POST", path=BASE_PATH + "downloadRecord", headers={"host": "evil.example"}, body=body
    )
    authorization = signature.sign_request(request, acme_client.ak, acme_client.sk, "2018-07-02T02:42:49Z", ("host",))
    assert (
        send_request(
            acme_client.server, "POST", BASE_PATH + "downloadRecord", {"Authorization": authorization}, body
        ).status
        == 401
    )


def test_result_texts_are_chinese(acme_client: ApiClient) -> None:
    reply = acme_client.request("downloadRecord", {"callId": "none"})
    assert reply.body.decode() == (
        '{"response":{"version":"2.0","resultCode":"0300012","resultMsg":"未查询到数据。"},'
        '"resultData":"","resultCode":"0300012","resultDesc":"未查询到数据。"}'
    )
    assert acme_client.request("downloadRecord", {}).json["resultDesc"] == "fileName的值不能为null。"
    assert send_request(acme_client.server, "GET", f"{BASE_PATH}playVoice?st=").json["resultDesc"] == "参数token为空。"


def test_uploads_follow_the_path_rule_and_the_hash_setting(acme_client: ApiClient, tenant: Tenant) -> None:
    sound = make_a_law_wav(5)
    reply = acme_client.request(f"ivr/uploadFile?vdnId={tenant.vdn}", {"data": base64.b64encode(sound).decode()})
    name = reply.json["resultData"]["fileName"]
    assert name.startswith(f"Y:/bots/{tenant.vdn}/in/")
    assert acme_client.request("ivr/downloadFile", {"filePath": name}).body == sound
    digest = hashlib.md5(sound).hexdigest()
    expected = {"fileHash": digest, "hash": digest, "algorithm": "md5"}
    assert acme_client.request("ivr/getFileHash", {"fileName": name}).json["resultData"] == expected
    assert acme_client.request("ivr/deleteFile", {"fileName": name}).result_code == "0"


def test_the_default_path_rules_are_off(acme_client: ApiClient, tenant: Tenant) -> None:
    assert acme_client.request("ivr/downloadFile", {"filePath": tenant.single_file}).result_code == "0390003"
    assert acme_client.request("ivr/getFileHash", {"fileName": tenant.uploaded_name}).result_code == "0390003"
    assert acme_client.request("ivr/deleteFile", {"fileName": tenant.uploaded_name}).result_code == "0390003"


def test_a_second_path_rule_applies_too(acme_client: ApiClient, tenant: Tenant) -> None:
    name = f"Y:/prompts/{tenant.vdn}/hello.wav"
    add_voice_file(acme_client.server.node, tenant.app, make_a_law_wav(6), tenant.vdn, name)
    assert acme_client.request("ivr/downloadFile", {"filePath": name}).body == make_a_law_wav(6)
    assert acme_client.request(
        "ivr/downloadFile", {"filePath": f"Y:/prompts/{tenant.vdn}", "mode": 1}
    ).body == make_a_law_wav(6)


def test_voice_messages_are_in_the_configured_folder(acme_client: ApiClient, tenant: Tenant) -> None:
    name = "Y:/39/message/20201015/1.wav"
    add_voice_file(acme_client.server.node, tenant.app, make_a_law_wav(7), COMMON_VDN, name)
    assert acme_client.request("downloadIVRRecordFile", {"fileName": name}).body == make_a_law_wav(7)


def test_the_upload_limit_is_configurable(acme_client: ApiClient, tenant: Tenant) -> None:
    target = f"ivr/uploadFile?vdnId={tenant.vdn}"
    fits = make_a_law_wav(8, 132)[: 1 << 20]
    assert len(fits) == 1 << 20
    assert acme_client.request(target, {"data": base64.b64encode(fits).decode()}).result_code == "0"
    wrapped = base64.encodebytes(fits).decode().replace("\n", "\r\n")  # with the line breaks of MIME
    assert acme_client.request(target, {"data": wrapped}).result_code == "0"
    large = base64.b64encode(fits + b"x").decode()
    assert acme_client.request(target, {"data": large}).json["resultDesc"] == "请求大小超过1 MB。"
    assert acme_client.post(BASE_PATH + target, b"x" * (2 << 20)).result_code == "0390001"


def test_a_play_token_expires_after_the_configured_time(acme_client: ApiClient, tenant: Tenant) -> None:
    token = acme_client.request("requestPlayVoice", {"fileName": tenant.only_recording.original_file_name}).json[
        "resultData"
    ]["token"]
    play = f"{BASE_PATH}playVoice?t=1&version=2.0&st={token}"
    assert send_request(acme_client.server, "GET", play).body == tenant.audio_by_name[tenant.only_recording.file_name]
    began = time.monotonic()
    while (reply := send_request(acme_client.server, "GET", play)).body.startswith(b"RIFF"):
        assert time.monotonic() - began < 30
        time.sleep(0.1)
    assert json.loads(reply.body) == {"resultData": None, "resultCode": "010107", "resultDesc": "token无效或已过期。"}


def test_request_logging_can_be_turned_off(acme_client: ApiClient) -> None:
    assert replace(acme_client, sk="wrong").request("downloadRecord", {}).status == 401
    assert acme_client.server.read_log_lines("request_completed") == []
