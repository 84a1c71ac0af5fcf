"""How long functions and files may be, so that each can be read in one go."""

import ast
from pathlib import Path
from statistics import median

from tests.house.source import (
    PACKAGE,
    ROOT,
    find_in_files,
    get_relative_name,
    iter_functions,
    list_python_files,
    parse_file,
)

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 60

# Files that are tables and nothing else may be longer: path (or folder with "/"), reason.
TABLES = {
    "src/ccfs/db/schema.py": "the tables of the database",
    "src/ccfs/db/migrations/versions/": "the steps between schemas, each written once and never changed",
}

ALL_FILES = list_python_files(PACKAGE, ROOT / "tests", ROOT / "bench")


def count_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from def to the last one, without the docstring: explaining costs nothing."""
    first = function.body[0]
    documented = ast.get_docstring(function, clean=False) is not None
    said = (first.end_lineno or first.lineno) - first.lineno + 1 if documented else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - said


def is_table(file: Path) -> bool:
    return any(
        get_relative_name(file) == name or (name.endswith("/") and get_relative_name(file).startswith(name))
        for name in TABLES
    )


def find_long_functions(tree: ast.Module) -> list[str]:
    """The functions that nobody reads in one go."""
    lengths = {f"{one.lineno}: {one.name}": count_lines(one) for one in iter_functions(tree)}
    return [f"{name} has {lines} lines" for name, lines in lengths.items() if lines > MAX_FUNCTION_LINES]


def test_most_functions_are_short() -> None:
    files = [file for file in list_python_files(PACKAGE) if not is_table(file)]
    lengths = sorted(count_lines(one) for file in files for one in iter_functions(parse_file(file)))
    assert median(lengths) < 10
    assert lengths[len(lengths) * 9 // 10] <= 35


def test_no_function_and_no_file_is_too_long() -> None:
    files = [file for file in ALL_FILES if not is_table(file)]
    assert find_in_files(files, lambda file: find_long_functions(parse_file(file))) == {}
    assert find_in_files(files, lambda file: file.read_bytes().count(b"\n") > MAX_FILE_LINES) == {}


def test_every_table_on_the_list_is_there() -> None:
    assert [name for name in TABLES if not (ROOT / name).exists()] == []


def test_a_long_function_is_found() -> None:
    assert find_long_functions(ast.parse("def long():\n" + "    pass\n" * MAX_FUNCTION_LINES)) == [
        f"1: long has {MAX_FUNCTION_LINES + 1} lines"
    ]


def test_a_long_docstring_is_not_counted() -> None:
    assert find_long_functions(ast.parse('def said():\n    """' + "\n" * MAX_FUNCTION_LINES + '    """\n')) == []
