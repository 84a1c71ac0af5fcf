"""Recording URLs that are tampered with, expired or misused."""

from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import quote

from ccfs.protocol import signed_url
from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import ApiClient, Reply, send_request
from tests.api.recording_urls import DAY_PERIOD, IN_CHINA, fetch_url, get_target, get_urls
from tests.server.ccfs_server import CcfsServer
from tests.two_tenants import Tenant, TwoTenants, add_recording, get_blob_path, make_a_law_wav


def assert_denied(reply: Reply) -> None:
    """Assert the response of S3 to an invalid URL, which is equal for every reason."""
    assert (reply.status, reply.body) == (403, signed_url.ACCESS_DENIED_BODY)
    assert reply.headers["content-type"] == "application/xml"
    assert reply.headers["cache-control"] == "no-store"
    assert {"etag", "content-disposition", "accept-ranges"}.isdisjoint(reply.headers)


def iter_tampered_urls(target: str, owner: Tenant, other: Tenant) -> Iterator[str]:
    """Yield changed URLs that try to reach more than the URL allows."""
    path, _, query = target.partition("?")
    expires, _, signature = query.partition("&Signature=")
    named = f"{owner.app.id}{quote(owner.large_recording.file_name)}"
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
    yield target.replace(named, f"{owner.app.id}{quote(owner.only_recording.file_name)}")
    yield target.replace(named, f"{other.app.id}{quote(owner.large_recording.file_name)}")
    yield target.replace(named, f"{other.app.id}{quote(other.large_recording.file_name)}")
    yield target.replace(named, f"0{named}")
    yield target.replace(named, f"{owner.app.id}/..{quote(owner.large_recording.file_name)}")
    yield target.replace(named, f"{named}/")
    yield target.replace(named, f"{named}%00")
    yield target.replace(named, f"{named}%0A{expires}")
    yield target.replace("obs/", "obs//")
    yield f"{signed_url.PATH_PREFIX}?{query}"
    yield f"{signed_url.PATH_PREFIX}{'9' * 30}/x?{query}"


class TestInvalidUrls:
    """A URL is valid for its own recording until it expires."""

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
        line = server.wait_for_log_line("request_answered", request=reply.headers["x-request-id"])
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
        assert b"broken" not in reply.body.replace(b"/0/1/record/broken.wav", b"")  # the path is the client's own
