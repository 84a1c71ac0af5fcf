"""Every test asserts something: itself, or by a helper whose name says so."""

import ast

from tests.house.source import ROOT, find_in_files, list_python_files, parse_file

ASSERTING_PREFIXES = ("assert_", "expect", "wait_until")  # helpers that fail
ASSERTING_CALLS = {"raises", "fail"}  # of pytest

FILES = [file for file in list_python_files(ROOT / "tests") if file.name.startswith("test_")]


def is_assertion(node: ast.AST) -> bool:
    """Whether a node can fail a test: an assert, pytest.raises, or a call of a helper that asserts."""
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        return name in ASSERTING_CALLS or name.startswith(ASSERTING_PREFIXES)
    return isinstance(node, ast.Assert)


def find_tests_without_assertion(tree: ast.Module) -> list[str]:
    """The tests of a file that pass whatever the code returns."""
    return [
        f"{node.lineno}: {node.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and not any(is_assertion(inner) for inner in ast.walk(node))
    ]


def test_every_test_asserts_something() -> None:
    assert find_in_files(FILES, lambda file: find_tests_without_assertion(parse_file(file))) == {}


def test_a_test_without_an_assertion_is_found() -> None:
    tree = ast.parse(
        "def test_a(): run()\ndef test_b(): assert run()\ndef test_c(): assert_same(1)\ndef helper(): run()"
    )
    assert find_tests_without_assertion(tree) == ["1: test_a"]
