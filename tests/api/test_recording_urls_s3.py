"""URLs of recordings in S3: presigned URLs, which a real service accepts and rejects."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from ccfs.db.system.storage import locations
from tests.api.api_client import ApiClient, create_client, send_request
from tests.blobs import s3_locations
from tests.server.ccfs_server import run_server
from tests.servers import S3_KEYS
from tests.two_tenants import TwoTenants, add_recording, create_two_tenants, make_a_law_wav

AUDIO = make_a_law_wav(90, 10)
CALL_ID = "1602728619-900"
DAY_PERIOD = {"beginTime": "2020-10-15 00:00:00", "endTime": "2020-10-15 23:59:59", "version": "2.0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class S3RecordingServer:
    """A server with one recording in a bucket."""

    client: ApiClient
    other_client: ApiClient  # of the other app
    tenants: TwoTenants
    s3_url: str  # of the S3 service

    def get_url(self) -> str:
        """Return a URL of the recording."""
        return str(
            self.client.request("getRecordFileUrlFromObs", {"callId": CALL_ID, **DAY_PERIOD}).json["resultData"]["url"]
        )


@pytest.fixture(scope="module", params=[600, 4], ids=["long", "short"])
def s3_server(
    request: pytest.FixtureRequest, s3_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[S3RecordingServer]:
    """The server; its URLs are valid for so many seconds."""
    data: Path = tmp_path_factory.mktemp("far")
    ak, sk = S3_KEYS
    with run_server(data, s3_access_key=ak, s3_secret_key=sk, obs_url_seconds=request.param) as server:
        tenant_pair = create_two_tenants(server.node)
        with server.node.database.write_transaction() as connection:
            locations.add(connection, s3_locations.make_location_config(s3_url))
        blob = server.node.locations["1"].write("1/recordings/20201015/one.wav", [AUDIO])
        index = f"/0/1/record/{tenant_pair.acme.ak}/acme-account/20201015/512/900.wav"
        add_recording(server.node, tenant_pair.acme.app, blob, index, "Y:/4/0/20201015/512/900.V3", call_id=CALL_ID)
        yield S3RecordingServer(
            client=create_client(server, tenant_pair.acme),
            other_client=create_client(server, tenant_pair.bolt),
            tenants=tenant_pair,
            s3_url=s3_url,
        )


def fetch_url(url: str, **headers: str) -> tuple[int, bytes]:
    """Return status and body of a GET."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.parametrize("s3_server", [600], indirect=True)
class TestPresigned:
    """Presigned URLs."""

    def test_a_presigned_url_leads_to_the_service_and_expires_as_the_setting_says(
        self, s3_server: S3RecordingServer
    ) -> None:
        url = s3_server.get_url()
        assert url.startswith(f"{s3_server.s3_url}/")
        assert parse_qs(urlsplit(url).query)["X-Amz-Expires"] == ["600"]

    def test_a_presigned_url_gives_the_bytes_and_ranges_without_a_key(self, s3_server: S3RecordingServer) -> None:
        url = s3_server.get_url()
        assert fetch_url(url) == (200, AUDIO)
        assert fetch_url(url, Range="bytes=100-199") == (206, AUDIO[100:200])

    def test_a_changed_presigned_url_is_rejected(self, s3_server: S3RecordingServer) -> None:
        url = s3_server.get_url()
        for changed in (url.replace("one.wav", "two.wav"), url.replace("Expires=600", "Expires=6000"), url[:-1] + "0"):
            assert changed == url or fetch_url(changed)[0] == 403
        assert fetch_url(url.partition("?")[0])[0] == 403

    def test_a_presigned_url_is_not_given_to_another_app(self, s3_server: S3RecordingServer) -> None:
        assert (
            s3_server.other_client.request("getRecordFileUrlFromObs", {"callId": CALL_ID, **DAY_PERIOD}).result_code
            == "0300012"
        )

    def test_a_recording_on_the_disk_has_a_url_of_ccfs_and_no_presigned_one(self, s3_server: S3RecordingServer) -> None:
        fields = {"callId": s3_server.tenants.acme.large_recording.call_id, **DAY_PERIOD}
        url = s3_server.client.request("getRecordFileUrlFromObs", fields).json["resultData"]["url"]
        assert url.startswith(f"http://{s3_server.client.server.host}/CCFS/")
        target = url.removeprefix(f"http://{s3_server.client.server.host}")
        assert send_request(s3_server.client.server, "HEAD", target).status == 200


@pytest.mark.parametrize("s3_server", [4], indirect=True)  # the service counts whole seconds
def test_a_presigned_url_expires(s3_server: S3RecordingServer) -> None:
    url = s3_server.get_url()
    assert fetch_url(url) == (200, AUDIO)
    began = time.monotonic()
    while fetch_url(url)[0] == 200:
        assert time.monotonic() - began < 30
        time.sleep(0.2)
    assert fetch_url(url)[0] == 403
