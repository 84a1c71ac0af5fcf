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
from tests.cast import BEGIN, Cast, Member, a_law, keep_recording, path_of
from tests.web.callers import Caller, Reply, send
from tests.web.serving import Server

OPERATION = "getRecordFileUrlFromObs"
DAY = {"beginTime": "2020-10-15 00:00:00", "endTime": "2020-10-15 23:59:59"}
IN_CHINA = {"version": "2.0"}
NO_DATA = b'{"resultData":"","resultCode":"0300012","resultDesc":"No data found."}'
TOKYO = "acme-tokyo"


def asked(caller: Caller, call_id: str, begin: str, end: str, **more: Any) -> list[str]:
    """The URLs of a call's recordings in a period; none where there is no data."""
    reply = caller.ask(OPERATION, {"callId": call_id, "beginTime": begin, "endTime": end, **more})
    if reply.body == NO_DATA:
        return []
    url = reply.json["resultData"]["url"]
    return [url] if isinstance(url, str) else list(url)


def target_of(url: str, server: Server) -> str:
    """Path and query of a URL of that server."""
    base = f"http://{server.host}"
    assert url.startswith(base + BASE_PATH)
    return url.removeprefix(base)


def got(server: Server, url: str, method: str = "GET", **headers: str) -> Reply:
    """What the URL gives to somebody without any key."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return send(server, method, target_of(url, server), named)


@pytest.fixture(scope="module")
def url(acme: Caller, cast: Cast) -> str:
    """A URL of acme's large recording."""
    [one] = asked(acme, cast.acme.large.call_id, *DAY.values(), **IN_CHINA)
    return one


@pytest.fixture(scope="module")
def handed_over(server: Server, cast: Cast) -> tuple[Recording, Recording]:
    """A call of two agents: the second is recorded from the second in which the first's recording ends."""
    begin = datetime(2021, 3, 1, 2, 0, 0, 500_000, tzinfo=UTC)
    return tuple(  # type: ignore[return-value]
        keep_recording(
            server.node,
            cast.acme.app,
            a_law(60 + number),
            f"/0/1/record/{cast.acme.ak}/acme-account/20210301/512/{number}.wav",
            f"Y:/4/0/20210301/512/{number}.V3",
            call_id="1614564000-1",
            call_begin=begin + timedelta(minutes=5 * number),
            call_end=begin + timedelta(minutes=5 * number + 5),
        )
        for number in range(2)
    )


class TestAnswer:
    """The answer's shape."""

    def test_of_one_recording_is_one_text(self, acme: Caller, cast: Cast) -> None:
        reply = acme.ask(OPERATION, {"callId": cast.acme.large.call_id, **DAY, **IN_CHINA})
        assert list(reply.json) == ["resultData", "resultCode", "resultDesc"]
        assert (reply.code, reply.json["resultDesc"]) == ("0", "success")
        assert list(reply.json["resultData"]) == ["url"]
        assert got(acme.server, reply.json["resultData"]["url"]).body == cast.acme.audio[cast.acme.large.file_name]

    def test_of_several_is_a_list_in_order_of_begin(self, acme: Caller, cast: Cast) -> None:
        reply = acme.ask(OPERATION, {"callId": cast.acme.two[0].call_id, **DAY, **IN_CHINA})
        urls = reply.json["resultData"]["url"]
        assert [got(acme.server, url).body for url in urls] == [cast.acme.audio[one.file_name] for one in cast.acme.two]

    def test_is_the_same_for_a_body_in_an_envelope(self, acme: Caller, cast: Cast) -> None:
        body = {"request": {"version": "2.0"}, "msgBody": {"callId": cast.acme.large.call_id, **DAY}}
        reply = acme.post(BASE_PATH + OPERATION, json.dumps(body).encode())
        assert got(acme.server, reply.json["resultData"]["url"]).status == 200

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
    def test_of_a_wrong_ask_says_what_is_wrong(
        self, acme: Caller, cast: Cast, call_id: str, change: dict[str, Any], code: str
    ) -> None:
        named = cast.acme.large.call_id if call_id == "the call's" else call_id
        reply = acme.ask(OPERATION, {"callId": named, **DAY, **IN_CHINA, **change})
        assert (reply.code, reply.json["resultData"]) == (code, "")

    def test_of_exactly_three_days_is_fine(self, acme: Caller, cast: Cast) -> None:
        assert asked(acme, cast.acme.large.call_id, "2020-10-15 00:00:00", "2020-10-18 00:00:00", **IN_CHINA)


