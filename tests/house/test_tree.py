"""What no file of the project may hold. The rules' own words are put together here so that this file keeps them too."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.source import ROOT, find_in_files, list_python_files, list_tracked_files, parse_file

MAX_BYTES = 1_000_000  # bytes
LARGE_FILES: dict[str, str] = {}  # files that may be larger: path, reason

FORBIDDEN_TEXT = {
    "a path of somebody's machine": re.compile(r"(?<![\w.\-/}*)\]])/(?:work|opt|root)(?![\w.\-])"),
    "a package index": re.compile(r"pypi\.(?:org)"),
    "a private key": re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----"),
    "a merge conflict": re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE),
    "a note to oneself": re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX)\b"),
}
SKIP_CALLS = {"skip", "skipif", "xfail", "importorskip", "skipTest"}

FILES = list_tracked_files()


def find_forbidden_text(text: str) -> list[str]:
    """What a text holds that it may not: line and what it is."""
    return [
        f"{text.count(chr(10), 0, match.start()) + 1}: {what}"
        for what, pattern in FORBIDDEN_TEXT.items()
        for match in pattern.finditer(text)
    ]


def iter_skips(tree: ast.Module) -> Iterator[str]:
    """Places where a test could pass without having been run."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in SKIP_CALLS:
            yield f"{node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.ImportFrom) and node.module == "pytest":
            yield from (f"{node.lineno}: {alias.name}" for alias in node.names if alias.name in SKIP_CALLS)


def test_a_file_holds_nothing_that_it_may_not() -> None:
    def find(file: Path) -> list[str]:
        data = file.read_bytes()
        if b"\0" in data:  # sound and pictures hold any letters by chance
            return []
        return find_forbidden_text(data.decode("utf-8", errors="replace"))

    assert len(FILES) > 1000
    assert find_in_files(FILES, find) == {}


def test_a_file_is_not_too_large() -> None:
    too_large = find_in_files(FILES, lambda file: file.stat().st_size > MAX_BYTES)
    assert set(too_large) <= set(LARGE_FILES)


def test_a_python_file_opens_by_saying_what_it_is() -> None:
    files = [file for file in FILES if file.suffix == ".py"]
    assert find_in_files(files, lambda file: not ast.get_docstring(parse_file(file))) == {}


def test_no_test_is_passed_over() -> None:
    assert find_in_files(list_python_files(ROOT / "tests"), lambda file: list(iter_skips(parse_file(file)))) == {}


def test_every_large_file_on_the_list_is_there() -> None:
    assert [name for name in LARGE_FILES if not (ROOT / name).exists()] == []


@pytest.mark.parametrize(
    "text",
    [
        "cd /" + "work/main",
        "#!/" + "opt/venv/bin/python",
        '"/' + 'root"',
        "https://pypi." + "org/simple",
        "-----BEGIN RSA " + "PRIVATE KEY-----",
        "-----BEGIN " + "PRIVATE KEY-----",
        "# TO" + "DO: later",
        "<<<<" + "<<< HEAD",
    ],
)
def test_a_forbidden_text_is_found(text: str) -> None:
    assert find_forbidden_text(f"first line\n{text}\n")[0].startswith("2: ")


@pytest.mark.parametrize(
    "text", ["src/ccfs/workers/loop.py", "/workers", "/optional", "a certificate", "https://example.com/work"]
)
def test_a_harmless_text_is_let_be(text: str) -> None:
    assert find_forbidden_text(text) == []


def test_a_test_that_is_passed_over_is_found() -> None:
    assert list(iter_skips(ast.parse("import pytest\npytest.sk" + "ip('no')")))
