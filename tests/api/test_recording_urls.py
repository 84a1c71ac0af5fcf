"""getRecordFileUrlFromObs: the recordings of a call in a period and a zone, and the responses to their URLs."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest

from ccfs.db.system import tenants
from ccfs.model.identity.tenancy import Account, Vdn
from ccfs.model.recordings.recording import Recording
from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import ApiClient
from tests.api.recording_urls import DAY_PERIOD, IN_CHINA, OPERATION, fetch_url, get_urls
from tests.server.ccfs_server import CcfsServer
from tests.two_tenants import BEGIN, TwoTenants, add_recording, make_a_law_wav

TOKYO = "acme-tokyo"


@pytest.fixture(scope="module")
def two_agent_recordings(server: CcfsServer, tenant_pair: TwoTenants) -> tuple[Recording, Recording]:
    """A call of two agents: the second recording begins in the second in which the first one ends."""
    begin = datetime(2021, 3, 1, 2, 0, 0, 500_000, tzinfo=UTC)
    return tuple(  # type: ignore[return-value]
        add_recording(
            server.node,
            tenant_pair.acme.app,
            make_a_law_wav(60 + number),
            f"/0/1/record/{tenant_pair.acme.ak}/acme-account/20210301/512/{number}.wav",
            f"Y:/4/0/20210301/512/{number}.V3",
            call_id="1614564000-1",
            call_begin=begin + timedelta(minutes=5 * number),
            call_end=begin + timedelta(minutes=5 * number + 5),
        )
        for number in range(2)
    )


class TestResponse:
    """The shape of the response."""

    def test_the_url_of_one_recording_is_one_text(self, acme_client: ApiClient, tenant_pair: TwoTenants) -> None:
        reply = acme_client.request(
            OPERATION, {"callId": tenant_pair.acme.large_recording.call_id, **DAY_PERIOD, **IN_CHINA}
        )
        assert list(reply.json) == ["resultData", "resultCode", "resultDesc"]
        assert (reply.result_code, reply.json["resultDesc"]) == ("0", "success")
        assert list(reply.json["resultData"]) == ["url"]
        assert (
            fetch_url(acme_client.server, reply.json["resultData"]["url"]).body
            == tenant_pair.acme.audio_by_name[tenant_pair.acme.large_recording.file_name]
        )

    def test_the_urls_of_several_recordings_are_a_list_in_order_of_begin(
        self, acme_client: ApiClient, tenant_pair: TwoTenants
    ) -> None:
        reply = acme_client.request(
            OPERATION, {"callId": tenant_pair.acme.call_recordings[0].call_id, **DAY_PERIOD, **IN_CHINA}
        )
        urls = reply.json["resultData"]["url"]
        assert [fetch_url(acme_client.server, url).body for url in urls] == [
            tenant_pair.acme.audio_by_name[recording.file_name] for recording in tenant_pair.acme.call_recordings
        ]

    def test_the_url_is_the_same_for_a_body_in_an_envelope(
        self, acme_client: ApiClient, tenant_pair: TwoTenants
    ) -> None:
        body = {
            "request": {"version": "2.0"},
            "msgBody": {"callId": tenant_pair.acme.large_recording.call_id, **DAY_PERIOD},
        }
        reply = acme_client.post(BASE_PATH + OPERATION, json.dumps(body).encode())
        assert fetch_url(acme_client.server, reply.json["resultData"]["url"]).status == 200

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"callId": None}, "0300001"),
            ({"callId": ""}, "0300002"),
            ({"callId": "x" * 26}, "0300003"),
            ({"beginTime": None}, "0300001"),
            ({"beginTime": ""}, "0300002"),
            ({"endTime": "2020-10-15T23:59:59"}, "0300004"),
            ({"endTime": "2020-10-32 00:00:00"}, "0300004"),
            ({"version": "1.0"}, "0300006"),
            ({"beginTime": "2020-10-16 00:00:00"}, "0300013"),
            ({"endTime": "2020-10-18 00:00:01"}, "0390006"),
        ],
    )
    @pytest.mark.parametrize("call_id", ["the call's", "none"])
    def test_an_invalid_url_request_is_answered_with_the_reason(
        self, acme_client: ApiClient, tenant_pair: TwoTenants, call_id: str, change: dict[str, Any], code: str
    ) -> None:
        named = tenant_pair.acme.large_recording.call_id if call_id == "the call's" else call_id
        reply = acme_client.request(OPERATION, {"callId": named, **DAY_PERIOD, **IN_CHINA, **change})
        assert (reply.result_code, reply.json["resultData"]) == (code, "")

    def test_urls_of_exactly_three_days_may_be_requested(self, acme_client: ApiClient, tenant_pair: TwoTenants) -> None:
        assert get_urls(
            acme_client,
            tenant_pair.acme.large_recording.call_id,
            "2020-10-15 00:00:00",
            "2020-10-18 00:00:00",
            **IN_CHINA,
        )


class TestPeriod:
    """Times are in the account's zone with a version, else in UTC. acme's recordings begin at 02:23:39 UTC, 10:23:39 there."""

    def test_a_period_with_a_version_is_in_the_accounts_zone(
        self, acme_client: ApiClient, tenant_pair: TwoTenants
    ) -> None:
        call = tenant_pair.acme.only_recording.call_id
        assert len(get_urls(acme_client, call, "2020-10-15 10:23:39", "2020-10-15 10:24:39", **IN_CHINA)) == 1
        assert get_urls(acme_client, call, "2020-10-15 02:23:39", "2020-10-15 02:24:39", **IN_CHINA) == []

    @pytest.mark.parametrize("version", [{}, {"version": ""}, {"version": None}])
    def test_a_period_without_a_version_is_in_utc(
        self, acme_client: ApiClient, tenant_pair: TwoTenants, version: dict[str, Any]
    ) -> None:
        call = tenant_pair.acme.only_recording.call_id
        assert len(get_urls(acme_client, call, "2020-10-15 02:23:39", "2020-10-15 02:24:39", **version)) == 1
        assert get_urls(acme_client, call, "2020-10-15 10:23:39", "2020-10-15 10:24:39", **version) == []

    def test_a_period_of_an_account_in_another_zone_is_in_that_zone(
        self, acme_client: ApiClient, tenant_pair: TwoTenants
    ) -> None:
        node, app = acme_client.server.node, tenant_pair.acme.app
        with node.database.write_transaction() as connection:
            vdn = Vdn(vdn_id=81, cc_id=1, account_id=TOKYO)
            tenants.add_account(connection, app, Account(account_id=TOKYO, zone="Asia/Tokyo"), vdn, BEGIN)
        more = {"account_id": TOKYO, "call_id": "1602728619-81", "call_begin": BEGIN}
        add_recording(node, app, make_a_law_wav(59), "/0/1/record/tokyo/1.wav", "Y:/81/0/1.V3", **more)
        assert (
            len(get_urls(acme_client, "1602728619-81", "2020-10-15 11:23:39", "2020-10-15 11:24:39", version="2.0"))
            == 1
        )
        assert get_urls(acme_client, "1602728619-81", "2020-10-15 10:23:39", "2020-10-15 10:24:39", version="2.0") == []

    def test_a_period_as_the_index_has_it_names_one_of_two_recordings_that_meet(
        self, acme_client: ApiClient, tenant_pair: TwoTenants, two_agent_recordings: tuple[Recording, Recording]
    ) -> None:
        for minute, recording in zip((0, 5), two_agent_recordings, strict=True):
            begin, end = f"2021-03-01 10:{minute:02}:00", f"2021-03-01 10:{minute + 5:02}:00"
            [url] = get_urls(acme_client, recording.call_id, begin, end, version="2.0")
            assert unquote(url).partition("?")[0].endswith(recording.file_name)

    def test_a_period_in_which_a_recording_begins_without_ending_names_it(
        self, acme_client: ApiClient, two_agent_recordings: tuple[Recording, Recording]
    ) -> None:
        call = two_agent_recordings[0].call_id
        assert len(get_urls(acme_client, call, "2021-03-01 10:05:00", "2021-03-01 10:06:00", version="2.0")) == 1
        assert len(get_urls(acme_client, call, "2021-03-01 10:00:00", "2021-03-01 10:10:00", version="2.0")) == 2
        assert get_urls(acme_client, call, "2021-03-01 10:06:00", "2021-03-01 10:20:00", version="2.0") == []

    def test_a_period_of_a_call_of_two_apps_names_only_recordings_of_the_requesting_app(
        self, acme_client: ApiClient, bolt_client: ApiClient, tenant_pair: TwoTenants
    ) -> None:
        for client, member in ((acme_client, tenant_pair.acme), (bolt_client, tenant_pair.bolt)):
            [url] = get_urls(client, member.only_recording.call_id, *DAY_PERIOD.values(), **IN_CHINA)
            assert fetch_url(client.server, url).body == member.audio_by_name[member.only_recording.file_name]


class TestUrl:
    """Responses to a URL."""

    def test_a_recording_url_gives_the_same_as_a_signed_download(
        self, acme_client: ApiClient, tenant_pair: TwoTenants, recording_url: str
    ) -> None:
        signed = acme_client.request("downloadRecordFile", {"fileName": tenant_pair.acme.large_recording.file_name})
        assert fetch_url(acme_client.server, recording_url).without_headers(
            "date", "x-request-id"
        ) == signed.without_headers("date", "x-request-id")

    def test_a_recording_url_gives_ranges_and_tags(
        self, acme_client: ApiClient, tenant_pair: TwoTenants, recording_url: str
    ) -> None:
        sound = tenant_pair.acme.audio_by_name[tenant_pair.acme.large_recording.file_name]
        head = fetch_url(acme_client.server, recording_url, "HEAD")
        assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(sound)))
        part = fetch_url(acme_client.server, recording_url, range="bytes=100-299")
        assert (part.status, part.body) == (206, sound[100:300])
        assert fetch_url(acme_client.server, recording_url, if_none_match=head.headers["etag"]).status == 304
        assert fetch_url(acme_client.server, recording_url, range=f"bytes={len(sound)}-").status == 416

    def test_a_recording_url_needs_no_key_and_ignores_one(self, acme_client: ApiClient, recording_url: str) -> None:
        assert fetch_url(acme_client.server, recording_url, Authorization="nonsense").status == 200

    def test_a_recording_url_works_again_and_again(self, acme_client: ApiClient, recording_url: str) -> None:
        assert [fetch_url(acme_client.server, recording_url, range="bytes=0-0").status for _ in range(3)] == [206] * 3

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
    def test_a_recording_url_is_for_reading(self, acme_client: ApiClient, recording_url: str, method: str) -> None:
        reply = fetch_url(acme_client.server, recording_url, method)
        assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")
