"""The project's own files, as text and as trees, for the tests of this folder. No rules here."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "ccfs"


def list_python_files(*folders: Path) -> list[Path]:
    """Every Python file below the folders, in order; fails when there is none, for then nothing would be tested."""
    found = sorted(file for folder in folders for file in folder.rglob("*.py"))
    assert found, f"no Python files below {folders}"
    return found


def list_tracked_files() -> list[Path]:
    """Every file that git keeps or would keep: of a checkout, whatever .gitignore does not name."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.check_output(command, text=True).split("\0")
    return [ROOT / name for name in sorted(set(names)) if name and (ROOT / name).is_file()]


@cache
def parse_file(file: Path) -> ast.Module:
    """The file's syntax tree."""
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def get_relative_name(file: Path) -> str:
    """The file's path as people write it: from the top of the checkout, with "/"."""
    return file.relative_to(ROOT).as_posix()


def iter_functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function, method and inner function."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
