"""Every regular expression of the package, compiled as its module compiles it, with the methods that the code calls on it."""

import ast
import importlib
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.house.source import PACKAGE, list_nodes, list_python_files, parse_file

METHODS = frozenset({"match", "search", "fullmatch", "sub", "subn", "split", "findall", "finditer"})


@dataclass(frozen=True, slots=True)
class UsedPattern:
    """One pattern and its uses."""

    name: str  # path of the module, and the pattern's name there or its line: "model/calls/call_id.py:_UUID"
    pattern: re.Pattern[Any]
    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnknownPattern:
    """A call of `re` whose pattern is known at run time only."""

    name: str  # path of the module and its function


def find_patterns() -> list[UsedPattern | UnknownPattern]:
    """All patterns of the package."""
    return [pattern for file in list_python_files(PACKAGE) for pattern in find_patterns_of_module(file)]


def find_patterns_of_module(file: Path) -> list[UsedPattern | UnknownPattern]:
    tree = parse_file(file)
    if not any(isinstance(node, ast.Name) and node.id == "re" for node in list_nodes(tree)):
        return []
    relative = file.relative_to(PACKAGE)
    module = importlib.import_module(".".join(["ccfs", *relative.with_suffix("").parts]).removesuffix(".__init__"))
    return list(_find_calls(tree, relative.as_posix(), vars(module)))


def _find_calls(tree: ast.Module, path: str, namespace: dict[str, Any]) -> Iterator[UsedPattern | UnknownPattern]:
    names, functions = _map_assigned_names(tree), _map_functions(tree)
    for call in list_nodes(tree):
        if not _is_call_of_re(call):
            continue
        assert isinstance(call, ast.Call)
        assert isinstance(call.func, ast.Attribute)
        try:
            pattern = _compile(call, namespace)
        except NameError:  # a local name
            yield UnknownPattern(f"{path}:{functions[call]}")
            continue
        name = names.get(call, "")
        methods = (call.func.attr,) if call.func.attr != "compile" else _list_methods(tree, name)
        yield UsedPattern(f"{path}:{name or call.lineno}", pattern, methods)


def _is_call_of_re(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    is_of_re = isinstance(node.func.value, ast.Name) and node.func.value.id == "re"
    return is_of_re and node.func.attr in METHODS | {"compile"}


def _compile(call: ast.Call, namespace: dict[str, Any]) -> re.Pattern[Any]:
    """The pattern of a call; NameError where it has names that the module does not know."""
    assert isinstance(call.func, ast.Attribute)
    given = [keyword.value for keyword in call.keywords if keyword.arg == "flags"]
    if call.func.attr == "compile":
        given += call.args[1:]
    pattern, *flags = (eval(ast.unparse(node), namespace) for node in (call.args[0], *given))
    return pattern if isinstance(pattern, re.Pattern) else re.compile(pattern, *flags)


def _map_assigned_names(tree: ast.Module) -> dict[ast.AST, str]:
    """The name that each expression of a module is assigned to, as a whole or in a part."""
    names: dict[ast.AST, str] = {}
    for node in list_nodes(tree):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value and isinstance(target, ast.Name):
            names |= dict.fromkeys(ast.walk(node.value), target.id)
    return names


def _map_functions(tree: ast.Module) -> dict[ast.AST, str]:
    functions = [node for node in list_nodes(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {node: function.name for function in functions for node in ast.walk(function)}


def _list_methods(tree: ast.Module, name: str) -> tuple[str, ...]:
    """The methods that the pattern of a name is used with: in its module; of a public name, also in other modules."""
    trees = [tree] if name.startswith("_") else [parse_file(file) for file in list_python_files(PACKAGE)]
    return tuple(sorted({method for one in trees for method in _map_methods(one).get(name, ())}))


@cache
def _map_methods(tree: ast.Module) -> dict[str, set[str]]:
    """The methods that are used of each name, directly or through the variable of a loop over it."""
    methods: dict[str, set[str]] = defaultdict(set)
    for node in list_nodes(tree):
        if isinstance(node, ast.Attribute) and node.attr in METHODS:
            owner = node.value
            methods[owner.id if isinstance(owner, ast.Name) else getattr(owner, "attr", "")].add(node.attr)
    for node in list_nodes(tree):
        if isinstance(node, ast.For | ast.comprehension) and isinstance(node.target, ast.Name):
            for part in ast.walk(node.iter):
                if isinstance(part, ast.Name):
                    methods[part.id] |= methods[node.target.id]
    return methods
