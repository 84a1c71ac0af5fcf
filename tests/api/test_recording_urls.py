"""getRecordFileUrlFromObs: which recordings of a call a period names, and in which zone; what its URLs give, and to whom."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

import pytest

from ccfs.db.system import tenants
from ccfs.model.identity.tenancy import Account, Vdn
from ccfs.model.recordings.recording import Recording
from ccfs.protocol import signed_url
from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import ApiClient, Reply, send_request
from tests.server.ccfs_server import CcfsServer
from tests.two_tenants import BEGIN, Tenant, TwoTenants, add_recording, get_blob_path, make_a_law_wav

OPERATION = "getRecordFileUrlFromObs"
DAY_PERIOD = {"beginTime": "2020-10-15 00:00:00", "endTime": "2020-10-15 23:59:59"}
IN_CHINA = {"version": "2.0"}
NO_DATA = b'{"resultData":"","resultCode":"0300012","resultDesc":"No data found."}'
TOKYO = "acme-tokyo"


def get_urls(caller: ApiClient, call_id: str, begin: str, end: str, **more: Any) -> list[str]:
    """The URLs of a call's recordings in a period; none where there is no data."""
    reply = caller.request(OPERATION, {"callId": call_id, "beginTime": begin, "endTime": end, **more})
    if reply.body == NO_DATA:
        return []
    url = reply.json["resultData"]["url"]
    return [url] if isinstance(url, str) else list(url)


def get_target(url: str, server: CcfsServer) -> str:
    """Path and query of a URL of that server."""
    base = f"http://{server.host}"
    assert url.startswith(base + BASE_PATH)
    return url.removeprefix(base)


def fetch_url(server: CcfsServer, url: str, method: str = "GET", **headers: str) -> Reply:
    """What the URL gives to somebody without any key."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return send_request(server, method, get_target(url, server), named)


@pytest.fixture(scope="module")
def recording_url(acme_client: ApiClient, tenant_pair: TwoTenants) -> str:
    """A URL of acme's large recording."""
    [one] = get_urls(acme_client, tenant_pair.acme.large_recording.call_id, *DAY_PERIOD.values(), **IN_CHINA)
    return one


@pytest.fixture(scope="module")
def two_agent_recordings(server: CcfsServer, tenant_pair: TwoTenants) -> tuple[Recording, Recording]:
    """A call of two agents: the second is recorded from the second in which the first's recording ends."""
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


