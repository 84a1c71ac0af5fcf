"""Flow control on real servers: concurrent requests, requests per minute, queued exports, and changes while they run."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from ccfs.db import schema
from ccfs.db.system import app_limits
from ccfs.db.tenant import exports
from ccfs.model.identity.app_limits import AppLimits
from ccfs.model.identity.tenancy import App
from tests import databases
from tests.api.api_client import ApiClient, Reply, create_client, send_request
from tests.db.tenant.test_exports import make_export
from tests.server.ccfs_server import CcfsServer, run_server
from tests.two_tenants import CALLBACK_URL, TwoTenants, create_two_tenants
from tests.waiting import wait_until
from tests.web.slow_clients import HELD_BYTES, add_held_recording, hold_downloads, read_body

DOWNLOAD, QUERY = "0300008", "0300009"
PERIOD = {"beginTime": "2020-10-15 00:00:00", "endTime": "2020-10-16 00:00:00"}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def limited_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CcfsServer]:
    """A server on each engine, with two web processes."""
    data: Path = tmp_path_factory.mktemp("shares")
    if request.param == "sqlite":
        with run_server(data, lock_failures=3, workers=2) as server:
            yield server
    else:
        url = request.getfixturevalue("postgres_url")
        with databases.create_database(url) as own, run_server(data, database_url=own, workers=2) as server:
            yield server


@pytest.fixture(scope="module")
def pair(limited_server: CcfsServer) -> TwoTenants:
    return create_two_tenants(limited_server.node)


@pytest.fixture(scope="module")
def held_name(limited_server: CcfsServer, pair: TwoTenants) -> str:
    """A recording of acme that no client receives at once."""
    return add_held_recording(limited_server.node, pair.acme)


@pytest.fixture
def acme(limited_server: CcfsServer, pair: TwoTenants) -> Iterator[ApiClient]:
    yield create_client(limited_server, pair.acme)
    set_limits(limited_server, pair.acme.app)


@pytest.fixture
def bolt(limited_server: CcfsServer, pair: TwoTenants) -> ApiClient:
    return create_client(limited_server, pair.bolt)


def set_limits(server: CcfsServer, app: App, **limits: int) -> None:
    """Set the limits of an app as `ccfs app limits` does."""
    with server.node.database.write_transaction() as connection:
        app_limits.save(connection, app, AppLimits(**limits))


def wait_for_code(code: str, client: ApiClient, name: str) -> None:
    """Wait until both processes of the server have applied changed limits."""
    wait_until(lambda: all(get_code(download(client, name)) == code for _ in range(8)), 30)


def download(client: ApiClient, name: str) -> Reply:
    return client.request("downloadRecordFile", {"fileName": name})


def query(client: ApiClient, call_id: str = "1-1") -> Reply:
    return client.request("getRecordFileUrlFromObs", {**PERIOD, "callId": call_id, "version": "2.0"})


def request_export(client: ApiClient) -> Reply:
    return client.request("queryBillData", {**PERIOD, "dataType": "call", "callBackURL": CALLBACK_URL})


def get_code(reply: Reply) -> str:
    """Return the resultCode, 0 for a file."""
    return reply.result_code if reply.headers["content-type"].startswith("application/json") else "0"


def assert_over_limit(reply: Reply, code: str) -> None:
    assert (reply.status, get_code(reply)) == (200, code)
    assert 1 <= int(reply.headers["retry-after"]) <= 120
    assert reply.json["resultDesc"].startswith("Reached the ")


def test_one_more_download_than_the_limit_is_rejected_until_another_ends(
    acme: ApiClient, bolt: ApiClient, pair: TwoTenants, held_name: str
) -> None:
    name = pair.acme.only_recording.file_name
    set_limits(acme.server, pair.acme.app, concurrent_downloads=6)
    with hold_downloads(acme, held_name, 5) as held:
        assert get_code(download(acme, name)) == "0"
        with hold_downloads(acme, held_name, 1):
            wait_for_code(DOWNLOAD, acme, name)
            replies = [download(acme, name) for _ in range(8)]  # to either process
            for reply in replies:
                assert_over_limit(reply, DOWNLOAD)
            assert get_code(query(acme)) != QUERY
            assert get_code(download(bolt, pair.bolt.only_recording.file_name)) == "0"
        assert read_body(held[0]) == HELD_BYTES
        wait_for_code("0", acme, name)


def test_requests_that_were_aborted_do_not_count_any_more(acme: ApiClient, pair: TwoTenants, held_name: str) -> None:
    name = pair.acme.only_recording.file_name
    set_limits(acme.server, pair.acme.app, concurrent_downloads=2)
    for _ in range(5):
        with hold_downloads(acme, held_name, 1):
            pass
    wait_for_code("0", acme, name)
    with ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(lambda _: download(acme, name), range(40)))
    assert {get_code(reply) for reply in replies} == {"0"}


def test_play_tokens_and_signed_urls_count_as_downloads_of_their_app(
    acme: ApiClient, pair: TwoTenants, held_name: str
) -> None:
    recording = pair.acme.only_recording
    url = query(acme, recording.call_id).json["resultData"]["url"]
    path = url.partition(acme.server.host)[2]
    play = f"/CCFS/resource/ccfs/playVoice?t=1&version=2.0&st={pair.acme.play_token}"
    assert [send_request(acme.server, "GET", target).status for target in (path, play)] == [200, 200]
    set_limits(acme.server, pair.acme.app, concurrent_downloads=1)
    with hold_downloads(acme, held_name, 1):
        wait_for_code(DOWNLOAD, acme, recording.file_name)
        rejected = send_request(acme.server, "GET", path)
        assert (rejected.status, rejected.headers["retry-after"]) == (503, "1")
        assert b"<Code>SlowDown</Code>" in rejected.body
        played = send_request(acme.server, "GET", play)
        assert (played.status, played.json["resultCode"], played.headers["retry-after"]) == (200, DOWNLOAD, "1")


def test_a_minute_has_no_more_requests_than_the_limit(acme: ApiClient, bolt: ApiClient, pair: TwoTenants) -> None:
    name = pair.acme.only_recording.file_name
    while time.monotonic() % 60 > 40:  # all of it within one minute of the server's, which is the machine's
        time.sleep(0.5)
    set_limits(acme.server, pair.acme.app, downloads_per_minute=1)
    wait_for_code(DOWNLOAD, acme, name)
    assert_over_limit(download(acme, name), DOWNLOAD)
    assert get_code(query(acme)) != QUERY
    assert get_code(download(bolt, pair.bolt.only_recording.file_name)) == "0"
    set_limits(acme.server, pair.acme.app)
    wait_for_code("0", acme, name)


def test_a_query_beyond_those_of_a_minute_is_rejected(acme: ApiClient, pair: TwoTenants) -> None:
    set_limits(acme.server, pair.acme.app, queries_per_minute=1)
    wait_until(lambda: [get_code(query(acme)) for _ in range(6)] == [QUERY] * 6, 20)
    assert_over_limit(request_export(acme), QUERY)
    assert_over_limit(acme.request("requestPlayVoice", {"fileName": pair.acme.only_recording.file_name}), QUERY)


def test_zero_means_unlimited_whatever_the_defaults_are(acme: ApiClient, pair: TwoTenants, held_name: str) -> None:
    unlimited = dict.fromkeys(("concurrent_downloads", "downloads_per_minute", "bytes_per_second"), 0)
    set_limits(acme.server, pair.acme.app, **unlimited)
    with hold_downloads(acme, held_name, 20):
        replies = [download(acme, pair.acme.only_recording.file_name) for _ in range(5)]
    assert {get_code(reply) for reply in replies} == {"0"}


def test_a_stranger_does_not_use_up_an_app_s_minute(acme: ApiClient, pair: TwoTenants) -> None:
    impostor = ApiClient(server=acme.server, ak=pair.bolt.ak, sk="wrong", source="127.0.0.77")
    set_limits(acme.server, pair.bolt.app, queries_per_minute=500)
    bolt = create_client(acme.server, pair.bolt)
    assert {query(impostor).status for _ in range(30)} <= {401, 403}
    assert get_code(query(bolt)) != QUERY
    set_limits(acme.server, pair.bolt.app, queries_per_minute=10)
    replies = [query(bolt) for _ in range(3)]
    assert QUERY not in {get_code(reply) for reply in replies}
    set_limits(acme.server, pair.bolt.app)


def test_use_and_rejections_are_in_the_metrics(acme: ApiClient, pair: TwoTenants, held_name: str) -> None:
    set_limits(acme.server, pair.acme.app, concurrent_downloads=2)
    with hold_downloads(acme, held_name, 2):
        wait_for_code(DOWNLOAD, acme, pair.acme.only_recording.file_name)
        text = send_request(acme.server, "GET", "/metrics").body.decode()
    number = pair.acme.app.id
    assert f'ccfs_app_requests_in_flight{{app="{number}",kind="download"' in text
    [line] = [line for line in text.splitlines() if f'in_flight{{app="{number}",kind="download"' in line]
    assert line.endswith(" 2.0")
    assert f'ccfs_flow_control_rejections_total{{app="{number}",operation="downloadRecordFile"}}' in text


def test_an_unsupported_body_of_an_app_over_its_limit_is_not_even_parsed(
    acme: ApiClient, pair: TwoTenants, held_name: str
) -> None:
    set_limits(acme.server, pair.acme.app, concurrent_downloads=1)
    with hold_downloads(acme, held_name, 1):
        wait_for_code(DOWNLOAD, acme, pair.acme.only_recording.file_name)
        target = "/CCFS/resource/ccfs/downloadRecordFile"
        assert json.loads(acme.post(target, b"{no json").body)["resultCode"] == DOWNLOAD


def test_an_app_has_no_more_exports_waiting_than_the_limit(acme: ApiClient, bolt: ApiClient, pair: TwoTenants) -> None:
    set_limits(acme.server, pair.acme.app, queued_exports=3)
    hold_exports(acme, pair.acme.app, 3)
    wait_until(lambda: all(get_code(request_export(acme)) == QUERY for _ in range(8)), 30)
    assert_over_limit(request_export(acme), QUERY)
    assert get_code(request_export(bolt)) == "0"
    with acme.server.node.database.write_transaction() as connection:
        connection.execute(sa.delete(schema.exports).where(schema.exports.c.lease == "held"))
    wait_until(lambda: get_code(request_export(acme)) == "0")


def hold_exports(client: ApiClient, app: App, count: int) -> None:
    """Add exports that a worker seems to be generating."""
    with client.server.node.database.write_transaction() as connection:
        for number in range(count):
            response_id = f"{number:032x}"
            exports.add(connection, app, make_export(number, callback_url=CALLBACK_URL))
            held = sa.update(schema.exports).where(schema.exports.c.response_id == response_id)
            connection.execute(held.values(due_at=datetime.now(UTC) + timedelta(hours=1), lease="held"))


@pytest.mark.parametrize("operation", ["downloadRecordFile", "downloadRecord"])
def test_downloads_of_an_app_share_its_rate_on_all_processes(
    acme: ApiClient, bolt: ApiClient, pair: TwoTenants, operation: str
) -> None:
    """Files and, for a call with two recordings, zips; the other app has no rate."""
    size, rate = pair.acme.large_recording.blob.size, 800_000
    set_limits(acme.server, pair.acme.app, bytes_per_second=rate)
    wait_for_code("0", acme, pair.acme.only_recording.file_name)
    time.sleep(1.5)  # until both processes have reloaded the tenants
    body = {"fileName": pair.acme.large_recording.file_name}
    if operation == "downloadRecord":
        body = {"callId": pair.acme.large_recording.call_id}
    began = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(lambda _: acme.request(operation, body), range(2)))
    seconds = time.monotonic() - began
    assert [len(reply.body) for reply in replies] == [size, size]
    burst = 2 * rate  # of two processes, each with the whole rate until it sees the other
    assert (2 * size - burst) / rate < seconds < 2 * size / rate * 20
    text = send_request(acme.server, "GET", "/metrics").body.decode()
    assert f'ccfs_app_delayed_bytes_total{{app="{pair.acme.app.id}"}}' in text
    assert f'ccfs_app_delayed_bytes_total{{app="{pair.bolt.app.id}"}}' not in text


def test_a_rate_that_is_raised_applies_to_downloads_under_way(acme: ApiClient, pair: TwoTenants) -> None:
    set_limits(acme.server, pair.acme.app, bytes_per_second=20_000)  # the download would take 160 seconds
    time.sleep(1.5)
    name = pair.acme.large_recording.file_name
    with ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        slow = pool.submit(download, acme, name)
        time.sleep(1)
        assert not slow.done()
        set_limits(acme.server, pair.acme.app, bytes_per_second=0)
        assert len(slow.result().body) == pair.acme.large_recording.blob.size
    assert time.monotonic() - began < 100
