"""Every operation of CC-FS through the balancer before three nodes, with files on the disk of each and in a bucket: the same
from whichever node answers."""

import base64
import json
from dataclasses import replace

import pytest

from ccfs.model.recordings.recording import Recording
from ccfs.protocol.operations import BASE_PATH, OPERATIONS
from tests.api.api_client import ApiClient, Reply, create_client, send_request
from tests.api.callback_client import DAY_PERIOD, DOWNLOAD_OPERATIONS, read_zip
from tests.api.callback_client import FILE_NAME_FIELDS as FILE_NAMES
from tests.api.lookup_requests import AUDIO_BASE64, build_lookup_requests, list_labels
from tests.nodes.full_site import NODE_NAMES, FullSite
from tests.nodes.node_cluster import wait_until
from tests.two_tenants import Tenant

VARYING_OPERATIONS = (
    "requestPlayVoice",
    "getRecordFileUrlFromObs",
    "ivr/upload",
    "query",
    "ivr/delete",
)  # never twice the same
VARYING_HEADERS = ("x-request-id", "date", "server", "connection", "keep-alive")
TENANT_NAMES = ("acme", "bolt")


def create_clients(whole: FullSite, member: Tenant) -> dict[str, ApiClient]:
    """The app's clients: of the balancer, and of each node."""
    direct = {name: create_client(whole.nodes[name], member) for name in NODE_NAMES}
    return {"balancer": create_client(whole.nginx, member), **direct}


def list_recordings(member: Tenant) -> list[Recording]:
    return [member.only_recording, *member.call_recordings, member.large_recording]


def strip_varying_headers(reply: Reply) -> tuple[int, dict[str, str], bytes]:
    return reply.without_headers(*VARYING_HEADERS)


def test_files_lie_everywhere(full_site: FullSite) -> None:
    everywhere = {place.location_id for place in full_site.locations.values()}
    assert len(everywhere) == 4
    for member in (full_site.tenants.acme, full_site.tenants.bolt):
        assert {one.blob.location_id for one in list_recordings(member)} == everywhere


@pytest.mark.parametrize("member", TENANT_NAMES)
@pytest.mark.parametrize("label", [one for one in list_labels() if one != "deletion"])  # which has a test of its own
def test_an_operation_answers_alike_through_the_balancer_and_from_each_node(
    full_site: FullSite, label: str, member: str
) -> None:
    one: Tenant = getattr(full_site.tenants, member)
    operation, fields = build_lookup_requests(one, there=True)[label]
    replies = [client.request(operation, fields) for client in create_clients(full_site, one).values()]
    assert {reply.status for reply in replies} == {200}
    if operation.startswith(VARYING_OPERATIONS):
        assert {reply.result_code for reply in replies} == {"0"}
    else:
        assert strip_varying_headers(replies[0]) in [strip_varying_headers(reply) for reply in replies[1:]]
        assert len({reply.body for reply in replies}) == 1
        assert len({reply.headers.get("etag") for reply in replies}) == 1
    if operation == "downloadRecordFile" and label != "message by the other operation":
        assert replies[0].body == one.audio_by_name[fields["fileName"]]


def test_every_operation_is_among_them(full_site: FullSite) -> None:
    asked = {
        operation.partition("?")[0]
        for operation, _ in build_lookup_requests(full_site.tenants.acme, there=True).values()
    }
    assert {one.name for one in OPERATIONS} == {*asked - {"ivr/upload"}, "playVoice"}


def test_ranges_are_the_same_wherever_the_bytes_lie(full_site: FullSite) -> None:
    for member in (full_site.tenants.acme, full_site.tenants.bolt):
        for recording in list_recordings(member):
            for client in create_clients(full_site, member).values():
                reply = client.request("downloadRecordFile", {"fileName": recording.file_name}, range="bytes=100-7000")
                assert (reply.status, reply.body) == (206, member.audio_by_name[recording.file_name][100:7001])


def test_a_token_of_one_node_plays_on_all(full_site: FullSite) -> None:
    for member in (full_site.tenants.acme, full_site.tenants.bolt):
        for recording in list_recordings(member):
            told = create_client(full_site.nginx, member).request("requestPlayVoice", {"fileName": recording.file_name})
            target = f"{BASE_PATH}playVoice?t=1&version=2.0&st={told.json['resultData']['token']}"
            for server in (full_site.nginx, *(full_site.nodes[name] for name in NODE_NAMES)):
                assert send_request(server, "GET", target).body == member.audio_by_name[recording.file_name]


def test_urls_of_recordings_give_their_bytes(full_site: FullSite) -> None:
    for member in (full_site.tenants.acme, full_site.tenants.bolt):
        operation, fields = build_lookup_requests(member, there=True)["URLs"]
        urls = create_client(full_site.nginx, member).request(operation, fields).json["resultData"]["url"]
        sounds = [fetch_url(full_site, url) for url in urls]
        assert sounds == [member.audio_by_name[one.file_name] for one in member.call_recordings]


def fetch_url(whole: FullSite, url: str) -> bytes:
    """The body of a URL, the balancer's or the bucket's."""
    site_, _, path = url.removeprefix("http://").partition("/")
    port = int(site_.rpartition(":")[2])
    assert port in (whole.nginx.port, whole.s3_proxy.port)
    return send_request(replace(whole.nginx, port=port), "GET", f"/{path}", {"host": site_}).body


@pytest.mark.parametrize("name", NODE_NAMES)
def test_what_any_node_takes_all_give_and_any_deletes(full_site: FullSite, name: str) -> None:
    acme, everyone = full_site.tenants.acme, create_clients(full_site, full_site.tenants.acme)
    told = everyone[name].request(f"ivr/uploadFile?vdnId={acme.vdn}", {"data": AUDIO_BASE64}).json["resultData"]
    for client in everyone.values():
        assert client.request("ivr/downloadFile", {"filePath": told["fileName"]}).body == base64.b64decode(AUDIO_BASE64)
        assert client.request("ivr/getFileHash", {"fileName": told["fileName"]}).result_code == "0"
    known_at = {"fileName": told["fileName"], "locationId": told["locationId"][0]}
    assert everyone["balancer"].request("ivr/deleteFile", known_at).result_code == "0"
    for client in everyone.values():
        assert client.request("ivr/downloadFile", {"filePath": told["fileName"]}).result_code == "0300011"


@pytest.mark.parametrize("operation", DOWNLOAD_OPERATIONS)
def test_an_export_that_any_node_makes_is_announced_and_given_by_all(full_site: FullSite, operation: str) -> None:
    everyone = create_clients(full_site, full_site.tenants.acme)
    for client in everyone.values():
        asked = client.request(operation, {**DAY_PERIOD, "callBackURL": full_site.receiver.url}).json["resultData"][
            "responseId"
        ]
        file = wait_for_file_name(full_site, operation, asked)
        download, field = DOWNLOAD_OPERATIONS[operation]
        replies = [other.request(download, {field: file}) for other in everyone.values()]
        assert len({reply.body for reply in replies}) == 1
        assert read_zip(replies[0])


def wait_for_file_name(whole: FullSite, operation: str, response_id: str) -> str:
    """The name of the file that the callback tells of; waits for it."""

    def heard() -> list[bytes]:
        return [one.body for one in whole.receiver.received if response_id.encode() in one.body]

    wait_until(lambda: bool(heard()))
    told = json.loads(heard()[0])["msgBody"]
    return str(next(value for name, value in told.items() if name in FILE_NAMES[operation]))
