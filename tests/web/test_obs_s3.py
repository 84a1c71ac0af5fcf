"""URLs of recordings that lie on an S3 service: its own presigned ones, which a real service honours and refuses."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from ccfs.db.system import locations
from tests.cast import Cast, a_law, fill, keep_recording
from tests.servers import S3_KEYS
from tests.store import buckets
from tests.web.callers import Caller, caller, send
from tests.web.serving import serving

SOUND = a_law(90, 10)
CALL = "1602728619-900"
DAY = {"beginTime": "2020-10-15 00:00:00", "endTime": "2020-10-15 23:59:59", "version": "2.0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Far:
    """A server with one recording in a bucket."""

    caller: Caller
    other: Caller  # of the other app
    cast: Cast
    service: str  # URL of the S3 service

    def url(self) -> str:
        """A URL of the recording."""
        return str(self.caller.ask("getRecordFileUrlFromObs", {"callId": CALL, **DAY}).json["resultData"]["url"])


@pytest.fixture(scope="module", params=[600, 4], ids=["long", "short"])
def far(request: pytest.FixtureRequest, s3_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    """Such a server, whose URLs are good for so many seconds."""
    data: Path = tmp_path_factory.mktemp("far")
    ak, sk = S3_KEYS
    with serving(data, s3_access_key=ak, s3_secret_key=sk, obs_url_seconds=request.param) as server:
        cast = fill(server.node)
        with server.node.database.write_transaction() as connection:
            locations.add(connection, buckets.place(s3_url))
        kept = server.node.locations["1"].write("1/recordings/20201015/one.wav", [SOUND])
        index = f"/0/1/record/{cast.acme.ak}/acme-account/20201015/512/900.wav"
        keep_recording(server.node, cast.acme.app, kept, index, "Y:/4/0/20201015/512/900.V3", call_id=CALL)
        yield Far(caller=caller(server, cast.acme), other=caller(server, cast.bolt), cast=cast, service=s3_url)


def fetched(url: str, **headers: str) -> tuple[int, bytes]:
    """Status and body of a GET."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.parametrize("far", [600], indirect=True)
class TestPresigned:
    """A URL of the service itself."""

    def test_leads_to_the_service_and_is_as_good_as_the_setting_says(self, far: Far) -> None:
        url = far.url()
        assert url.startswith(f"{far.service}/")
        assert parse_qs(urlsplit(url).query)["X-Amz-Expires"] == ["600"]

    def test_gives_the_bytes_and_ranges_without_a_key(self, far: Far) -> None:
        url = far.url()
        assert fetched(url) == (200, SOUND)
        assert fetched(url, Range="bytes=100-199") == (206, SOUND[100:200])

    def test_is_refused_when_it_is_changed(self, far: Far) -> None:
        url = far.url()
        for changed in (url.replace("one.wav", "two.wav"), url.replace("Expires=600", "Expires=6000"), url[:-1] + "0"):
            assert changed == url or fetched(changed)[0] == 403
        assert fetched(url.partition("?")[0])[0] == 403

    def test_is_not_given_to_another_app(self, far: Far) -> None:
        assert far.other.ask("getRecordFileUrlFromObs", {"callId": CALL, **DAY}).code == "0300012"

    def test_is_a_url_of_ours_where_the_bytes_are_on_the_disk(self, far: Far) -> None:
        asked = {"callId": far.cast.acme.large.call_id, **DAY}
        url = far.caller.ask("getRecordFileUrlFromObs", asked).json["resultData"]["url"]
        assert url.startswith(f"http://{far.caller.server.host}/CCFS/")
        target = url.removeprefix(f"http://{far.caller.server.host}")
        assert send(far.caller.server, "HEAD", target).status == 200


@pytest.mark.parametrize("far", [4], indirect=True)  # the service counts whole seconds
def test_a_presigned_url_ends(far: Far) -> None:
    url = far.url()
    assert fetched(url) == (200, SOUND)
    began = time.monotonic()
    while fetched(url)[0] == 200:
        assert time.monotonic() - began < 30
        time.sleep(0.2)
    assert fetched(url)[0] == 403
