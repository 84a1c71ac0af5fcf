"""URLs of recordings on servers whose settings are not as usual: where they lead, how long they are good, whose keys."""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from ccfs import settings
from ccfs.model.errors import OperatorError
from tests.cast import Cast, fill
from tests.web.callers import Caller, caller, send
from tests.web.serving import Server, serving

PROXY = "127.0.0.9"  # the one that is believed
DAY = {"beginTime": "2020-10-15 00:00:00", "endTime": "2020-10-15 23:59:59", "version": "2.0"}


def url_of(client: Caller, cast: Cast, **headers: str) -> str:
    """A URL of acme's large recording."""
    reply = client.ask("getRecordFileUrlFromObs", {"callId": cast.acme.large.call_id, **DAY}, **headers)
    return str(reply.json["resultData"]["url"])


def status_of(server: Server, url: str) -> int:
    """What the URL's path and query answer here, whatever host it names."""
    return send(server, "HEAD", re.sub("https?://[^/]+", "", url)).status


def test_a_public_url_is_where_urls_lead(tmp_path: Path) -> None:
    with serving(tmp_path, public_url="https://ccfs.example.com:28443/", obs_url_seconds=600) as server:
        cast = fill(server.node)
        url = url_of(caller(server, cast.acme), cast)
        assert url.startswith("https://ccfs.example.com:28443/CCFS/resource/ccfs/obs/")
        assert abs(int(url.partition("Expires=")[2].partition("&")[0]) - time.time() - 600) < 60
        assert status_of(server, url) == 200


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Cast]]:
    """A server that believes one proxy, and whose URLs end soon."""
    with serving(tmp_path_factory.mktemp("proxied"), trusted_proxies=PROXY, obs_url_seconds=3) as server:
        yield server, fill(server.node)


@pytest.mark.parametrize(("source", "scheme"), [(PROXY, "https"), ("127.0.0.10", "http")])
def test_the_scheme_is_a_trusted_proxys_word(proxied: tuple[Server, Cast], source: str, scheme: str) -> None:
    server, cast = proxied
    client = replace(caller(server, cast.acme), source=source)
    url = url_of(client, cast, x_forwarded_proto="https")
    assert url.startswith(f"{scheme}://{server.host}/CCFS/resource/ccfs/obs/")
    assert url_of(client, cast, x_forwarded_proto="gopher").startswith("http://")


def test_a_url_ends(proxied: tuple[Server, Cast]) -> None:
    server, cast = proxied
    url = url_of(caller(server, cast.acme), cast)
    assert status_of(server, url) == 200
    began = time.monotonic()
    while status_of(server, url) == 200:
        assert time.monotonic() - began < 30
        time.sleep(0.1)
    assert status_of(server, url) == 403


def test_urls_outlive_a_key_that_is_no_longer_the_newest_and_end_with_it(tmp_path: Path) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    with serving(tmp_path, node_keys=old) as server:
        cast = fill(server.node)
        url = url_of(caller(server, cast.acme), cast)
    with serving(tmp_path, node_keys=f"{new},{old}") as server:
        assert status_of(server, url) == 200
        assert status_of(server, url_of(caller(server, cast.acme), cast)) == 200
    other = tmp_path / "other"
    with serving(other, node_keys=new) as server:
        fill(server.node)
        assert status_of(server, url) == 403


@pytest.mark.parametrize(
    "value", ["ccfs.example.com", "ftp://ccfs.example.com", "https://", "https://x/?a=b", "https://x y"]
)
def test_a_public_url_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(OperatorError, match="CCFS_PUBLIC_URL"):
        settings.load_settings({"CCFS_PUBLIC_URL": value})
