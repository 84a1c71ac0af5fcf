"""Who may import whom: the drawing of the storeys, as a test. Its tables are the rule; to bend it, change them here."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.source import PACKAGE, get_relative_name, list_python_files, parse_file

ALL_LAYERS = {
    "model",
    "wire",
    "switches",
    "audio",
    "store",
    "client",
    "web",
    "work",
    "settings",
    "logs",
    "demo",
    "terms",
    "node",
    "cli",
}

# storey: what of ccfs it may import beside itself. wire and store never meet; web and work meet in the database only.
INTERNAL_IMPORTS: dict[str, set[str]] = {
    "model": set(),
    "wire": {"model"},
    "switches": {"model"},
    "audio": {"switches", "model"},
    "store": {"model"},
    "client": {"wire", "model"},
    "web": {"wire", "store", "audio", "model", "settings", "logs"},
    "work": {"wire", "store", "switches", "model", "settings", "logs"},
    "settings": {"model"},
    "logs": {"settings"},
    "terms": {"settings", "store", "web", "model"},
    "demo": ALL_LAYERS - {"web", "node", "cli"},
    "node": ALL_LAYERS,
    "cli": ALL_LAYERS,
    "__main__": {"cli"},
    "__init__": set(),
}

# What one needs to name a connection that the store gave, and to tell that the database is away; no statements.
CONNECTION = {"sqlalchemy.engine", "sqlalchemy.exc"}

# storey: what it may import of other people's packages: a package, or a module with all below it.
EXTERNAL_IMPORTS: dict[str, set[str]] = {
    "model": set(),
    "wire": {"pydantic"},
    "switches": {"av", "numpy"},
    "audio": {"av", "numpy"},
    "store": {"sqlalchemy", "alembic", "psycopg", "argon2", "cryptography", "obstore"},
    "client": {"httpx2"},
    "web": {"granian", "httpx2", "jinja2", "joserfc", "markupsafe", "prometheus_client", "structlog", *CONNECTION},
    "work": {"httpcore2", "isal", "structlog", *CONNECTION},
    "settings": {"pydantic"},
    "logs": {"structlog"},
    "demo": {"av", "numpy"},
    "terms": set(),
    "node": {"granian", "prometheus_client", "structlog"},
    "cli": {"cryptography", "granian", "httpx2", "rich", "structlog", "typer", *CONNECTION},
    "__main__": set(),
    "__init__": set(),
}

# Imports inside a function, which hide from a reader: (storey, what is imported), each with its reason.
# They are there for what a process starts without: every command, every web process and every test's server pays for imports.
LAZY_IMPORTS: dict[tuple[str, str], str] = {
    ("cli", "ccfs.cli"): "a command's file is imported when that command is asked for",
    ("cli", "ccfs.cli.demo"): "a demo's day of calls takes codecs and numpy",
    ("node", "ccfs.web.console.provider"): "an HTTP client and JOSE, where there is single sign-on",
    ("store", "ccfs.store"): "Alembic, where a step is missing",
    ("store", "ccfs.store.extract"): "psycopg, where the database is PostgreSQL",
    ("store", "ccfs.store.silence"): "the same",
    ("web", "jinja2"): "templates, once somebody opens the console",
    ("web", "ccfs.web.console"): "codecs and numpy, once somebody listens",
}

PURE_LAYERS = {"model", "wire", "switches", "audio"}  # the clock and the outer world come to them as arguments
CLOCK_FUNCTIONS = {"now", "utcnow", "today", "monotonic", "perf_counter", "time_ns"}
IO_MODULES = {
    "asyncio",
    "http",
    "logging",
    "random",
    "secrets",
    "socket",
    "sqlite3",
    "subprocess",
    "threading",
    "urllib.request",
}


def get_layer(module: str) -> str:
    """The storey that a module's dotted name lies on: "store" for ccfs.store.db, "__init__" for ccfs itself."""
    return (*module.split("."), "__init__")[1]


