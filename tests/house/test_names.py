"""How things are named: a class name is unique in src, and a function says what it does."""

import ast
from collections import defaultdict
from collections.abc import Iterator

import pytest

from tests.house.source import PACKAGE, find_in_files, get_relative_name, list_python_files, parse_file

FILES = list_python_files(PACKAGE)

# Past forms that do not end in -ed. "read", "set", "put", "cut" and "let" are imperatives as well, so they are no finding.
IRREGULAR_PARTICIPLES = {
    *("asleep", "been", "begun", "bound", "brought", "built", "chosen", "come", "done", "drawn", "fallen", "felt"),
    *(
        "found",
        "given",
        "gone",
        "got",
        "grown",
        "heard",
        "held",
        "kept",
        "known",
        "laid",
        "left",
        "lost",
        "made",
        "meant",
    ),
    *("met", "paid", "said", "seen", "sent", "shown", "sold", "spent", "spoken", "stood", "taken", "thought", "told"),
    *("understood", "withdrawn", "woken", "written"),
}
ENDS_IN_ED = {
    "embed",
    "exceed",
    "feed",
    "need",
    "proceed",
    "seed",
    "shed",
    "succeed",
    "unneeded",
}  # verbs, not past forms


def iter_classes(tree: ast.Module) -> Iterator[str]:
    """Every class name of a file, inner classes too."""
    return (node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def is_property(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a decorator makes the function a property: it is named as a value, then."""
    return any("property" in ast.unparse(decorator) for decorator in function.decorator_list)


def is_bare_participle(name: str) -> bool:
    """Whether a name is one word in its past form: `told`, `claimed`."""
    if "_" in name.strip("_") or name.startswith("_"):
        return False
    return name in IRREGULAR_PARTICIPLES or (name.endswith("ed") and name not in ENDS_IN_ED)


def find_participles(tree: ast.Module) -> list[str]:
    """Public functions and methods whose name is a bare participle."""
    return [
        f"{node.lineno}: {node.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and is_bare_participle(node.name)
        and not is_property(node)
    ]


def find_repeated_classes(trees: dict[str, ast.Module]) -> dict[str, list[str]]:
    """Class names that several files define, with the files."""
    files: dict[str, set[str]] = defaultdict(set)
    for file, tree in trees.items():
        for name in iter_classes(tree):
            files[name].add(file)
    return {name: sorted(paths) for name, paths in files.items() if len(paths) > 1}


def test_no_class_name_is_defined_in_two_files() -> None:
    assert find_repeated_classes({get_relative_name(file): parse_file(file) for file in FILES}) == {}


def test_no_public_function_is_named_by_a_bare_participle() -> None:
    assert find_in_files(FILES, lambda file: find_participles(parse_file(file))) == {}


def test_a_repeated_class_name_is_found() -> None:
    trees = {"a.py": ast.parse("class Row: ..."), "b.py": ast.parse("def f():\n    class Row: ...")}
    assert find_repeated_classes(trees) == {"Row": ["a.py", "b.py"]}


@pytest.mark.parametrize("name", ["told", "claimed", "kept", "shown"])
def test_a_participle_is_found(name: str) -> None:
    assert find_participles(ast.parse(f"def {name}(): ...")) == [f"1: {name}"]


@pytest.mark.parametrize(
    "text",
    [
        "def read(): ...",
        "def list_claimed(): ...",
        "def need(): ...",
        "class A:\n    @property\n    def answered(self): ...",
    ],
)
def test_a_name_that_says_what_it_does_passes(text: str) -> None:
    assert find_participles(ast.parse(text)) == []
