"""The words that this project does not use: in docstrings, texts of the console, settings, log messages, errors and docs.

They belong to an older, private way of writing. docs/glossary.md has the words to use in their place.
"""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccfs.settings import Settings
from tests.house.source import PACKAGE, ROOT, find_in_files, list_nodes, list_python_files, parse_file

BANNED = re.compile(
    r"\blet go\b|\blets? \w+ go\b|\btaken? in\b|\blies\b|\bstands\b|\btold\b|\bpatience\b|\blives here\b|\bnothing else\b|"
    r"\bwhoever\b|\bmade anew\b|\banew\b|\bheard of\b|\bcan be had\b|\bput aside\b|\blooked? after\b|\bthe house\b|\btape\b",
    re.IGNORECASE,
)
BANNED_FIRST_WORD = re.compile(r"(?:Who|What|Whose|Whoever)\b")
TEMPLATE_TEXT = re.compile(r"""\bt\(\s*(?:"([^"]*)"|'([^']*)')""")

FILES = list_python_files(PACKAGE)
TEMPLATES = sorted((PACKAGE / "console" / "templates").glob("*.html"))
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md"), ROOT / "deploy" / "README.md"]
)


def find_banned(text: str, *, is_docstring: bool = False) -> list[str]:
    """The banned words of a text; those that begin a docstring, too."""
    found = [match.group(0) for match in BANNED.finditer(text)]
    first = BANNED_FIRST_WORD.match(text) if is_docstring else None
    return found + ([first.group(0)] if first else [])


def iter_docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and text of each docstring of a file."""
    for node in list_nodes(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "lineno", 1), text


def iter_texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and text of each string with a blank: messages of logs, errors and commands, texts of the console, tables of texts."""
    for node in list_nodes(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value


def drop_code(page: str) -> str:
    """A page of docs without its code blocks and code words, which are not prose."""
    return re.sub(r"```.*?```|`[^`\n]*`", "", page, flags=re.DOTALL)


def test_docstrings_use_the_words_of_the_field() -> None:
    def find(file: Path) -> list[str]:
        docstrings = iter_docstrings(parse_file(file))
        return [f"{line}: {word}" for line, text in docstrings for word in find_banned(text, is_docstring=True)]

    assert find_in_files(FILES, find) == {}


def test_messages_use_the_words_of_the_field() -> None:
    def find(file: Path) -> list[str]:
        return [f"{line}: {word}" for line, text in iter_texts(parse_file(file)) for word in find_banned(text)]

    assert find_in_files(FILES, find) == {}


def test_pages_of_the_console_use_the_words_of_the_field() -> None:
    def find(template: Path) -> list[str]:
        texts = [first or second for first, second in TEMPLATE_TEXT.findall(template.read_text(encoding="utf-8"))]
        return [word for text in texts for word in find_banned(text)]

    assert find_in_files(TEMPLATES, find) == {}


def test_the_catalogue_is_keyed_by_texts_in_the_words_of_the_field() -> None:
    texts = json.loads((PACKAGE / "console" / "locale" / "zh.json").read_text(encoding="utf-8"))
    assert len(texts) > 300
    assert {text: find_banned(text) for text in texts if find_banned(text)} == {}


def test_settings_are_described_in_the_words_of_the_field() -> None:
    descriptions = {name: field.description or "" for name, field in Settings.model_fields.items()}
    assert all(descriptions.values())
    assert {name: find_banned(text) for name, text in descriptions.items() if find_banned(text)} == {}


def test_docs_use_the_words_of_the_field() -> None:
    def find(page: Path) -> list[str]:
        lines = drop_code(page.read_text(encoding="utf-8")).splitlines()
        return [f"{number}: {word}" for number, line in enumerate(lines, 1) for word in find_banned(line)]

    assert find_in_files(PAGES, find) == {}


@pytest.mark.parametrize("text", ["Bytes lie where the row lies.", "It is told again.", "A file that was taken in."])
def test_a_banned_word_is_found(text: str) -> None:
    assert find_banned(text)


def test_a_docstring_that_begins_with_a_subject_clause_is_found() -> None:
    tree = ast.parse('def f():\n    """Who adds rows says their months first."""\n')
    assert [word for _, text in iter_docstrings(tree) for word in find_banned(text, is_docstring=True)] == ["Who"]


def test_banned_words_in_log_messages_and_errors_are_found() -> None:
    tree = ast.parse(
        "log().error('not let go')\nraise OperatorError(f'{name} lies elsewhere')\nvisit.translate('Tell it anew')"
    )
    assert sorted(word for _, text in iter_texts(tree) for word in find_banned(text)) == ["anew", "let go", "lies"]
