"""nginx in front of several nodes: which address is locked out, and what the death of a node costs."""

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
from tests.api.api_client import ApiClient, Reply, create_client, send_request
from tests.api.lookup_requests import AUDIO_BASE64
from tests.deploy.conftest import NginxSite
from tests.deploy.nginx_balancer import CONFIGURATION, run_nginx
from tests.server.ccfs_server import CcfsServer, run_server
from tests.two_tenants import TwoTenants, create_two_tenants


@pytest.fixture
def locked_address(nginx_site: NginxSite, nginx_sites: dict[str, NginxSite]) -> str:
    """An address that sent bad signatures, each time with another forged X-Forwarded-For."""
    address = "127.0.0.7" if nginx_site is nginx_sites["plain"] else "127.0.0.8"
    wrong = replace(nginx_site.acme_client, sk="wrong", source=address)
    for number in range(6):
        wrong.request("downloadRecord", {"callId": "x"}, x_forwarded_for=f"198.51.100.{number}, 127.0.0.1")
    deadline, right = time.monotonic() + 60, replace(nginx_site.acme_client, source=address)
    while not all(right.request("downloadRecord", {"callId": "x"}).status == 403 for _ in range(4)):
        assert time.monotonic() < deadline  # on PostgreSQL the other node is up to date after a second
    return address


class TestLock:
    """Bad signatures lock the address that nginx saw, whatever the client claims."""

    def test_bad_signatures_lock_the_address_that_sent_them(self, nginx_site: NginxSite, locked_address: str) -> None:
        for spoofed in ({}, {"x_forwarded_for": "198.51.100.77"}, {"x_forwarded_for": "127.0.0.1"}):
            assert (
                replace(nginx_site.acme_client, source=locked_address)
                .request("downloadRecord", {"callId": "x"}, **spoofed)
                .status
                == 403
            )

    @pytest.mark.parametrize("address", ["127.0.0.9", "127.0.0.10"])
    def test_bad_signatures_lock_no_other_address(
        self, nginx_site: NginxSite, locked_address: str, address: str
    ) -> None:
        assert locked_address != address
        others = replace(nginx_site.acme_client, source=address)
        assert (
            others.request("downloadRecord", {"callId": "x"}, x_forwarded_for=locked_address).result_code == "0300012"
        )
        assert (
            others.request("downloadRecord", {"callId": "x"}, x_forwarded_for="198.51.100.0").result_code == "0300012"
        )


class TestRefusal:
    """Rejecting a client that is still sending must not look like a dead node, which nginx would take out of service."""

    @pytest.mark.parametrize(
        ("method", "target", "status"),
        [("POST", "/nowhere", 404), ("POST", "/healthz", 405), ("PUT", BASE_PATH + "ivr/uploadFile", 405)],
    )
    def test_refusing_a_large_body_takes_no_node_out_of_service(
        self, nginx_site: NginxSite, method: str, target: str, status: int
    ) -> None:
        for _ in range(6):
            assert send_request(nginx_site.nginx, method, target, body=bytes(6 << 20)).status == status
        assert (
            nginx_site.acme_client.request(
                "downloadRecordFile", {"fileName": nginx_site.tenants.acme.only_recording.file_name}
            ).status
            == 200
        )

    def test_refusing_an_upload_from_a_locked_address_takes_no_node_out_of_service(
        self, nginx_site: NginxSite, locked_address: str
    ) -> None:
        locked = replace(nginx_site.acme_client, source=locked_address)
        for _ in range(6):
            sound = {"data": "x" * (6 << 20)}
            assert locked.request(f"ivr/uploadFile?vdnId={nginx_site.tenants.acme.vdn}", sound).status == 403
        assert (
            nginx_site.acme_client.request(
                "downloadRecordFile", {"fileName": nginx_site.tenants.acme.only_recording.file_name}
            ).status
            == 200
        )


