"""A real MariaDB for tests, started for a block as tests/servers.py starts PostgreSQL: on loopback, in a folder of its own."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import sqlalchemy as sa

from tests.ports import get_free_port
from tests.servers import START_SECONDS, UNPRIVILEGED, ServerMissing, build_server_command

USER, PASSWORD = "reader", "p@ss:w/rd%41"  # may read; its password has every character that a URL must encode
FAST_OPTIONS = (
    *("--skip-log-bin", "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M", "--skip-name-resolve"),
    *("--innodb-log-file-size=16M", "--performance-schema=OFF", "--default-time-zone=+00:00"),
)
_numbers = count(1)  # of databases


class MariaDbServer:
    """A private MariaDB that can be stopped and started again."""

    def __init__(self, home: Path, *more_options: str) -> None:
        """`home` is the folder of data, socket and log."""
        self._home = home
        self.port = get_free_port()
        self.socket = str(home / "socket")
        options = [f"--datadir={home / 'data'}", f"--socket={self.socket}", f"--port={self.port}"]
        options += [
            "--bind-address=127.0.0.1",
            f"--pid-file={home / 'pid'}",
            f"--tmpdir={home}",
            *FAST_OPTIONS,
            *more_options,
        ]
        self._command = build_server_command([find_program("mariadbd"), "--no-defaults", *options])
        self._server: subprocess.Popen[bytes] | None = None
        self.admin_url = f"mysql+pymysql://root@localhost/mysql?unix_socket={self.socket}"

    def start(self) -> None:
        """Start the server; return once it responds, after any recovery."""
        path = self._home / "log"
        with path.open("ab") as log:
            begin = log.tell()
            self._server = subprocess.Popen(
                self._command, cwd=self._home, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        give_up = time.monotonic() + START_SECONDS
        while self._server.poll() is None and time.monotonic() < give_up:
            if b"ready for connections" in path.read_bytes()[begin:]:
                return
            time.sleep(0.05)
        raise RuntimeError(f"MariaDB did not start:\n{path.read_text(errors='replace')}")

    def stop(self, how: int = signal.SIGKILL) -> None:
        """Stop the server at once: it recovers at the next start."""
        if self._server is not None:
            self._server.send_signal(how)
            self._server.wait()
            self._server = None

    def execute(self, *statements: str, database: str = "mysql") -> None:
        """Execute statements as the administrator."""
        engine = sa.create_engine(self.admin_url.replace("/mysql?", f"/{database}?"), poolclass=sa.NullPool)
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement.replace("%", "%%"))


@contextmanager
def run_mariadb(*options: str) -> Iterator[MariaDbServer]:
    """Run a real MariaDB with further options until the block ends. Raises ServerMissing where none is installed."""
    find_program("mariadbd")
    home = Path(tempfile.mkdtemp(prefix="ccfs-maria-", dir="/tmp"))  # the path of a socket has at most 107 bytes
    try:
        if os.geteuid() == 0:
            shutil.chown(home, UNPRIVILEGED)
        install: list[str | Path] = [find_program("mariadb-install-db"), "--no-defaults", f"--datadir={home / 'data'}"]
        install += [f"--tmpdir={home}"]  # a starting server deletes others' tables from the usual folder
        install += ["--auth-root-authentication-method=normal", "--skip-test-db"]
        done = subprocess.run(
            build_server_command(install), cwd=home, capture_output=True, text=True, check=False, timeout=START_SECONDS
        )
        if done.returncode:
            raise RuntimeError(f"mariadb-install-db failed:\n{done.stdout}{done.stderr}")
        server = MariaDbServer(home, *options)
        try:
            server.start()
            server.execute(f"CREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}'")
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(home)


def find_program(name: str) -> Path:
    """Return a program of MariaDB. Raises ServerMissing."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        raise ServerMissing(f"{name} is missing: install the package mariadb-server-core")
    return Path(path)


@contextmanager
def create_mariadb_database(server: MariaDbServer) -> Iterator[str]:
    """Create an empty database that USER may read, until the block ends; yield its name."""
    name = f"switch_{next(_numbers)}"
    server.execute(f"CREATE DATABASE {name}", f"GRANT SELECT ON {name}.* TO '{USER}'@'%'")
    try:
        yield name
    finally:
        server.execute(f"DROP DATABASE {name}")
