"""Every operation by the manual's own samples: the request as printed, and the response to the byte.

Where the manual masks or invents (tokens, random names), the response is compared with a pattern.
"""

import base64
import hashlib
import re
import zipfile
from dataclasses import dataclass
from io import BytesIO

import pytest

from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import ApiClient, Reply, send_request
from tests.server.ccfs_server import CcfsServer
from tests.two_tenants import add_app, add_recording, add_voice_file, make_a_law_wav

JSON_TYPE = "application/json;charset=UTF-8"
BINARY_TYPE = "Application/Octet-stream;charset=UTF-8"  # capitals as documented
CALL_ID = "1776135340-404299"  # of a public Postman collection, as are ccId and the index name
SK = "the-secret-of-the-manual-0000000"

# Files of the manual's app: name -> audio. The names contain the VDNs.
INDEX_NAME = "/10/1/record/1/20241018/133/1054597.wav"
ORIGINAL_NAME = "X:/4/0/20180416/512/1629533.V3"
PLAYED = "Y:/1/0/20180309/108/2022318.V3"
# In the samples of downloadRecordFile and of downloadIVRRecordFile.
DRIVE_NAME = "Y:/39/record/20201015/10233946082696733.wav"
OIAP_NAME = "Y:/record/7/odfsrecord/20201015/1.wav"
FOLDER = "Y:/voice/1/IVRrecordFile"
UPLOADED = "Y:/3rdfile/53/thirdvoicebotfile/8fSsBaEb_1631869974029.wav"
RECORDINGS = {
    INDEX_NAME: make_a_law_wav(201),
    ORIGINAL_NAME: make_a_law_wav(202),
    PLAYED: make_a_law_wav(203),
    DRIVE_NAME: make_a_law_wav(204),
}
VOICE_FILES = {
    DRIVE_NAME: (39, make_a_law_wav(205)),
    OIAP_NAME: (7, make_a_law_wav(206)),
    f"{FOLDER}/xx.wav": (1, make_a_law_wav(207)),
    UPLOADED: (53, make_a_law_wav(208)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualClient:
    """A client that sends the manual's bodies unchanged."""

    client: ApiClient

    def post(self, target: str, msg_body: str) -> Reply:
        """Send a body of the manual."""
        return self.client.post(BASE_PATH + target, f'{{"request":{{"version":"2.0"}},"msgBody":{msg_body}}}'.encode())


@pytest.fixture(scope="module")
def manual_client(server: CcfsServer) -> ManualClient:
    """The app of the manual's samples, with every file that they name."""
    app = add_app(server.node, "manual", SK, 1, 4, 7, 17, 39, 53)
    add_recording(
        server.node, app, RECORDINGS[INDEX_NAME], INDEX_NAME, "X:/1/0/20241018/133/1054597.V3", call_id=CALL_ID
    )
    add_recording(server.node, app, RECORDINGS[ORIGINAL_NAME], "/10/1/record/1/1629533.V3", ORIGINAL_NAME)
    add_recording(server.node, app, RECORDINGS[PLAYED], "/10/1/record/1/2022318.V3", PLAYED, call_id="1520598151-2")
    add_recording(
        server.node, app, RECORDINGS[DRIVE_NAME], "/10/1/record/1/1023394.V3", DRIVE_NAME, call_id="1520598151-2"
    )
    for name, (vdn, sound) in VOICE_FILES.items():
        add_voice_file(server.node, app, sound, vdn, name)
    return ManualClient(client=ApiClient(server=server, ak=app.ak, sk=SK))


def assert_file(reply: Reply, name: str, data: bytes) -> None:
    """Assert the complete response of a file, except the value of its ETag."""
    assert (reply.status, reply.body) == (200, data)
    assert re.fullmatch(r'"[0-9a-f]{32}"', reply.headers["etag"])
    assert re.fullmatch(r"[0-9a-f]{16}", reply.headers["x-request-id"])
    assert reply.without_headers("etag", "x-request-id", "date", "server")[1] == {
        "content-type": BINARY_TYPE,
        "content-length": str(len(data)),
        "content-disposition": f'attachment; filename="{name}"',
        "accept-ranges": "bytes",
        "cache-control": "private, no-cache",
        "x-content-type-options": "nosniff",
    }


def assert_json(reply: Reply, text: str, content_type: str = JSON_TYPE) -> None:
    """Assert a complete JSON response."""
    assert (reply.status, reply.body.decode()) == (200, text)
    assert reply.headers["content-type"] == content_type
    assert reply.headers["content-length"] == str(len(reply.body))


@pytest.mark.parametrize("name", [INDEX_NAME, DRIVE_NAME])
def test_download_record_file(manual_client: ManualClient, name: str) -> None:
    reply = manual_client.post("downloadRecordFile", f'{{"fileName":"{name}"}}')
    assert_file(reply, "1054597.wav" if name == INDEX_NAME else "1023394.V3", RECORDINGS[name])


def test_download_record_file_of_nothing(manual_client: ManualClient) -> None:
    assert_json(
        manual_client.post("downloadRecordFile", '{"fileName":"/10/1/record/100/13533/0903379.wav"}'),
        '{"response":{"version":"2.0","resultCode":"0300011","resultMsg":"The file does not exist."},'
        '"resultData":"","resultCode":"0300011","resultDesc":"The file does not exist."}',
    )


def test_download_record_by_name(manual_client: ManualClient) -> None:
    assert_file(
        manual_client.post("downloadRecord", f'{{"fileName":"{ORIGINAL_NAME}"}}'),
        "1629533.V3",
        RECORDINGS[ORIGINAL_NAME],
    )


@pytest.mark.parametrize("cc_id", ["1", '"1"', '""', "null"])
def test_download_record_by_call(manual_client: ManualClient, cc_id: str) -> None:
    reply = manual_client.post("downloadRecord", f'{{"callId":"{CALL_ID}","ccId":{cc_id}}}')
    assert_file(reply, "1054597.wav", RECORDINGS[INDEX_NAME])


def test_download_record_of_a_call_with_several(manual_client: ManualClient) -> None:
    reply = manual_client.post("downloadRecord", '{"callId":"1520598151-2"}')
    assert_file(reply, "1520598151-2.zip", reply.body)
    with zipfile.ZipFile(BytesIO(reply.body)) as archive:
        assert archive.testzip() is None
        members = {name: archive.read(name) for name in archive.namelist()}
    assert members == {
        "1_1023394.V3": RECORDINGS[DRIVE_NAME],
        "2_2022318.V3": RECORDINGS[PLAYED],
    }  # they begin at the same time, so the order is by name


@pytest.mark.parametrize(
    "msg_body", [f'{{"callId":"{CALL_ID}","ccId":2}}', '{"callId":"404299"}', '{"fileName":"X:/4"}']
)
def test_download_record_of_nothing(manual_client: ManualClient, msg_body: str) -> None:
    assert_json(
        manual_client.post("downloadRecord", msg_body),
        '{"response":{"version":"2.0","resultCode":"0300012","resultMsg":"No data found."},'
        '"resultData":"","resultCode":"0300012","resultDesc":"No data found."}',
    )


@pytest.mark.parametrize("name", [PLAYED, PLAYED.replace("/", "\\\\"), "y" + PLAYED[1:]])
def test_request_play_voice_and_play_voice(manual_client: ManualClient, name: str) -> None:
    reply = manual_client.post("requestPlayVoice", f'{{"fileName":"{name}"}}')
    token = str(reply.json["resultData"]["token"])
    assert re.fullmatch(r"[0-9A-F]{32}", token)
    assert_json(
        reply,
        '{"response":{"version":"2.0","resultCode":"0","resultMsg":"success"},'
        f'"resultData":{{"token":"{token}"}},"resultCode":"0","resultDesc":"success"}}',
    )
    played = send_request(
        manual_client.client.server, "GET", f"{BASE_PATH}playVoice?t=1521000000000&version=2.0&st={token}"
    )
    assert_file(played, "2022318.V3", RECORDINGS[PLAYED])


def test_request_play_voice_of_nothing(manual_client: ManualClient) -> None:
    assert_json(
        manual_client.post("requestPlayVoice", '{"fileName":"Y:/1/0/20180309/108/2022319.V3"}'),
        '{"response":{"version":"2.0","resultCode":"0300012","resultMsg":"No data found."},'
        '"resultData":null,"resultCode":"0300012","resultDesc":"No data found."}',
    )


def test_play_voice_without_a_token(server: CcfsServer) -> None:
    assert_json(
        send_request(server, "GET", f"{BASE_PATH}playVoice?t=1521000000000&version=2.0&st="),
        '{"resultData":null,"resultCode":"010106","resultDesc":"Parameter token is empty."}',
        "application/octet-stream;charset=UTF-8",
    )


@pytest.mark.parametrize("query", ["", "?locationId=0", "?locationId="])
@pytest.mark.parametrize(
    ("operation", "name"), [("downloadOiapRecord", OIAP_NAME), ("downloadIVRRecordFile", DRIVE_NAME)]
)
def test_downloads_with_a_location(manual_client: ManualClient, operation: str, name: str, query: str) -> None:
    reply = manual_client.post(operation + query, f'{{"fileName":"{name}"}}')
    assert_file(reply, name.rpartition("/")[2], VOICE_FILES[name][1])


@pytest.mark.parametrize(
    ("operation", "name"), [("downloadOiapRecord", OIAP_NAME), ("downloadIVRRecordFile", DRIVE_NAME)]
)
def test_downloads_from_a_location_that_does_not_have_it(
    manual_client: ManualClient, operation: str, name: str
) -> None:
    assert_json(
        manual_client.post(f"{operation}?locationId=256", f'{{"fileName":"{name}"}}'),
        '{"resultData":"","resultCode":"0300011","resultDesc":"The file does not exist."}',
    )


@pytest.mark.parametrize("msg_body", [f'{{"filePath":"{FOLDER}","mode":1}}', f'{{"filePath":"{FOLDER}/xx.wav"}}'])
def test_ivr_download_file(manual_client: ManualClient, msg_body: str) -> None:
    assert_file(manual_client.post("ivr/downloadFile", msg_body), "xx.wav", VOICE_FILES[f"{FOLDER}/xx.wav"][1])


def test_ivr_download_file_against_the_rule(manual_client: ManualClient) -> None:
    assert_json(
        manual_client.post("ivr/downloadFile", '{"filePath":"Y:/elsewhere/1/xx.wav"}'),
        '{"resultData":"","resultCode":"0390003",'
        '"resultDesc":"The value of filePath does not match the path rules of this system."}',
    )


@pytest.mark.parametrize("path", [f"{BASE_PATH}ivr/uploadFile", f"{BASE_PATH}ivr/upload", "/ccfs/ivr/upload"])
def test_ivr_upload_file(manual_client: ManualClient, path: str) -> None:
    sound = make_a_law_wav(209)
    body = f'{{"request":{{"version":"2.0"}},"msgBody":{{"data":"{base64.b64encode(sound).decode()}"}}}}'
    reply = manual_client.client.post(f"{path}?vdnId=53", body.encode())
    name = str(reply.json["resultData"]["fileName"])
    assert re.fullmatch(r"Y:/3rdfile/53/thirdvoicebotfile/[A-Za-z0-9]{8}_[0-9]{13}\.wav", name)
    assert_json(
        reply,
        f'{{"resultData":{{"fileName":"{name}","locationId":["0"]}},"resultCode":"0","resultDesc":"success"}}',
    )
    assert_file(manual_client.post("ivr/downloadFile", f'{{"filePath":"{name}"}}'), name.rpartition("/")[2], sound)


def test_ivr_get_file_hash_and_delete_file(manual_client: ManualClient) -> None:
    digest = hashlib.sha256(VOICE_FILES[UPLOADED][1]).hexdigest()
    assert_json(
        manual_client.post("ivr/getFileHash", f'{{"fileName":"{UPLOADED}","locationId":"0"}}'),
        f'{{"resultData":{{"fileHash":"{digest}","hash":"{digest}","algorithm":"sha256"}},'
        '"resultCode":"0","resultDesc":"success"}',
    )
    assert_json(
        manual_client.post("ivr/deleteFile", f'{{"fileName":"{UPLOADED}","locationId":""}}'),
        '{"resultData":"","resultCode":"0","resultDesc":"operate success"}',
    )
    for operation in ("ivr/getFileHash", "ivr/deleteFile"):
        assert_json(
            manual_client.post(operation, f'{{"fileName":"{UPLOADED}"}}'),
            '{"resultData":"","resultCode":"0300011","resultDesc":"The file does not exist."}',
        )
