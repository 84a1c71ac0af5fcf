"""The cast tries every door: what one app may not see, another app's test asks for, and learns nothing from the answer.

Real holes of other systems stand behind this: fusionpbx#8045 and #8050, magnusbilling#613, MikoPBX af02831, Oreka's
path join, and tokens or credentials that open more than they were made for.
"""

import re
import time
from datetime import timedelta

import pytest

from ccfs.protocol import signature
from ccfs.protocol.operations import BASE_PATH, OPERATIONS
from tests.cast import Cast
from tests.web.callers import Caller, OldCaller, Reply, enveloped, send
from tests.web.doors import SOUND, assert_refused, doors, labels
from tests.web.serving import Server


def test_every_operation_is_a_door(cast: Cast) -> None:
    assert list(doors(cast.acme, there=True)) == labels()
    tried = {operation.partition("?")[0] for operation, _ in doors(cast.acme, there=True).values()}
    assert tried == {name for one in OPERATIONS if one.is_signed for name in (one.name, *one.aliases)}


@pytest.mark.parametrize("label", [label for label in labels() if label != "deletion"])
def test_a_door_opens_for_its_owner(acme: Caller, cast: Cast, label: str) -> None:
    operation, msg_body = doors(cast.acme, there=True)[label]
    reply = acme.ask(operation, msg_body)
    assert reply.headers["content-type"].startswith("Application/Octet") or reply.code == "0"


@pytest.mark.parametrize("label", labels())
def test_what_is_anothers_looks_like_what_is_not_there(bolt: Caller, cast: Cast, label: str) -> None:
    foreign = bolt.ask(*doors(cast.acme, there=True)[label])
    nowhere = bolt.ask(*doors(cast.acme, there=False)[label])
    absent = bolt.ask(*doors(cast.bolt, there=False)[label])
    assert_refused(foreign, doors(cast.acme, there=True)[label][0])
    assert foreign.without("x-request-id", "date") == nowhere.without("x-request-id", "date")
    assert foreign.without("x-request-id", "date") == absent.without("x-request-id", "date")


def test_a_foreign_file_is_still_there_after_somebody_tried_to_delete_it(
    acme: Caller, bolt: Caller, cast: Cast
) -> None:
    bolt.ask("ivr/deleteFile", {"fileName": cast.acme.upload})
    assert acme.ask("ivr/downloadFile", {"filePath": cast.acme.upload}).body == cast.acme.audio[cast.acme.upload]


def test_of_one_name_each_app_has_its_own(acme: Caller, bolt: Caller, cast: Cast) -> None:
    for caller, member in ((acme, cast.acme), (bolt, cast.bolt)):
        message = caller.ask("downloadIVRRecordFile", {"fileName": "Y:/39/record/20201015/10233946082696733.wav"})
        assert message.body == member.audio[member.common_message]
        call = caller.ask("downloadRecord", {"callId": member.one.call_id})
        assert call.body == member.audio[member.one.file_name]
    assert cast.acme.one.call_id == cast.bolt.one.call_id


STRANGERS = [
    "no such AK",
    "wrong secret",
    "another's secret",
    "too old",
    "too early",
    "replayed",
    "old client, too old",
]


def stranger(kind: str, server: Server, cast: Cast) -> Caller:
    """A caller that is not let in."""
    ak, sk = cast.acme.ak, cast.acme.sk
    match kind:
        case "no such AK":
            return Caller(server=server, ak="NOBODYAK0001", sk=sk)
        case "wrong secret":
            return Caller(server=server, ak=ak, sk=sk + "x")
        case "another's secret":
            return Caller(server=server, ak=ak, sk=cast.bolt.sk)
        case "too early":
            return Caller(server=server, ak=ak, sk=sk, age=timedelta(seconds=-920))
        case "replayed":
            return Caller(server=server, ak=ak, sk=sk, age=timedelta(days=365))
        case "old client, too old":
            return OldCaller(server=server, ak=ak, sk=sk, age=timedelta(seconds=920))
        case _:
            return Caller(server=server, ak=ak, sk=sk, age=timedelta(seconds=920))


def assert_unauthorised(reply: Reply, operation: str) -> None:
    """The 401 of D0836, to the byte but for its time."""
    path = BASE_PATH + operation.partition("?")[0]
    expected = (
        '{"timestamp":(\\d{13}),"status":401,"error":"Unauthorized","message":"No message available","path":"%s"}'
    )
    match = re.fullmatch(expected % re.escape(path), reply.body.decode())
    assert match
    assert abs(int(match[1]) / 1000 - time.time()) < 60
    assert reply.status == 401
    assert reply.headers["content-type"] == "application/json;charset=UTF-8"