class TestPeriod:
    """Times: in the account's zone with a version, in UTC without. acme's recordings begin at 02:23:39 UTC, 10:23:39 there."""

    def test_with_a_version_is_the_accounts(self, acme: Caller, cast: Cast) -> None:
        call = cast.acme.one.call_id
        assert len(asked(acme, call, "2020-10-15 10:23:39", "2020-10-15 10:24:39", **IN_CHINA)) == 1
        assert asked(acme, call, "2020-10-15 02:23:39", "2020-10-15 02:24:39", **IN_CHINA) == []

    @pytest.mark.parametrize("version", [{}, {"version": ""}, {"version": None}])
    def test_without_a_version_is_utc(self, acme: Caller, cast: Cast, version: dict[str, Any]) -> None:
        call = cast.acme.one.call_id
        assert len(asked(acme, call, "2020-10-15 02:23:39", "2020-10-15 02:24:39", **version)) == 1
        assert asked(acme, call, "2020-10-15 10:23:39", "2020-10-15 10:24:39", **version) == []

    def test_of_an_account_elsewhere_is_in_its_own_zone(self, acme: Caller, cast: Cast) -> None:
        node, app = acme.server.node, cast.acme.app
        with node.database.write_transaction() as connection:
            vdn = Vdn(vdn_id=81, cc_id=1, account_id=TOKYO)
            tenants.add_account(connection, app, Account(account_id=TOKYO, zone="Asia/Tokyo"), vdn, BEGIN)
        more = {"account_id": TOKYO, "call_id": "1602728619-81", "call_begin": BEGIN}
        keep_recording(node, app, a_law(59), "/0/1/record/tokyo/1.wav", "Y:/81/0/1.V3", **more)
        assert len(asked(acme, "1602728619-81", "2020-10-15 11:23:39", "2020-10-15 11:24:39", version="2.0")) == 1
        assert asked(acme, "1602728619-81", "2020-10-15 10:23:39", "2020-10-15 10:24:39", version="2.0") == []

    def test_as_the_index_has_it_names_one_of_two_that_meet(
        self, acme: Caller, cast: Cast, handed_over: tuple[Recording, Recording]
    ) -> None:
        for minute, recording in zip((0, 5), handed_over, strict=True):
            begin, end = f"2021-03-01 10:{minute:02}:00", f"2021-03-01 10:{minute + 5:02}:00"
            [url] = asked(acme, recording.call_id, begin, end, version="2.0")
            assert unquote(url).partition("?")[0].endswith(recording.file_name)

    def test_in_which_a_recording_begins_without_ending_names_it(
        self, acme: Caller, handed_over: tuple[Recording, Recording]
    ) -> None:
        call = handed_over[0].call_id
        assert len(asked(acme, call, "2021-03-01 10:05:00", "2021-03-01 10:06:00", version="2.0")) == 1
        assert len(asked(acme, call, "2021-03-01 10:00:00", "2021-03-01 10:10:00", version="2.0")) == 2
        assert asked(acme, call, "2021-03-01 10:06:00", "2021-03-01 10:20:00", version="2.0") == []

    def test_of_a_call_of_two_apps_names_the_callers_only(self, acme: Caller, bolt: Caller, cast: Cast) -> None:
        for caller, member in ((acme, cast.acme), (bolt, cast.bolt)):
            [url] = asked(caller, member.one.call_id, *DAY.values(), **IN_CHINA)
            assert got(caller.server, url).body == member.audio[member.one.file_name]


class TestUrl:
    """What a URL gives."""

    def test_is_as_good_as_a_signed_download(self, acme: Caller, cast: Cast, url: str) -> None:
        signed = acme.ask("downloadRecordFile", {"fileName": cast.acme.large.file_name})
        assert got(acme.server, url).without("date", "x-request-id") == signed.without("date", "x-request-id")

    def test_gives_ranges_and_tags(self, acme: Caller, cast: Cast, url: str) -> None:
        sound = cast.acme.audio[cast.acme.large.file_name]
        head = got(acme.server, url, "HEAD")
        assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(sound)))
        part = got(acme.server, url, range="bytes=100-299")
        assert (part.status, part.body) == (206, sound[100:300])
        assert got(acme.server, url, if_none_match=head.headers["etag"]).status == 304
        assert got(acme.server, url, range=f"bytes={len(sound)}-").status == 416

    def test_needs_no_key_and_minds_none(self, acme: Caller, url: str) -> None:
        assert got(acme.server, url, Authorization="nonsense").status == 200

    def test_works_again_and_again(self, acme: Caller, url: str) -> None:
        assert [got(acme.server, url, range="bytes=0-0").status for _ in range(3)] == [206] * 3

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
    def test_is_for_reading(self, acme: Caller, url: str, method: str) -> None:
        reply = got(acme.server, url, method)
        assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")


