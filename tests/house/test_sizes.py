"""How long functions and files may be, so that each can be read in one go."""

import ast
from pathlib import Path
from statistics import median

import pytest

from tests.house.source import PACKAGE, ROOT, functions_in, name_of, python_files, tree_of

FILE_LINES = 300
FUNCTION_LINES = 60

# Files that are tables and nothing else may be longer: path (or folder with "/"), reason.
TABLES = {
    "src/ccfs/store/schema.py": "the tables of the database",
    "src/ccfs/store/migrations/": "the steps between schemas, each written once and never changed",
}

ALL = python_files(PACKAGE, ROOT / "tests", ROOT / "bench")


def length_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from def to the last one, without the docstring: explaining costs nothing."""
    first = function.body[0]
    documented = ast.get_docstring(function, clean=False) is not None
    said = (first.end_lineno or first.lineno) - first.lineno + 1 if documented else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - said


def is_table(file: Path) -> bool:
    return any(name_of(file) == name or (name.endswith("/") and name_of(file).startswith(name)) for name in TABLES)


def too_long(tree: ast.Module) -> list[str]:
    """The functions that nobody reads in one go."""
    lengths = {f"{one.lineno}: {one.name}": length_of(one) for one in functions_in(tree)}
    return [f"{name} has {lines} lines" for name, lines in lengths.items() if lines > FUNCTION_LINES]


def test_most_functions_are_short() -> None:
    files = [file for file in python_files(PACKAGE) if not is_table(file)]
    lengths = sorted(length_of(one) for file in files for one in functions_in(tree_of(file)))
    assert median(lengths) < 10
    assert lengths[len(lengths) * 9 // 10] <= 35


@pytest.mark.parametrize("file", [file for file in ALL if not is_table(file)], ids=name_of)
def test_no_function_and_no_file_is_too_long(file: Path) -> None:
    assert too_long(tree_of(file)) == []
    lines = file.read_bytes().count(b"\n")
    assert lines <= FILE_LINES


def test_every_table_on_the_list_is_there() -> None:
    assert [name for name in TABLES if not (ROOT / name).exists()] == []


def test_a_long_function_is_found() -> None:
    assert too_long(ast.parse("def long():\n" + "    pass\n" * FUNCTION_LINES)) == [
        f"1: long has {FUNCTION_LINES + 1} lines"
    ]


def test_a_long_docstring_is_not_counted() -> None:
    assert too_long(ast.parse('def said():\n    """' + "\n" * FUNCTION_LINES + '    """\n')) == []
