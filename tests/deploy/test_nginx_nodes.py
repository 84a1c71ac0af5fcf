"""What nginx is before several nodes for: whose bad signatures count, and what the death of a node costs."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ccfs.protocol.operations import BASE_PATH, OPERATIONS
from tests.cast import Cast, fill
from tests.deploy.balancing import CONFIGURATION, balancer
from tests.deploy.conftest import Site
from tests.web.callers import Caller, Reply, caller, send
from tests.web.doors import SOUND
from tests.web.serving import Server, serving


@pytest.fixture
def refused(site: Site, sites: dict[str, Site]) -> str:
    """An address that sent bad signatures, each time from elsewhere, as it says."""
    address = "127.0.0.7" if site is sites["plain"] else "127.0.0.8"
    wrong = replace(site.acme, sk="wrong", source=address)
    for number in range(6):
        wrong.ask("downloadRecord", {"callId": "x"}, x_forwarded_for=f"198.51.100.{number}, 127.0.0.1")
    give_up, right = time.monotonic() + 60, replace(site.acme, source=address)
    while not all(right.ask("downloadRecord", {"callId": "x"}).status == 403 for _ in range(4)):
        assert time.monotonic() < give_up  # on PostgreSQL the other node knows of it after a second
    return address


class TestLock:
    """Bad signatures lock the address that nginx saw, whatever the caller says of itself."""

    def test_is_on_the_address_that_sent_them(self, site: Site, refused: str) -> None:
        for spoofed in ({}, {"x_forwarded_for": "198.51.100.77"}, {"x_forwarded_for": "127.0.0.1"}):
            assert replace(site.acme, source=refused).ask("downloadRecord", {"callId": "x"}, **spoofed).status == 403

    @pytest.mark.parametrize("address", ["127.0.0.9", "127.0.0.10"])
    def test_is_on_no_other(self, site: Site, refused: str, address: str) -> None:
        assert refused != address
        others = replace(site.acme, source=address)
        assert others.ask("downloadRecord", {"callId": "x"}, x_forwarded_for=refused).code == "0300012"
        assert others.ask("downloadRecord", {"callId": "x"}, x_forwarded_for="198.51.100.0").code == "0300012"


class TestRefusal:
    """Who is refused while there is more to send does not look like a node that died: nginx would leave all alone."""

    @pytest.mark.parametrize(
        ("method", "target", "status"),
        [("POST", "/nowhere", 404), ("POST", "/healthz", 405), ("PUT", BASE_PATH + "ivr/uploadFile", 405)],
    )
    def test_of_much_that_nobody_asked_for_costs_no_node(
        self, site: Site, method: str, target: str, status: int
    ) -> None:
        for _ in range(6):
            assert send(site.front, method, target, body=bytes(6 << 20)).status == status
        assert site.acme.ask("downloadRecordFile", {"fileName": site.cast.acme.one.file_name}).status == 200

    def test_of_an_upload_from_a_locked_address_costs_no_node(self, site: Site, refused: str) -> None:
        locked = replace(site.acme, source=refused)
        for _ in range(6):
            sound = {"data": "x" * (6 << 20)}
            assert locked.ask(f"ivr/uploadFile?vdnId={site.cast.acme.vdn}", sound).status == 403
        assert site.acme.ask("downloadRecordFile", {"fileName": site.cast.acme.one.file_name}).status == 200


class TestDeath:
    """A node is killed while clients ask."""

    @pytest.mark.parametrize("x_accel", ["/ccfs-files", ""])
    def test_costs_no_download(self, tmp_path: Path, x_accel: str) -> None:
        given: dict[str, Any] = {"trusted_proxies": "127.0.0.1", "x_accel": x_accel}
        with serving(tmp_path, **given) as one, serving(tmp_path, **given) as other:
            cast = fill(one.node)
            with balancer(tmp_path / "nginx", [one, other]) as (front, _):
                client = caller(front, cast.acme)
                replies = _while_asked(client, cast, one)
        sounds = {cast.acme.audio[cast.acme.one.file_name], cast.acme.audio[cast.acme.large.file_name]}
        assert {reply.status for reply in replies} == {200}
        assert {reply.body for reply in replies} <= sounds
        assert len(replies) > 100

    @pytest.mark.parametrize("turn", ["reads", "changes"])
    def test_in_the_middle_of_a_request_repeats_only_what_reads(self, tmp_path: Path, turn: str) -> None:
        with serving(tmp_path) as node, dying() as (port, heard):
            cast = fill(node.node)
            with balancer(tmp_path / "nginx", [replace(node, port=port), node]) as (front, _):
                client, known = caller(front, cast.acme), _uploads(node)
                if turn == "reads":
                    reply = client.ask("downloadRecordFile", {"fileName": cast.acme.one.file_name})
                    assert reply.body == cast.acme.audio[cast.acme.one.file_name]
                else:
                    assert client.ask(f"ivr/uploadFile?vdnId={cast.acme.vdn}", {"data": SOUND}).status == 502
                    assert _uploads(node) == known
        assert len(heard) == 1  # the one that dies was asked first

    def test_does_not_repeat_what_changes_something(self) -> None:
        [pattern] = re.findall(r'location ~ "(.+)" \{', CONFIGURATION.read_text())
        repeated = {
            name for one in OPERATIONS for name in (one.name, *one.aliases) if re.search(pattern, BASE_PATH + name)
        }
        assert repeated == {
            *("downloadBillFile", "downloadAgentOprInfoFile", "downloadAgentSkillInfoFile", "downloadRecordFile"),
            *("downloadRecord", "downloadOiapRecord", "downloadIVRRecordFile", "ivr/downloadFile", "ivr/getFileHash"),
            *("getRecordFileUrlFromObs", "requestPlayVoice"),
        }


def _uploads(node: Server) -> int:
    """How many voice files there are."""
    with node.node.database.read_transaction() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM voice_files").scalar_one())


@contextmanager
def dying() -> Iterator[tuple[int, list[bytes]]]:
    """A node that reads a request and dies before it answers; its port, and what it heard."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)

        def hear() -> None:
            connection, _ = listener.accept()
            with connection:
                heard.append(connection.recv(1 << 16))

        thread = threading.Thread(target=hear)
        thread.start()
        yield int(listener.getsockname()[1]), heard
        thread.join()


def _while_asked(client: Caller, cast: Cast, victim: Server) -> list[Reply]:
    """Answers to clients that ask before, while and after a node is killed."""
    replies: list[Reply] = []
    play = f"{BASE_PATH}playVoice?t=1&version=2.0&st={cast.acme.token}"

    def ask(number: int) -> None:
        for turn in range(20):
            if number == 0 and turn == 8:
                victim.process.kill()
            signed = client.ask("downloadRecordFile", {"fileName": cast.acme.one.file_name})
            replies.extend((signed, send(client.server, "GET", play)))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return replies
