"""HAProxy with the configuration of deploy/haproxy, adapted to a test's nodes and folders."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.certificates import Identity, create_identity
from tests.deploy.nginx_balancer import replace_values, wait_until_ready, write_pem
from tests.house.source import ROOT
from tests.ports import get_free_port
from tests.server.ccfs_server import CcfsServer
from tests.servers import ServerMissing

CONFIGURATION = ROOT / "deploy" / "haproxy" / "haproxy.cfg"


def _find_program() -> str:
    path = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
    if path is None:
        raise ServerMissing("HAProxy is missing: run scripts/test, or install the package haproxy")
    return path


def _build_configuration(
    folder: Path, nodes: Sequence[CcfsServer], ports: tuple[int, int], changes: dict[str, str]
) -> str:
    """Return deploy/haproxy/haproxy.cfg with ports and folders replaced."""
    one, two = nodes[0].port, nodes[-1].port
    return replace_values(
        CONFIGURATION.read_text(),
        {
            "log /dev/log local0": "log stdout format raw local0",
            "bind :443 ssl crt /etc/ccfs/tls/both.pem": (
                f"bind 127.0.0.1:{ports[0]}\n    bind 127.0.0.1:{ports[1]} ssl crt {folder}/both.pem"
            ),
            "127.0.0.1:8481": f"127.0.0.1:{one}",
            "127.0.0.1:8482": f"127.0.0.1:{two}",
            **changes,
        },
    )


@contextmanager
def run_haproxy(
    folder: Path, nodes: Sequence[CcfsServer], tls: Identity | None = None, changes: dict[str, str] | None = None
) -> Iterator[tuple[CcfsServer, int]]:
    """Run HAProxy in front of the nodes until the block ends; yield it as a server, and its TLS port."""
    folder.mkdir()
    certificate, key = write_pem(folder, tls or create_identity("127.0.0.1"))
    (folder / "both.pem").write_bytes(certificate.read_bytes() + key.read_bytes())
    ports = (get_free_port(), get_free_port())
    (folder / "haproxy.cfg").write_text(_build_configuration(folder, nodes, ports, changes or {}))
    with (folder / "log").open("wb") as log:
        command = [_find_program(), "-db", "-f", str(folder / "haproxy.cfg")]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    front = replace(nodes[0], port=ports[0], process=process, log=folder / "log")
    try:
        wait_until_ready(front, folder / "log")
        yield front, ports[1]
    finally:
        process.terminate()
        process.wait(60)