def assert_denied(reply: Reply) -> None:
    """What S3 says to a URL that is not good: the same for every reason."""
    assert (reply.status, reply.body) == (403, signed_url.ACCESS_DENIED_BODY)
    assert reply.headers["content-type"] == "application/xml"
    assert reply.headers["cache-control"] == "no-store"
    assert {"etag", "content-disposition", "accept-ranges"}.isdisjoint(reply.headers)


def changed(target: str, member: Member, other: Member) -> Iterator[str]:
    """Ways to make more of a URL than it is."""
    path, _, query = target.partition("?")
    expires, _, signature = query.partition("&Signature=")
    named = f"{member.app.id}{quote(member.large.file_name)}"
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
    yield target.replace(named, f"{member.app.id}{quote(member.one.file_name)}")
    yield target.replace(named, f"{other.app.id}{quote(member.large.file_name)}")
    yield target.replace(named, f"{other.app.id}{quote(other.large.file_name)}")
    yield target.replace(named, f"0{named}")
    yield target.replace(named, f"{member.app.id}/..{quote(member.large.file_name)}")
    yield target.replace(named, f"{named}/")
    yield target.replace(named, f"{named}%00")
    yield target.replace(named, f"{named}%0A{expires}")
    yield target.replace("obs/", "obs//")
    yield f"{signed_url.PATH_PREFIX}?{query}"
    yield f"{signed_url.PATH_PREFIX}{'9' * 30}/x?{query}"


class TestStrangers:
    """A URL is good for what it was made for, until it ends, and for nothing else."""

    def test_get_nothing_by_a_changed_url(self, server: Server, cast: Cast, url: str) -> None:
        for target in changed(target_of(url, server), cast.acme, cast.bolt):
            assert_denied(send(server, "GET", target))
            assert send(server, "HEAD", target).status == 403

    def test_get_nothing_after_its_end(self, server: Server, cast: Cast) -> None:
        recording, key = cast.acme.large, server.node.secret_box.derive_keys("signed URLs")[0]
        now = int(datetime.now(UTC).timestamp())
        for life, status in ((30, 200), (0, 403), (-1, 403), (-86400, 403)):
            target = signed_url.build_signed_url(cast.acme.app.id, recording.file_name, now + life, key)
            reply = send(server, "GET", target)
            assert reply.status == status
            if status == 403:
                assert_denied(reply)

    def test_cannot_tell_an_old_url_from_one_of_nothing(self, server: Server, cast: Cast) -> None:
        key = server.node.secret_box.derive_keys("signed URLs")[0]
        now = int(datetime.now(UTC).timestamp())
        for name, life in ((cast.acme.large.file_name, -60), ("/0/1/nothing.wav", 60), ("/0/1/nothing.wav", -60)):
            assert_denied(send(server, "GET", signed_url.build_signed_url(cast.acme.app.id, name, now + life, key)))

    def test_cannot_use_it_for_an_operation(self, server: Server, cast: Cast, url: str) -> None:
        query = url.partition("?")[2]
        reply = send(server, "POST", f"{BASE_PATH}downloadRecordFile?{query}", {}, b"{}")
        assert reply.status == 401
        assert send(server, "GET", f"{BASE_PATH}playVoice?st={query.rpartition('=')[2]}").code == "010107"

    def test_leave_no_name_and_no_signature_in_log_and_metrics(self, server: Server, cast: Cast, url: str) -> None:
        reply = got(server, url)
        line = server.logged("request_answered", request=reply.headers["x-request-id"])
        assert (line["operation"], line["status"], line["bytes"]) == ("obs", 200, cast.acme.large.blob.size)
        for text in (server.log_text(), send(server, "GET", "/metrics").body.decode()):
            assert url.rpartition("=")[2] not in text
            assert cast.acme.large.file_name not in text

    def test_learn_nothing_of_a_file_that_is_broken(self, acme: Caller, cast: Cast) -> None:
        recording = keep_recording(
            acme.server.node, cast.acme.app, a_law(58), "/0/1/record/broken.wav", "Y:/4/0/b.V3", call_id="broken-1"
        )
        [url] = asked(acme, "broken-1", *DAY.values(), **IN_CHINA)
        path_of(acme.server.node, recording.blob).unlink()
        reply = got(acme.server, url)
        assert reply.status == 500
        assert b"broken" not in reply.body.replace(b"/0/1/record/broken.wav", b"")  # the path is the asker's own
