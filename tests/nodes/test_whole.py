"""Every operation of CC-FS through the balancer before three nodes, with files on the disk of each and in a bucket: the same
from whichever node answers."""

import base64
import json
from dataclasses import replace

import pytest

from ccfs.model.recordings.recording import Recording
from ccfs.protocol.operations import BASE_PATH, OPERATIONS
from tests.cast import Member
from tests.nodes.cluster import until
from tests.nodes.site import NAMES, Site
from tests.web.callers import Caller, Reply, caller, send
from tests.web.doors import SOUND, doors, labels
from tests.web.office import DAY, DOWNLOADS, opened
from tests.web.office import NAMES as FILE_NAMES

CHANGING = ("requestPlayVoice", "getRecordFileUrlFromObs", "ivr/upload", "query", "ivr/delete")  # never twice the same
PASSING = ("x-request-id", "date", "server", "connection", "keep-alive")
MEMBERS = ("acme", "bolt")


def clients(whole: Site, member: Member) -> dict[str, Caller]:
    """The app's clients: of the balancer, and of each node."""
    direct = {name: caller(whole.nodes[name], member) for name in NAMES}
    return {"balancer": caller(whole.front, member), **direct}


def recordings_of(member: Member) -> list[Recording]:
    return [member.one, *member.two, member.large]


def known(reply: Reply) -> tuple[int, dict[str, str], bytes]:
    return reply.without(*PASSING)


def test_files_lie_everywhere(whole: Site) -> None:
    everywhere = {place.location_id for place in whole.places.values()}
    assert len(everywhere) == 4
    for member in (whole.cast.acme, whole.cast.bolt):
        assert {one.blob.location_id for one in recordings_of(member)} == everywhere


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("label", [one for one in labels() if one != "deletion"])  # which has a test of its own
def test_an_operation_answers_alike_through_the_balancer_and_from_each_node(
    whole: Site, label: str, member: str
) -> None:
    one: Member = getattr(whole.cast, member)
    operation, fields = doors(one, there=True)[label]
    replies = [client.ask(operation, fields) for client in clients(whole, one).values()]
    assert {reply.status for reply in replies} == {200}
    if operation.startswith(CHANGING):
        assert {reply.code for reply in replies} == {"0"}
    else:
        assert known(replies[0]) in [known(reply) for reply in replies[1:]]
        assert len({reply.body for reply in replies}) == 1
        assert len({reply.headers.get("etag") for reply in replies}) == 1
    if operation == "downloadRecordFile" and label != "message by the other operation":
        assert replies[0].body == one.audio[fields["fileName"]]


def test_every_operation_is_among_them(whole: Site) -> None:
    asked = {operation.partition("?")[0] for operation, _ in doors(whole.cast.acme, there=True).values()}
    assert {one.name for one in OPERATIONS} == {*asked - {"ivr/upload"}, "playVoice"}


def test_ranges_are_the_same_wherever_the_bytes_lie(whole: Site) -> None:
    for member in (whole.cast.acme, whole.cast.bolt):
        for recording in recordings_of(member):
            for client in clients(whole, member).values():
                reply = client.ask("downloadRecordFile", {"fileName": recording.file_name}, range="bytes=100-7000")
                assert (reply.status, reply.body) == (206, member.audio[recording.file_name][100:7001])


def test_a_token_of_one_node_plays_on_all(whole: Site) -> None:
    for member in (whole.cast.acme, whole.cast.bolt):
        for recording in recordings_of(member):
            told = caller(whole.front, member).ask("requestPlayVoice", {"fileName": recording.file_name})
            target = f"{BASE_PATH}playVoice?t=1&version=2.0&st={told.json['resultData']['token']}"
            for server in (whole.front, *(whole.nodes[name] for name in NAMES)):
                assert send(server, "GET", target).body == member.audio[recording.file_name]


def test_urls_of_recordings_give_their_bytes(whole: Site) -> None:
    for member in (whole.cast.acme, whole.cast.bolt):
        operation, fields = doors(member, there=True)["URLs"]
        urls = caller(whole.front, member).ask(operation, fields).json["resultData"]["url"]
        sounds = [fetched(whole, url) for url in urls]
        assert sounds == [member.audio[one.file_name] for one in member.two]


def fetched(whole: Site, url: str) -> bytes:
    """The body of a URL, the balancer's or the bucket's."""
    site_, _, path = url.removeprefix("http://").partition("/")
    port = int(site_.rpartition(":")[2])
    assert port in (whole.front.port, whole.s3.port)
    return send(replace(whole.front, port=port), "GET", f"/{path}", {"host": site_}).body


@pytest.mark.parametrize("name", NAMES)
def test_what_any_node_takes_all_give_and_any_deletes(whole: Site, name: str) -> None:
    acme, everyone = whole.cast.acme, clients(whole, whole.cast.acme)
    told = everyone[name].ask(f"ivr/uploadFile?vdnId={acme.vdn}", {"data": SOUND}).json["resultData"]
    for client in everyone.values():
        assert client.ask("ivr/downloadFile", {"filePath": told["fileName"]}).body == base64.b64decode(SOUND)
        assert client.ask("ivr/getFileHash", {"fileName": told["fileName"]}).code == "0"
    known_at = {"fileName": told["fileName"], "locationId": told["locationId"][0]}
    assert everyone["balancer"].ask("ivr/deleteFile", known_at).code == "0"
    for client in everyone.values():
        assert client.ask("ivr/downloadFile", {"filePath": told["fileName"]}).code == "0300011"


@pytest.mark.parametrize("operation", DOWNLOADS)
def test_an_export_that_any_node_makes_is_announced_and_given_by_all(whole: Site, operation: str) -> None:
    everyone = clients(whole, whole.cast.acme)
    for client in everyone.values():
        asked = client.ask(operation, {**DAY, "callBackURL": whole.there.url}).json["resultData"]["responseId"]
        file = announced(whole, operation, asked)
        download, field = DOWNLOADS[operation]
        replies = [other.ask(download, {field: file}) for other in everyone.values()]
        assert len({reply.body for reply in replies}) == 1
        assert opened(replies[0])


def announced(whole: Site, operation: str, response_id: str) -> str:
    """The name of the file that the callback tells of; waits for it."""

    def heard() -> list[bytes]:
        return [one.body for one in whole.there.received if response_id.encode() in one.body]

    until(lambda: bool(heard()))
    told = json.loads(heard()[0])["msgBody"]
    return str(next(value for name, value in told.items() if name in FILE_NAMES[operation]))
