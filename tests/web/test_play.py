"""Playback: a token plays its one recording, as often as a player likes, until it ends; and nothing else opens it."""

import re
import threading

import pytest

from ccfs.protocol.operations import BASE_PATH
from tests.cast import Cast
from tests.web.callers import Caller, Reply, send
from tests.web.serving import Server

INVALID = b'{"resultData":null,"resultCode":"010107","resultDesc":"The token is invalid or has expired."}'
EMPTY = b'{"resultData":null,"resultCode":"010106","resultDesc":"Parameter token is empty."}'


def play(server: Server, query: str) -> Reply:
    return send(server, "GET", f"{BASE_PATH}playVoice{query}")


def token_for(caller: Caller, name: str) -> str:
    """A fresh token."""
    return str(caller.ask("requestPlayVoice", {"fileName": name}).json["resultData"]["token"])


def test_a_token_plays_again_and_again_whatever_the_cache_buster(acme: Caller, cast: Cast) -> None:
    token = token_for(acme, cast.acme.one.original_file_name)
    for query in (
        f"?t=1&version=2.0&st={token}",
        f"?st={token}&t=2&version=2.0",
        f"?st={token}",
        f"?st={token}&st=x&t=",
    ):
        assert play(acme.server, query).body == cast.acme.audio[cast.acme.one.file_name]


def test_a_token_is_bound_to_its_recording(acme: Caller, cast: Cast) -> None:
    for recording in (cast.acme.one, *cast.acme.two, cast.acme.large):
        token = token_for(acme, recording.original_file_name)
        query = f"?t=1&version=2.0&st={token}&fileName={cast.bolt.one.file_name}"
        assert play(acme.server, query).body == cast.acme.audio[recording.file_name]


def test_a_recording_may_be_named_by_its_index_name_too(acme: Caller, cast: Cast) -> None:
    token = token_for(acme, cast.acme.one.file_name)
    assert play(acme.server, f"?st={token}").body == cast.acme.audio[cast.acme.one.file_name]


def test_no_two_tokens_are_alike(acme: Caller, cast: Cast) -> None:
    tokens = {token_for(acme, cast.acme.one.original_file_name) for _ in range(50)}
    assert len(tokens) == 50
    assert all(re.fullmatch("[0-9A-F]{32}", token) for token in tokens)


@pytest.mark.parametrize("query", ["", "?", "?st=", "?t=1&version=2.0", "?ST=x", "?t=1&st=&version=2.0"])
def test_no_token_is_an_empty_one(server: Server, query: str) -> None:
    assert play(server, query).body == EMPTY


@pytest.mark.parametrize(
    "change", ["{0}0", "{1}", "{2}", "{0}%00", "%20{0}", "x", "%FF", "{0}," + "{0}", "x" * 5000, "';--"]
)
def test_a_changed_token_plays_nothing(server: Server, cast: Cast, change: str) -> None:
    token = cast.acme.token
    reply = play(server, "?t=1&version=2.0&st=" + change.format(token, token.lower(), token[:-1]))
    assert (reply.status, reply.body) == (200, INVALID)
    assert reply.headers["content-type"] == "application/octet-stream;charset=UTF-8"


def test_an_expired_token_looks_like_one_that_never_was(server: Server, cast: Cast) -> None:
    expired, never = (play(server, f"?st={token}") for token in (cast.acme.old_token, "0" * 32))
    assert expired.body == INVALID
    assert expired.without("x-request-id", "date") == never.without("x-request-id", "date")


def test_the_digest_that_the_database_keeps_plays_nothing(server: Server, cast: Cast) -> None:
    with server.node.database.read_transaction() as connection:
        digests = connection.exec_driver_sql("SELECT digest FROM play_tokens").scalars().all()
    assert digests
    assert cast.acme.token not in digests
    assert [play(server, f"?st={digest}").body for digest in digests] == [INVALID] * len(digests)


def test_no_answer_is_kept_by_a_proxy(acme: Caller, cast: Cast) -> None:
    assert "private" in play(acme.server, f"?st={cast.acme.token}").headers["cache-control"]
    assert play(acme.server, "?st=x").headers["cache-control"] == "no-store"
    issued = acme.ask("requestPlayVoice", {"fileName": cast.acme.one.original_file_name})
    assert issued.headers["cache-control"] == "no-store"


def test_many_players_at_once_hear_what_is_theirs(acme: Caller, bolt: Caller, cast: Cast) -> None:
    heard: list[bool] = []

    def listen(caller: Caller, name: str, sound: bytes) -> None:
        for _ in range(5):
            heard.append(play(acme.server, f"?st={token_for(caller, name)}").body == sound)

    asks = [(acme, cast.acme), (bolt, cast.bolt)] * 3
    names = [(caller, one.one.original_file_name, one.audio[one.one.file_name]) for caller, one in asks]
    threads = [threading.Thread(target=listen, args=ask) for ask in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == [True] * 30