class TestDeath:
    """A node is killed during requests."""

    @pytest.mark.parametrize("x_accel", ["/ccfs-files", ""])
    def test_the_death_of_a_node_costs_no_download(self, tmp_path: Path, x_accel: str) -> None:
        options: dict[str, Any] = {"trusted_proxies": "127.0.0.1", "x_accel": x_accel, "shared_data": True}
        with run_server(tmp_path, **options) as first, run_server(tmp_path, **options) as second:
            tenant_pair = create_two_tenants(first.node)
            with run_nginx(tmp_path / "nginx", [first, second]) as (front, _):
                client = create_client(front, tenant_pair.acme)
                replies = _kill_during_requests(client, tenant_pair, first)
        sounds = {
            tenant_pair.acme.audio_by_name[tenant_pair.acme.only_recording.file_name],
            tenant_pair.acme.audio_by_name[tenant_pair.acme.large_recording.file_name],
        }
        assert {reply.status for reply in replies} == {200}
        assert {reply.body for reply in replies} <= sounds
        assert len(replies) > 100

    @pytest.mark.parametrize("turn", ["reads", "changes"])
    def test_a_node_that_dies_during_a_request_has_only_reading_requests_repeated(
        self, tmp_path: Path, turn: str
    ) -> None:
        with run_server(tmp_path) as node, run_dying_node() as (port, received):
            tenant_pair = create_two_tenants(node.node)
            with run_nginx(tmp_path / "nginx", [replace(node, port=port), node]) as (front, _):
                client, known = create_client(front, tenant_pair.acme), _count_uploads(node)
                if turn == "reads":
                    reply = client.request(
                        "downloadRecordFile", {"fileName": tenant_pair.acme.only_recording.file_name}
                    )
                    assert reply.body == tenant_pair.acme.audio_by_name[tenant_pair.acme.only_recording.file_name]
                else:
                    assert (
                        client.request(f"ivr/uploadFile?vdnId={tenant_pair.acme.vdn}", {"data": AUDIO_BASE64}).status
                        == 502
                    )
                    assert _count_uploads(node) == known
        assert len(received) == 1  # the dying node got the request first

    def test_a_changing_request_to_a_dead_node_is_not_repeated(self) -> None:
        [pattern] = re.findall(r'location ~ "(.+)" \{', CONFIGURATION.read_text())
        repeated = {
            name
            for operation in OPERATIONS
            for name in (operation.name, *operation.aliases)
            if re.search(pattern, BASE_PATH + name)
        }
        assert repeated == {
            *("downloadBillFile", "downloadAgentOprInfoFile", "downloadAgentSkillInfoFile", "downloadRecordFile"),
            *("downloadRecord", "downloadOiapRecord", "downloadIVRRecordFile", "ivr/downloadFile", "ivr/getFileHash"),
            *("getRecordFileUrlFromObs", "requestPlayVoice"),
        }


def _count_uploads(node: CcfsServer) -> int:
    """Return the number of voice files."""
    with node.node.database.read_transaction() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM voice_files").scalar_one())


@contextmanager
def run_dying_node() -> Iterator[tuple[int, list[bytes]]]:
    """Run a node that reads a request and dies before it responds; yield its port and the requests that it read."""
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)

        def hear() -> None:
            connection, _ = listener.accept()
            with connection:
                received.append(connection.recv(1 << 16))

        thread = threading.Thread(target=hear)
        thread.start()
        yield int(listener.getsockname()[1]), received
        thread.join()


def _kill_during_requests(client: ApiClient, tenant_pair: TwoTenants, victim: CcfsServer) -> list[Reply]:
    """Return the responses to requests before, during and after the kill of a node."""
    replies: list[Reply] = []
    play = f"{BASE_PATH}playVoice?t=1&version=2.0&st={tenant_pair.acme.play_token}"

    def send_requests(number: int) -> None:
        for turn in range(20):
            if number == 0 and turn == 8:
                victim.process.kill()
            signed = client.request("downloadRecordFile", {"fileName": tenant_pair.acme.only_recording.file_name})
            replies.extend((signed, send_request(client.server, "GET", play)))

    threads = [threading.Thread(target=send_requests, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return replies