class TestAnswer:
    """The answer's shape."""

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
            tenant_pair.acme.audio_by_name[one.file_name] for one in tenant_pair.acme.call_recordings
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
    """Times: in the account's zone with a version, in UTC without. acme's recordings begin at 02:23:39 UTC, 10:23:39 there."""

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

    def test_a_period_of_an_account_elsewhere_is_in_its_own_zone(
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
        for caller, member in ((acme_client, tenant_pair.acme), (bolt_client, tenant_pair.bolt)):
            [url] = get_urls(caller, member.only_recording.call_id, *DAY_PERIOD.values(), **IN_CHINA)
            assert fetch_url(caller.server, url).body == member.audio_by_name[member.only_recording.file_name]


class TestUrl:
    """What a URL gives."""

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


def assert_denied(reply: Reply) -> None:
    """What S3 says to a URL that is not good: the same for every reason."""
    assert (reply.status, reply.body) == (403, signed_url.ACCESS_DENIED_BODY)
    assert reply.headers["content-type"] == "application/xml"
    assert reply.headers["cache-control"] == "no-store"
    assert {"etag", "content-disposition", "accept-ranges"}.isdisjoint(reply.headers)


def iter_tampered_urls(target: str, member: Tenant, other: Tenant) -> Iterator[str]:
    """Ways to make more of a URL than it is."""
    path, _, query = target.partition("?")
    expires, _, signature = query.partition("&Signature=")
    named = f"{member.app.id}{quote(member.large_recording.file_name)}"
    yield path
    yield f"{path}?"
    yield f"{path}?{expires}"
    yield f"{path}?{expires}&Signature="
    yield f"{path}?Expires=99999999999&Signature={signature}"
    yield f"{path}?{expires}0&Signature={signature}"
    yield f"{path}?{expires}&Signature={signature.upper()}"
    yield f"{path}?{expires}&Signature={signature[:-1]}{'0' if signature[-1] != '0' else '1'}"
    yield f"{path}?{expires}&Signature={'0' * 64}"
    yield f"{path}?Signature={signature}&{expires}"
    yield f"{target}&x=1"
    yield f"{target}&{expires}"
    yield target.replace(named, f"{member.app.id}{quote(member.only_recording.file_name)}")
    yield target.replace(named, f"{other.app.id}{quote(member.large_recording.file_name)}")
    yield target.replace(named, f"{other.app.id}{quote(other.large_recording.file_name)}")
    yield target.replace(named, f"0{named}")
    yield target.replace(named, f"{member.app.id}/..{quote(member.large_recording.file_name)}")
    yield target.replace(named, f"{named}/")
    yield target.replace(named, f"{named}%00")
    yield target.replace(named, f"{named}%0A{expires}")
    yield target.replace("obs/", "obs//")
    yield f"{signed_url.PATH_PREFIX}?{query}"
    yield f"{signed_url.PATH_PREFIX}{'9' * 30}/x?{query}"


class TestStrangers:
    """A URL is good for what it was made for, until it ends, and for nothing else."""

    def test_a_changed_recording_url_gives_nothing(
        self, server: CcfsServer, tenant_pair: TwoTenants, recording_url: str
    ) -> None:
        for target in iter_tampered_urls(get_target(recording_url, server), tenant_pair.acme, tenant_pair.bolt):
            assert_denied(send_request(server, "GET", target))
            assert send_request(server, "HEAD", target).status == 403

    def test_an_expired_recording_url_gives_nothing(self, server: CcfsServer, tenant_pair: TwoTenants) -> None:
        recording, key = tenant_pair.acme.large_recording, server.node.secret_box.derive_keys("signed URLs")[0]
        now = int(datetime.now(UTC).timestamp())
        for life, status in ((30, 200), (0, 403), (-1, 403), (-86400, 403)):
            target = signed_url.build_signed_url(tenant_pair.acme.app.id, recording.file_name, now + life, key)
            reply = send_request(server, "GET", target)
            assert reply.status == status
            if status == 403:
                assert_denied(reply)

    def test_an_expired_recording_url_is_answered_like_one_of_nothing(
        self, server: CcfsServer, tenant_pair: TwoTenants
    ) -> None:
        key = server.node.secret_box.derive_keys("signed URLs")[0]
        now = int(datetime.now(UTC).timestamp())
        for name, life in (
            (tenant_pair.acme.large_recording.file_name, -60),
            ("/0/1/nothing.wav", 60),
            ("/0/1/nothing.wav", -60),
        ):
            assert_denied(
                send_request(server, "GET", signed_url.build_signed_url(tenant_pair.acme.app.id, name, now + life, key))
            )

    def test_a_recording_url_cannot_be_used_for_an_operation(
        self, server: CcfsServer, tenant_pair: TwoTenants, recording_url: str
    ) -> None:
        query = recording_url.partition("?")[2]
        reply = send_request(server, "POST", f"{BASE_PATH}downloadRecordFile?{query}", {}, b"{}")
        assert reply.status == 401
        assert (
            send_request(server, "GET", f"{BASE_PATH}playVoice?st={query.rpartition('=')[2]}").result_code == "010107"
        )

    def test_a_recording_url_leaves_no_name_and_no_signature_in_log_and_metrics(
        self, server: CcfsServer, tenant_pair: TwoTenants, recording_url: str
    ) -> None:
        reply = fetch_url(server, recording_url)
        line = server.wait_for_log_line("request_completed", request=reply.headers["x-request-id"])
        assert (line["operation"], line["status"], line["bytes"]) == (
            "obs",
            200,
            tenant_pair.acme.large_recording.blob.size,
        )
        for text in (server.read_log(), send_request(server, "GET", "/metrics").body.decode()):
            assert recording_url.rpartition("=")[2] not in text
            assert tenant_pair.acme.large_recording.file_name not in text

    def test_a_recording_url_of_a_broken_file_discloses_nothing(
        self, acme_client: ApiClient, tenant_pair: TwoTenants
    ) -> None:
        recording = add_recording(
            acme_client.server.node,
            tenant_pair.acme.app,
            make_a_law_wav(58),
            "/0/1/record/broken.wav",
            "Y:/4/0/b.V3",
            call_id="broken-1",
        )
        [url] = get_urls(acme_client, "broken-1", *DAY_PERIOD.values(), **IN_CHINA)
        get_blob_path(acme_client.server.node, recording.blob).unlink()
        reply = fetch_url(acme_client.server, url)
        assert reply.status == 500
        assert b"broken" not in reply.body.replace(b"/0/1/record/broken.wav", b"")  # the path is the asker's own
