"""The project's own files, as text and as trees, for the tests of this folder. No rules here."""

import ast
import subprocess
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "ccfs"
T = TypeVar("T")


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


def find_in_files(files: Iterable[Path], find: Callable[[Path], T]) -> dict[str, T]:
    """What a rule finds, by the name of the file; only the files where it finds something.

    One test for all files: pytest takes longer over thousands of tests than the rules over thousands of files.
    """
    return {get_relative_name(file): found for file in files if (found := find(file))}


def get_relative_name(file: Path) -> str:
    """The file's path as people write it: from the top of the checkout, with "/"."""
    return file.relative_to(ROOT).as_posix()


@cache
def list_nodes(tree: ast.AST) -> list[ast.AST]:
    """All nodes of a tree of `parse_file`, from the top down."""
    return list(ast.walk(tree))


def iter_functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function, method and inner function."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
