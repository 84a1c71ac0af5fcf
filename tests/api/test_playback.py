"""Playback: a token plays its one recording, any number of times, until it expires."""

import re
import threading

import pytest

from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import ApiClient, Reply, send_request
from tests.server.ccfs_server import CcfsServer
from tests.two_tenants import TwoTenants

INVALID_TOKEN = b'{"resultData":null,"resultCode":"010107","resultDesc":"The token is invalid or has expired."}'
EMPTY_PARAMETER = b'{"resultData":null,"resultCode":"010106","resultDesc":"Parameter token is empty."}'


def play_recording(server: CcfsServer, query: str) -> Reply:
    return send_request(server, "GET", f"{BASE_PATH}playVoice{query}")


def request_token(client: ApiClient, name: str) -> str:
    """Return a new token."""
    return str(client.request("requestPlayVoice", {"fileName": name}).json["resultData"]["token"])


def test_a_token_plays_again_and_again_whatever_the_cache_buster(
    acme_client: ApiClient, tenant_pair: TwoTenants
) -> None:
    token = request_token(acme_client, tenant_pair.acme.only_recording.original_file_name)
    for query in (
        f"?t=1&version=2.0&st={token}",
        f"?st={token}&t=2&version=2.0",
        f"?st={token}",
        f"?st={token}&st=x&t=",
    ):
        assert (
            play_recording(acme_client.server, query).body
            == tenant_pair.acme.audio_by_name[tenant_pair.acme.only_recording.file_name]
        )


def test_a_token_is_bound_to_its_recording(acme_client: ApiClient, tenant_pair: TwoTenants) -> None:
    for recording in (
        tenant_pair.acme.only_recording,
        *tenant_pair.acme.call_recordings,
        tenant_pair.acme.large_recording,
    ):
        token = request_token(acme_client, recording.original_file_name)
        query = f"?t=1&version=2.0&st={token}&fileName={tenant_pair.bolt.only_recording.file_name}"
        assert play_recording(acme_client.server, query).body == tenant_pair.acme.audio_by_name[recording.file_name]


def test_a_recording_may_be_named_by_its_index_name_too(acme_client: ApiClient, tenant_pair: TwoTenants) -> None:
    token = request_token(acme_client, tenant_pair.acme.only_recording.file_name)
    assert (
        play_recording(acme_client.server, f"?st={token}").body
        == tenant_pair.acme.audio_by_name[tenant_pair.acme.only_recording.file_name]
    )


def test_no_two_tokens_are_alike(acme_client: ApiClient, tenant_pair: TwoTenants) -> None:
    tokens = {request_token(acme_client, tenant_pair.acme.only_recording.original_file_name) for _ in range(50)}
    assert len(tokens) == 50
    assert all(re.fullmatch("[0-9A-F]{32}", token) for token in tokens)


@pytest.mark.parametrize("query", ["", "?", "?st=", "?t=1&version=2.0", "?ST=x", "?t=1&st=&version=2.0"])
def test_a_missing_token_is_reported_as_empty(server: CcfsServer, query: str) -> None:
    assert play_recording(server, query).body == EMPTY_PARAMETER


@pytest.mark.parametrize(
    "change", ["{0}0", "{1}", "{2}", "{0}%00", "%20{0}", "x", "%FF", "{0}," + "{0}", "x" * 5000, "';--"]
)
def test_a_changed_token_plays_nothing(server: CcfsServer, tenant_pair: TwoTenants, change: str) -> None:
    token = tenant_pair.acme.play_token
    reply = play_recording(server, "?t=1&version=2.0&st=" + change.format(token, token.lower(), token[:-1]))
    assert (reply.status, reply.body) == (200, INVALID_TOKEN)
    assert reply.headers["content-type"] == "application/octet-stream;charset=UTF-8"


def test_an_expired_token_looks_like_an_unknown_one(server: CcfsServer, tenant_pair: TwoTenants) -> None:
    expired, never = (
        play_recording(server, f"?st={token}") for token in (tenant_pair.acme.expired_play_token, "0" * 32)
    )
    assert expired.body == INVALID_TOKEN
    assert expired.without_headers("x-request-id", "date") == never.without_headers("x-request-id", "date")


def test_the_token_digest_in_the_database_plays_nothing(server: CcfsServer, tenant_pair: TwoTenants) -> None:
    with server.node.database.read_transaction() as connection:
        digests = connection.exec_driver_sql("SELECT digest FROM play_tokens").scalars().all()
    assert digests
    assert tenant_pair.acme.play_token not in digests
    assert [play_recording(server, f"?st={digest}").body for digest in digests] == [INVALID_TOKEN] * len(digests)


def test_no_playback_response_may_be_cached_by_a_proxy(acme_client: ApiClient, tenant_pair: TwoTenants) -> None:
    assert (
        "private" in play_recording(acme_client.server, f"?st={tenant_pair.acme.play_token}").headers["cache-control"]
    )
    assert play_recording(acme_client.server, "?st=x").headers["cache-control"] == "no-store"
    issued = acme_client.request("requestPlayVoice", {"fileName": tenant_pair.acme.only_recording.original_file_name})
    assert issued.headers["cache-control"] == "no-store"


def test_concurrent_players_get_their_own_recordings(
    acme_client: ApiClient, bolt_client: ApiClient, tenant_pair: TwoTenants
) -> None:
    results: list[bool] = []

    def listen(client: ApiClient, name: str, sound: bytes) -> None:
        for _ in range(5):
            results.append(play_recording(acme_client.server, f"?st={request_token(client, name)}").body == sound)

    pairs = [(acme_client, tenant_pair.acme), (bolt_client, tenant_pair.bolt)] * 3
    names = [
        (client, tenant.only_recording.original_file_name, tenant.audio_by_name[tenant.only_recording.file_name])
        for client, tenant in pairs
    ]
    threads = [threading.Thread(target=listen, args=arguments) for arguments in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 30
