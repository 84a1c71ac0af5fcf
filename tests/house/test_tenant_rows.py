"""Functions of db/tenant take the connection, then the app, so that none reads another app's rows; those of db/system take the
connection first."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.source import PACKAGE, find_in_files, list_python_files, parse_file

TENANT_FILES = list_python_files(PACKAGE / "db" / "tenant")
SYSTEM_FILES = list_python_files(PACKAGE / "db" / "system")
DATABASE = {"connection", "database"}  # parameters through which a function reaches rows


def iter_row_functions(tree: ast.Module) -> Iterator[tuple[str, list[str]]]:
    """Yield name and parameters of each public function and public method that is given a connection or a database."""
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
    for function in (node for body in bodies for node in body if isinstance(node, ast.FunctionDef)):
        arguments = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
        parameters = [argument.arg for argument in arguments if argument.arg != "self"]
        if not function.name.startswith("_") and DATABASE.intersection(parameters):
            yield function.name, parameters


def find_functions_without_app(tree: ast.Module) -> set[str]:
    """Return the functions whose first two parameters are not a connection and the app."""
    return {
        name
        for name, parameters in iter_row_functions(tree)
        if parameters[0] not in DATABASE or parameters[1:2] != ["app"]
    }


def find_functions_with_late_connection(tree: ast.Module) -> set[str]:
    """Return the functions that take something before the connection."""
    return {name for name, parameters in iter_row_functions(tree) if parameters[0] not in DATABASE}


def test_a_function_of_db_tenant_takes_the_connection_and_the_app_first() -> None:
    assert find_in_files(TENANT_FILES, lambda file: find_functions_without_app(parse_file(file))) == {}


def test_a_function_of_db_system_takes_the_connection_first() -> None:
    assert find_in_files(SYSTEM_FILES, lambda file: find_functions_with_late_connection(parse_file(file))) == {}


@pytest.mark.parametrize("files", [TENANT_FILES, SYSTEM_FILES], ids=["tenant", "system"])
def test_the_rule_applies_to_many_functions(files: list[Path]) -> None:
    assert sum(len(list(iter_row_functions(parse_file(file)))) for file in files) > 50


@pytest.mark.parametrize(
    "text",
    [
        "def by_name(connection, name): ...",
        "def list_all(connection): ...",
        "def by_id(connection, *, app_id): ...",
        "def iter_rows(database, after): ...",
        "def add(app, connection): ...",
        "class Rows:\n    def read(self, connection): ...",
    ],
)
def test_a_function_without_the_app_is_found(text: str) -> None:
    assert find_functions_without_app(ast.parse(text))


@pytest.mark.parametrize(
    "text",
    [
        "def by_name(connection, app, name): ...",
        "def iter_rows(database, app): ...",
        "def _rows(connection): ...",
        "def digest(text): ...",
    ],
)
def test_a_function_with_the_app_or_without_rows_is_accepted(text: str) -> None:
    assert not find_functions_without_app(ast.parse(text))


def test_a_connection_that_is_not_the_first_parameter_is_found() -> None:
    assert find_functions_with_late_connection(ast.parse("def add(name, connection): ..."))
    assert find_functions_with_late_connection(ast.parse("def add(entry, *, database): ..."))
    assert not find_functions_with_late_connection(ast.parse("def add(connection, name): ..."))
