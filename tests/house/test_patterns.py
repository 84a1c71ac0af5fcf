"""Regular expressions take time that grows linearly with the text, up to a megabyte, on texts made to be hard for them."""

import ast
import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from ccfs.protocol import file_names
from ccfs.settings import load_settings
from ccfs.switches.asterisk import channels
from ccfs.switches.asterisk.cdr_files import csv_dialect
from tests.house import patterns
from tests.house.pattern_growth import LARGEST, find_superlinear_text
from tests.house.patterns import UnknownPattern, UsedPattern

# Patterns that take more than linear time, of texts that are always cut first: characters, where and why.
CUTS: dict[str, tuple[int, str]] = {}

# Methods of patterns that are used under another name than that of the variable.
METHODS = {
    "ingest/asterisk_lines.py:agent_pattern": ("fullmatch",),
    "switches/freeswitch/legs.py:DEFAULT_AGENT_PATTERN": ("fullmatch",),
}


def _list_dialect_patterns() -> list[re.Pattern[Any]]:
    return [part for dialect in csv_dialect.DIALECTS for part in csv_dialect._compile_fields(dialect)]


def _list_path_rules() -> list[re.Pattern[Any]]:
    settings = load_settings({})
    rules = f"{settings.download_path_rule};{settings.upload_path_rule}".split(";")
    return [file_names.compile_path_rule(rule) for rule in rules]


# Patterns that are known at run time only: by the function that compiles them, examples and the methods that use them.
AT_RUN_TIME: dict[str, tuple[Callable[[], Iterable[re.Pattern[Any]]], tuple[str, ...]]] = {
    "switches/asterisk/cdr_files/csv_dialect.py:_compile_fields": (_list_dialect_patterns, ("match",)),
    "protocol/file_names.py:compile_path_rule": (_list_path_rules, ("match",)),
    # The operator's own (--agents): this is the default.
    "cli/ingest/commands.py:compile_agent_pattern": (
        lambda: [re.compile(channels.AGENT_NUMBER_PATTERN, re.ASCII)],
        ("fullmatch",),
    ),
}

FOUND = patterns.find_patterns()
UNKNOWN = sorted({found.name for found in FOUND if isinstance(found, UnknownPattern)})


def _list_used_patterns() -> list[UsedPattern]:
    """Every pattern, of those that several modules have only the first."""
    used = [found for found in FOUND if isinstance(found, UsedPattern)]
    for name, (build, methods) in AT_RUN_TIME.items():
        used += [UsedPattern(f"{name}:{number}", pattern, methods) for number, pattern in enumerate(build())]
    unique: dict[object, UsedPattern] = {}
    for one in used:
        methods = one.methods or METHODS.get(one.name, ())
        unique.setdefault((one.pattern, methods), UsedPattern(one.name, one.pattern, methods))
    return list(unique.values())


USED = _list_used_patterns()


def test_the_patterns_of_the_package_are_found() -> None:
    names = {one.name for one in USED}
    assert len(names) > 90
    assert {"model/formats/http_range.py:_SINGLE_RANGE", "switches/freeswitch/formats/xml_repair.py:_TAG"} <= names


def test_every_pattern_that_is_known_at_run_time_only_has_examples() -> None:
    assert sorted(AT_RUN_TIME) == UNKNOWN


@pytest.mark.parametrize("used", USED, ids=lambda used: used.name)
def test_a_pattern_is_linear(used: UsedPattern) -> None:
    assert used.methods, "no use of the pattern is found: name its methods in METHODS"
    largest, _ = CUTS.get(used.name, (LARGEST, ""))
    assert find_superlinear_text(used.pattern, used.methods, largest) is None


def test_every_cut_is_of_a_pattern_that_needs_it() -> None:
    by_name = {one.name: one for one in USED}
    assert [name for name in CUTS if not find_superlinear_text(by_name[name].pattern, by_name[name].methods)] == []


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"(?:\s+\+?[0-9]+)+$", "sub"),  # the patterns that ccfs had: recordings of FreeSWITCH
        (r'\s*"?(.*?)"?\s*<([^<>]*)>\s*', "fullmatch"),  # caller ids of Asterisk
        (r"bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*\Z", "match"),  # Range
        (r"(?i)(.*?\.zip):.*\.csv\Z", "fullmatch"),  # members of zips
        (r"\s+$", "search"),
        (r"<[^>]*>", "sub"),
        (r"^(a+)+$", "match"),  # exponential
        (r"(?:\w+,?)*;", "match"),  # exponential
        (r"(.*),(.*),(.*)\Z", "match"),
        (r"a*a*b", "match"),
        (r'(?:[^"]|"")*?(?:x[^"]*)*"end"', "search"),
        (r"\d+(?:px|em)", "findall"),
        (r"INSERT .* VALUES .* WHERE id", "match"),
    ],
)
def test_a_superlinear_pattern_is_found(pattern: str, method: str) -> None:
    assert find_superlinear_text(re.compile(pattern), [method])


def test_a_pattern_of_bytes_is_measured_too() -> None:
    assert find_superlinear_text(re.compile(rb"\s+$"), ["search"])
    assert find_superlinear_text(re.compile(rb"\0+"), ["sub", "split"]) is None


def test_a_pattern_of_a_cut_text_may_be_quadratic() -> None:
    assert find_superlinear_text(re.compile(r"\s+$"), ["search"], largest=64) is None


def test_the_uses_of_a_pattern_are_found() -> None:
    tree = ast.parse(
        "import re\n_A = re.compile('a')\n_B = (re.compile('b'), 1)\n_A.sub('', x)\nmap(_A.match, y)\n"
        "for shape in _B:\n    shape.search(x)\ndef f(local):\n    re.split(local, x)\nre.findall('c', x)\n"
    )
    found = list(patterns._find_calls(tree, "m.py", {"re": re}))
    used = {one.name: one.methods for one in found if isinstance(one, UsedPattern)}
    assert used == {"m.py:_A": ("match", "sub"), "m.py:_B": ("search",), "m.py:10": ("findall",)}
    assert [one.name for one in found if isinstance(one, UnknownPattern)] == ["m.py:f"]
