"""Every CC-FS operation through the load balancer in front of three nodes, with files on each disk and in a bucket: every node
gives the same response."""

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
from tests.two_tenants import Tenant
from tests.waiting import wait_until

VARYING_OPERATIONS = (
    "requestPlayVoice",
    "getRecordFileUrlFromObs",
    "ivr/upload",
    "query",
    "ivr/delete",
)  # they differ from response to response
VARYING_HEADERS = ("x-request-id", "date", "server", "connection", "keep-alive")
TENANT_NAMES = ("acme", "bolt")


def create_clients(full_site: FullSite, member: Tenant) -> dict[str, ApiClient]:
    """Return the app's clients of the load balancer and of each node."""
    direct = {name: create_client(full_site.nodes[name], member) for name in NODE_NAMES}
    return {"balancer": create_client(full_site.nginx, member), **direct}


def list_recordings(member: Tenant) -> list[Recording]:
    return [member.only_recording, *member.call_recordings, member.large_recording]


def strip_varying_headers(reply: Reply) -> tuple[int, dict[str, str], bytes]:
    return reply.without_headers(*VARYING_HEADERS)


def test_every_location_has_files(full_site: FullSite) -> None:
    everywhere = {location.location_id for location in full_site.locations.values()}
    assert len(everywhere) == 4
    for member in (full_site.tenants.acme, full_site.tenants.bolt):
        assert {recording.blob.location_id for recording in list_recordings(member)} == everywhere


@pytest.mark.parametrize("member", TENANT_NAMES)
@pytest.mark.parametrize(
    "label", [label for label in list_labels() if label != "deletion"]
)  # deletion has its own test
def test_an_operation_has_equal_responses_through_the_balancer_and_from_each_node(
    full_site: FullSite, label: str, member: str
) -> None:
    tenant: Tenant = getattr(full_site.tenants, member)
    operation, fields = build_lookup_requests(tenant, there=True)[label]
    replies = [client.request(operation, fields) for client in create_clients(full_site, tenant).values()]
    assert {reply.status for reply in replies} == {200}
    if operation.startswith(VARYING_OPERATIONS):
        assert {reply.result_code for reply in replies} == {"0"}
    else:
        assert strip_varying_headers(replies[0]) in [strip_varying_headers(reply) for reply in replies[1:]]
        assert len({reply.body for reply in replies}) == 1
        assert len({reply.headers.get("etag") for reply in replies}) == 1
    if operation == "downloadRecordFile" and label != "message by the other operation":
        assert replies[0].body == tenant.audio_by_name[fields["fileName"]]


def test_every_operation_is_tested_on_the_full_site(full_site: FullSite) -> None:
    tested = {
        operation.partition("?")[0]
        for operation, _ in build_lookup_requests(full_site.tenants.acme, there=True).values()
    }
    assert {operation.name for operation in OPERATIONS} == {*tested - {"ivr/upload"}, "playVoice"}


def test_ranges_are_equal_in_every_location(full_site: FullSite) -> None:
    for member in (full_site.tenants.acme, full_site.tenants.bolt):
        for recording in list_recordings(member):
            for client in create_clients(full_site, member).values():
                reply = client.request("downloadRecordFile", {"fileName": recording.file_name}, range="bytes=100-7000")
                assert (reply.status, reply.body) == (206, member.audio_by_name[recording.file_name][100:7001])


def test_a_token_of_one_node_plays_on_all(full_site: FullSite) -> None:
    for member in (full_site.tenants.acme, full_site.tenants.bolt):
        for recording in list_recordings(member):
            reply = create_client(full_site.nginx, member).request(
                "requestPlayVoice", {"fileName": recording.file_name}
            )
            target = f"{BASE_PATH}playVoice?t=1&version=2.0&st={reply.json['resultData']['token']}"
            for server in (full_site.nginx, *(full_site.nodes[name] for name in NODE_NAMES)):
                assert send_request(server, "GET", target).body == member.audio_by_name[recording.file_name]


def test_recording_urls_serve_the_bytes(full_site: FullSite) -> None:
    for member in (full_site.tenants.acme, full_site.tenants.bolt):
        operation, fields = build_lookup_requests(member, there=True)["URLs"]
        urls = create_client(full_site.nginx, member).request(operation, fields).json["resultData"]["url"]
        sounds = [fetch_url(full_site, url) for url in urls]
        assert sounds == [member.audio_by_name[recording.file_name] for recording in member.call_recordings]


def fetch_url(full_site: FullSite, url: str) -> bytes:
    """Return the body of a URL of the load balancer or of the bucket."""
    site_, _, path = url.removeprefix("http://").partition("/")
    port = int(site_.rpartition(":")[2])
    assert port in (full_site.nginx.port, full_site.s3_proxy.port)
    return send_request(replace(full_site.nginx, port=port), "GET", f"/{path}", {"host": site_}).body


@pytest.mark.parametrize("name", NODE_NAMES)
def test_an_upload_to_any_node_is_served_by_all_and_deleted_by_any(full_site: FullSite, name: str) -> None:
    acme, everyone = full_site.tenants.acme, create_clients(full_site, full_site.tenants.acme)
    uploaded = everyone[name].request(f"ivr/uploadFile?vdnId={acme.vdn}", {"data": AUDIO_BASE64}).json["resultData"]
    for client in everyone.values():
        assert client.request("ivr/downloadFile", {"filePath": uploaded["fileName"]}).body == base64.b64decode(
            AUDIO_BASE64
        )
        assert client.request("ivr/getFileHash", {"fileName": uploaded["fileName"]}).result_code == "0"
    known_at = {"fileName": uploaded["fileName"], "locationId": uploaded["locationId"][0]}
    assert everyone["balancer"].request("ivr/deleteFile", known_at).result_code == "0"
    for client in everyone.values():
        assert client.request("ivr/downloadFile", {"filePath": uploaded["fileName"]}).result_code == "0300011"


@pytest.mark.parametrize("operation", DOWNLOAD_OPERATIONS)
def test_an_export_of_any_node_is_announced_and_served_by_all(full_site: FullSite, operation: str) -> None:
    everyone = create_clients(full_site, full_site.tenants.acme)
    for client in everyone.values():
        response_id = client.request(operation, {**DAY_PERIOD, "callBackURL": full_site.receiver.url}).json[
            "resultData"
        ]["responseId"]
        file = wait_for_file_name(full_site, operation, response_id)
        download, field = DOWNLOAD_OPERATIONS[operation]
        replies = [client.request(download, {field: file}) for client in everyone.values()]
        assert len({reply.body for reply in replies}) == 1
        assert read_zip(replies[0])


def wait_for_file_name(full_site: FullSite, operation: str, response_id: str) -> str:
    """Wait for the callback, and return the file name in it."""

    def list_callbacks() -> list[bytes]:
        return [callback.body for callback in full_site.receiver.received if response_id.encode() in callback.body]

    wait_until(lambda: bool(list_callbacks()))
    msg_body = json.loads(list_callbacks()[0])["msgBody"]
    return str(next(value for name, value in msg_body.items() if name in FILE_NAMES[operation]))