def iter_imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and dotted name of all that is imported, wherever it stands; a name imported from ccfs counts as a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield node.lineno, "." * node.level + (node.module or "")
        elif isinstance(node, ast.ImportFrom) and node.module == "ccfs":
            names = [alias.name for alias in node.names]
            yield from ((node.lineno, f"ccfs.{name}" if name in INTERNAL_IMPORTS else "ccfs") for name in names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or ""


def is_allowed(storey: str, module: str) -> bool:
    """Whether a storey may import a module, by the tables above."""
    top = module.partition(".")[0]
    if not top:  # relative: it hides which storey is meant
        return False
    if top == "ccfs":
        return get_layer(module) in {*INTERNAL_IMPORTS[storey], storey, "__init__"}
    if storey in PURE_LAYERS and (module in IO_MODULES or top in IO_MODULES):
        return False
    return top in sys.stdlib_module_names or any(f"{module}.".startswith(f"{one}.") for one in EXTERNAL_IMPORTS[storey])


def find_import_violations(storey: str, tree: ast.Module) -> Iterator[str]:
    """What is wrong with the imports of one file of that storey."""
    for line, module in iter_imports(tree):
        if not is_allowed(storey, module):
            yield f"{line}: {storey} may not import {module}"
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            for line, module in iter_imports(function):
                if (storey, module) not in LAZY_IMPORTS:
                    yield f"{line}: {module} is imported inside a function"
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) in {
            "__import__",
            "importlib.import_module",
        }:
            yield f"{node.lineno}: imports by a name that a reader cannot see"


def find_purity_violations(storey: str, tree: ast.Module) -> Iterator[str]:
    """async def outside web/, and clocks that are read where the time should be an argument."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef) and storey != "web":
            yield f"{node.lineno}: async def {node.name} outside web/"
        call = node.func if isinstance(node, ast.Call) else None
        if storey in PURE_LAYERS and isinstance(call, ast.Attribute) and call.attr in CLOCK_FUNCTIONS:
            yield f"{call.lineno}: {ast.unparse(call)}() reads a clock"


def find_violations(storey: str, tree: ast.Module) -> list[str]:
    return [*find_import_violations(storey, tree), *find_purity_violations(storey, tree)]


@pytest.mark.parametrize("file", list_python_files(PACKAGE), ids=get_relative_name)
def test_a_file_imports_only_what_its_storey_may(file: Path) -> None:
    storey = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert storey in INTERNAL_IMPORTS, f"{storey} is on no storey: say in WITHIN and OUTSIDE what it may import"
    assert find_violations(storey, parse_file(file)) == []


def test_an_exception_that_nobody_needs_any_more_is_taken_out() -> None:
    inside = {
        (file.relative_to(PACKAGE).parts[0].removesuffix(".py"), module)
        for file in list_python_files(PACKAGE)
        for function in ast.walk(parse_file(file))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for _, module in iter_imports(function)
    }
    assert set(LAZY_IMPORTS) - inside == set()


@pytest.mark.parametrize(
    ("storey", "text"),
    [
        ("model", "import pydantic"),
        ("model", "from ccfs.wire.codes import CODES"),
        ("wire", "from ccfs.store import db"),
        ("store", "import ccfs.wire.names"),
        ("store", "from ccfs import wire"),
        ("web", "from ccfs.work.loop import Loop"),
        ("web", "import sqlalchemy as sa"),
        ("work", "import ccfs.web"),
        ("client", "from ccfs.store.db import open_database"),
        ("switches", "import sqlalchemy"),
        ("wire", "from urllib.request import urlopen"),
        ("store", "from . import schema"),
        ("store", "def late():\n    import json"),
        ("store", "if True:\n    from ccfs import web"),
        ("cli", "import importlib\nimportlib.import_module('ccfs.web')"),
        ("work", "async def wait(): ..."),
        ("wire", "from datetime import UTC, datetime\nNOW = datetime.now(UTC)"),
    ],
)
def test_a_file_that_breaks_a_rule_is_found(storey: str, text: str) -> None:
    assert find_violations(storey, ast.parse(text))


@pytest.mark.parametrize(
    ("storey", "text"),
    [
        ("wire", "import json\nfrom pydantic import BaseModel\nfrom ccfs.model import errors"),
        ("store", "import sqlalchemy as sa\nfrom ccfs import __version__\nfrom ccfs.store import schema"),
        ("web", "from ccfs.store.db import Database\nasync def answer(): ..."),
        ("cli", "from ccfs import node\nfrom ccfs.web import app"),
    ],
)
def test_a_file_that_keeps_the_rules_is_let_be(storey: str, text: str) -> None:
    assert find_violations(storey, ast.parse(text)) == []