@pytest.mark.parametrize("kind", STRANGERS)
@pytest.mark.parametrize("label", labels())
def test_nobody_gets_in_without_a_fresh_signature(server: Server, cast: Cast, label: str, kind: str) -> None:
    operation, msg_body = doors(cast.acme, there=True)[label]
    assert_unauthorised(stranger(kind, server, cast).ask(operation, msg_body), operation)


@pytest.mark.parametrize("age", [-880, 0, 880])
@pytest.mark.parametrize("kind", [Caller, OldCaller])
def test_a_clock_may_differ_by_a_quarter_of_an_hour(server: Server, cast: Cast, kind: type[Caller], age: int) -> None:
    caller = kind(server=server, ak=cast.acme.ak, sk=cast.acme.sk, age=timedelta(seconds=age))
    assert caller.ask("downloadRecordFile", {"fileName": cast.acme.one.file_name}).body.startswith(b"RIFF")


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
def test_another_authorization_is_none(server: Server, cast: Cast, authorization: str | None) -> None:
    body = enveloped({"fileName": cast.acme.one.file_name})
    sent = (
        {} if authorization is None else {"Authorization": authorization.format(ak=cast.acme.ak, token=cast.acme.token)}
    )
    reply = send(server, "POST", BASE_PATH + "downloadRecordFile", sent, body)
    assert_unauthorised(reply, "downloadRecordFile")


def test_a_signature_is_for_one_request_only(acme: Caller, cast: Cast) -> None:
    body, path = enveloped({"fileName": cast.acme.one.file_name}), BASE_PATH + "downloadRecordFile"
    signed = acme.signed(path, body)
    changed = enveloped({"fileName": cast.acme.two[0].file_name})
    assert len(changed) == len(body)
    assert send(acme.server, "POST", path, signed, body).status == 200
    assert_unauthorised(send(acme.server, "POST", path, signed, changed), "downloadRecordFile")
    assert_unauthorised(send(acme.server, "POST", path, {**signed, "host": "ccfs.example"}, body), "downloadRecordFile")
    assert_unauthorised(send(acme.server, "POST", f"{path}?vdnId=8", signed, body), "downloadRecordFile")
    # a public client signs two operations with the URI of this one (spec 1.2)
    assert_unauthorised(send(acme.server, "POST", BASE_PATH + "downloadRecord", signed, body), "downloadRecord")


def test_a_query_is_signed_too(acme: Caller, cast: Cast) -> None:
    target, body = f"{BASE_PATH}ivr/uploadFile?vdnId={cast.acme.vdn}", enveloped({"data": SOUND})
    signed = acme.signed(target, body)
    reply = send(acme.server, "POST", target.replace(f"={cast.acme.vdn}", "=39"), signed, body)
    assert_unauthorised(reply, "ivr/uploadFile")


def test_an_old_client_signs_without_a_query_line(server: Server, cast: Cast) -> None:
    old = OldCaller(server=server, ak=cast.acme.ak, sk=cast.acme.sk)
    assert old.ask("downloadRecordFile", {"fileName": cast.acme.one.file_name}).status == 200
    reply = old.ask("downloadIVRRecordFile?locationId=0", {"fileName": cast.acme.message})
    assert reply.body == cast.acme.audio[cast.acme.message]


def test_a_token_is_worth_nothing_elsewhere(server: Server, cast: Cast) -> None:
    for operation in OPERATIONS:
        if operation.is_signed:
            reply = send(server, "POST", f"{BASE_PATH}{operation.name}?st={cast.acme.token}", {}, enveloped({}))
            assert_unauthorised(reply, operation.name)
    as_a_key = Caller(server=server, ak=cast.acme.ak, sk=cast.acme.token)
    assert_unauthorised(as_a_key.ask("downloadRecord", {"callId": "x"}), "downloadRecord")


def test_the_longest_signature_that_is_read_is_checked_at_all(acme: Caller) -> None:
    body = enveloped({"callId": "none"})
    request = signature.SignedRequest(
        method="POST", path=BASE_PATH + "downloadRecord", headers={"host": acme.server.host}, body=body
    )
    spaced = signature.sign_request(
        request, acme.ak, acme.sk, f"{acme.moment():%Y-%m-%dT%H:%M:%SZ}", ("host",)
    ).replace("/", " / ")
    reply = send(
        acme.server, "POST", BASE_PATH + "downloadRecord", {"host": acme.server.host, "Authorization": spaced}, body
    )
    assert reply.code == "0300012"  # blanks around the parts, as some of the manual's samples have them


def test_the_manual_does_not_say_400(acme: Caller) -> None:
    assert acme.post(BASE_PATH + "downloadRecord", b"no json").code == "0300004"
    assert acme.post(BASE_PATH + "downloadRecord", b"").code == "0300007"
