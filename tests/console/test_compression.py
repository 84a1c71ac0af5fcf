"""Compressed pages, and the CSRF token that a compressed length does not reveal."""

import gzip

import pytest

from ccfs.console.forms.csrf import build_token, is_token_of
from tests.console.call_centre_data import CallCentreData
from tests.console.conftest import SignIn
from tests.console.console_client import ConsoleClient

OWN = {"accept-encoding": "br, gzip;q=0.8", "sec-fetch-site": "same-origin"}


@pytest.mark.parametrize("file", ["console.css", "htmx.min.js"])
def test_a_static_file_is_compressed_for_those_who_accept_it(signed_in: SignIn, file: str) -> None:
    lucy = ConsoleClient(server=signed_in("lucy").server)
    plain = lucy.get(f"/console/static/{file}")
    packed = lucy.get(f"/console/static/{file}", **{"accept-encoding": "gzip"})
    assert (plain.headers.get("content-encoding"), packed.headers["content-encoding"]) == (None, "gzip")
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 2
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"


def test_a_page_is_compressed_for_our_own_pages_only(signed_in: SignIn) -> None:
    lucy = signed_in("lucy")
    referer, host = {"accept-encoding": "gzip", "referer": f"http://{lucy.server.host}/console/calls"}, lucy.server.host
    for own in (OWN, OWN | {"sec-fetch-site": "none"}, referer):
        reply = lucy.get("/console/calls", **own)
        assert reply.headers["content-encoding"] == "gzip"
        assert b"<title>" in gzip.decompress(reply.body)
    for foreign in (
        OWN | {"sec-fetch-site": "cross-site"},
        {"accept-encoding": "gzip"},
        {"accept-encoding": "gzip", "referer": f"http://evil.example/?{host}"},
        OWN | {"accept-encoding": "gzip;q=0"},
        OWN | {"accept-encoding": "gzip; q=0.000, br"},
        OWN | {"accept-encoding": ""},
    ):
        assert "content-encoding" not in lucy.get("/console/calls", **foreign).headers, foreign


def test_audio_is_not_compressed(signed_in: SignIn, call_centre: CallCentreData) -> None:
    query = f"account={call_centre.account_param}&name={call_centre.first_recording.file_name}"
    audio = signed_in("lucy").get(f"/console/audio?{query}", **OWN)
    assert (audio.status, audio.headers.get("content-encoding")) == (200, None)


def test_a_page_with_the_key_of_a_second_factor_is_not_compressed(signed_in: SignIn) -> None:
    lucy = signed_in("lucy")
    body = f"csrf={lucy.csrf}".encode()
    headers = OWN | {"origin": f"http://{lucy.server.host}"}
    assert "content-encoding" not in lucy._send("POST", "/console/account/totp", headers, body).headers


def test_a_csrf_token_has_another_mask_each_time_and_belongs_to_its_session() -> None:
    first, second = build_token("session"), build_token("session")
    assert first != second
    assert is_token_of("session", first)
    assert is_token_of("session", second)
    wrong = [("other", first), ("", first), ("session", ""), ("session", first[:-1] + "x"), ("session", "é" * 128)]
    wrong += [("session", " " * 128), ("session", "0" * 128), ("session", first[2:] + "00")]
    assert [is_token_of(session, sent) for session, sent in wrong] == [False] * len(wrong)
    assert build_token("") == ""
