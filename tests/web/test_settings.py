"""A server on which every setting of the web side is another than usual."""

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
from tests.cast import COMMON_VDN, Member, a_law, fill, keep_voice_file
from tests.web.callers import Caller, OldCaller, caller, enveloped, send
from tests.web.serving import Server, serving


@pytest.fixture(scope="module")
def unusual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server."""
    with serving(
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
    ) as one:
        yield one


@pytest.fixture(scope="module")
def member(unusual: Server) -> Member:
    """An app of it."""
    return fill(unusual.node).acme


@pytest.fixture(scope="module")
def acme(unusual: Server, member: Member) -> Caller:
    """Its client."""
    return caller(unusual, member)


@pytest.mark.parametrize("years", [-20, 20])
def test_any_time_is_good_where_the_skew_is_0(acme: Caller, member: Member, years: int) -> None:
    for kind in (Caller, OldCaller):
        one = kind(server=acme.server, ak=acme.ak, sk=acme.sk, age=timedelta(days=365 * years))
        assert one.ask("downloadRecord", {"callId": member.large.call_id}).status == 200


@pytest.mark.parametrize("host", ["ccfs.example:28443", "10.0.0.1"])
def test_a_host_that_a_proxy_changed_may_have_been_signed(acme: Caller, host: str) -> None:
    body = enveloped({"callId": "none"})
    request = signature.SignedRequest(
        method="POST", path=BASE_PATH + "downloadRecord", headers={"host": host}, body=body
    )
    authorization = signature.sign_request(request, acme.ak, acme.sk, "2018-07-02T02:42:49Z", ("host",))
    assert (
        send(acme.server, "POST", BASE_PATH + "downloadRecord", {"Authorization": authorization}, body).code
        == "0300012"
    )


def test_another_host_may_not(acme: Caller) -> None:
    body = enveloped({"callId": "none"})
    request = signature.SignedRequest(
        method="POST", path=BASE_PATH + "downloadRecord", headers={"host": "evil.example"}, body=body
    )
    authorization = signature.sign_request(request, acme.ak, acme.sk, "2018-07-02T02:42:49Z", ("host",))
    assert send(acme.server, "POST", BASE_PATH + "downloadRecord", {"Authorization": authorization}, body).status == 401


def test_texts_are_chinese(acme: Caller) -> None:
    reply = acme.ask("downloadRecord", {"callId": "none"})
    assert reply.body.decode() == (
        '{"response":{"version":"2.0","resultCode":"0300012","resultMsg":"未查询到数据。"},'
        '"resultData":"","resultCode":"0300012","resultDesc":"未查询到数据。"}'
    )
    assert acme.ask("downloadRecord", {}).json["resultDesc"] == "fileName的值不能为null。"
    assert send(acme.server, "GET", f"{BASE_PATH}playVoice?st=").json["resultDesc"] == "参数token为空。"


def test_uploads_lie_where_the_rule_says_and_hash_as_it_says(acme: Caller, member: Member) -> None:
    sound = a_law(5)
    reply = acme.ask(f"ivr/uploadFile?vdnId={member.vdn}", {"data": base64.b64encode(sound).decode()})
    name = reply.json["resultData"]["fileName"]
    assert name.startswith(f"Y:/bots/{member.vdn}/in/")
    assert acme.ask("ivr/downloadFile", {"filePath": name}).body == sound
    digest = hashlib.md5(sound).hexdigest()
    expected = {"fileHash": digest, "hash": digest, "algorithm": "md5"}
    assert acme.ask("ivr/getFileHash", {"fileName": name}).json["resultData"] == expected
    assert acme.ask("ivr/deleteFile", {"fileName": name}).code == "0"


def test_the_usual_rules_are_off(acme: Caller, member: Member) -> None:
    assert acme.ask("ivr/downloadFile", {"filePath": member.lonely}).code == "0390003"
    assert acme.ask("ivr/getFileHash", {"fileName": member.upload}).code == "0390003"
    assert acme.ask("ivr/deleteFile", {"fileName": member.upload}).code == "0390003"


def test_a_second_rule_counts_too(acme: Caller, member: Member) -> None:
    name = f"Y:/prompts/{member.vdn}/hello.wav"
    keep_voice_file(acme.server.node, member.app, a_law(6), member.vdn, name)
    assert acme.ask("ivr/downloadFile", {"filePath": name}).body == a_law(6)
    assert acme.ask("ivr/downloadFile", {"filePath": f"Y:/prompts/{member.vdn}", "mode": 1}).body == a_law(6)


def test_messages_lie_in_the_folder_of_the_setting(acme: Caller, member: Member) -> None:
    name = "Y:/39/message/20201015/1.wav"
    keep_voice_file(acme.server.node, member.app, a_law(7), COMMON_VDN, name)
    assert acme.ask("downloadIVRRecordFile", {"fileName": name}).body == a_law(7)


def test_the_upload_limit_is_that_of_the_setting(acme: Caller, member: Member) -> None:
    target = f"ivr/uploadFile?vdnId={member.vdn}"
    fits = a_law(8, 132)[: 1 << 20]
    assert len(fits) == 1 << 20
    assert acme.ask(target, {"data": base64.b64encode(fits).decode()}).code == "0"
    wrapped = base64.encodebytes(fits).decode().replace("\n", "\r\n")  # as MIME breaks it
    assert acme.ask(target, {"data": wrapped}).code == "0"
    large = base64.b64encode(fits + b"x").decode()
    assert acme.ask(target, {"data": large}).json["resultDesc"] == "请求大小超过1 MB。"
    assert acme.post(BASE_PATH + target, b"x" * (2 << 20)).code == "0390001"


def test_a_token_ends_when_the_setting_says(acme: Caller, member: Member) -> None:
    token = acme.ask("requestPlayVoice", {"fileName": member.one.original_file_name}).json["resultData"]["token"]
    play = f"{BASE_PATH}playVoice?t=1&version=2.0&st={token}"
    assert send(acme.server, "GET", play).body == member.audio[member.one.file_name]
    began = time.monotonic()
    while (reply := send(acme.server, "GET", play)).body.startswith(b"RIFF"):
        assert time.monotonic() - began < 30
        time.sleep(0.1)
    assert json.loads(reply.body) == {"resultData": None, "resultCode": "010107", "resultDesc": "token无效或已过期。"}


def test_requests_are_not_logged_where_the_setting_says_so(acme: Caller) -> None:
    assert replace(acme, sk="wrong").ask("downloadRecord", {}).status == 401
    assert acme.server.log_lines("request_answered") == []
