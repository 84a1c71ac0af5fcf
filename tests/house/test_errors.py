"""The error tree and the table of wire codes hold each other."""

from collections.abc import Iterator
from string import Formatter

import pytest

from ccfs.model import errors
from ccfs.protocol.error_codes import RESULT_CODES, ResultCode

NEVER_ON_THE_WIRE = {errors.OperatorError: "an operator's command on this machine; HTTP has no way to it"}


def iter_leaf_errors(kind: type[errors.CcfsError]) -> Iterator[type[errors.CcfsError]]:
    """The errors of model/errors.py that have no narrower one: those that are raised."""
    below = [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    if not below:
        yield kind
    for child in below:
        yield from iter_leaf_errors(child)


def find_placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


LEAF_ERRORS = sorted(set(iter_leaf_errors(errors.CcfsError)) - set(NEVER_ON_THE_WIRE), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", LEAF_ERRORS)
def test_every_error_has_a_wire_code(kind: type[errors.CcfsError]) -> None:
    assert kind in RESULT_CODES


@pytest.mark.parametrize("kind", LEAF_ERRORS)
def test_every_error_is_drawn_in_the_tree(kind: type[errors.CcfsError]) -> None:
    assert kind.__name__ in (errors.__doc__ or "").split()


def test_every_row_of_the_table_is_of_the_tree() -> None:
    assert set(RESULT_CODES) - {errors.CcfsError, *LEAF_ERRORS} == set()


def test_no_two_errors_share_a_code() -> None:
    codes = [row.code for row in RESULT_CODES.values()]
    assert sorted(codes) == sorted(set(codes))


@pytest.mark.parametrize("row", RESULT_CODES.values(), ids=lambda row: row.code)
def test_both_languages_name_the_same_parameters(row: ResultCode) -> None:
    assert find_placeholders(row.en) == find_placeholders(row.zh)
    assert find_placeholders(row.en) <= {"param"}


def test_leaves_are_found_at_any_depth() -> None:
    found = set(iter_leaf_errors(errors.CcfsError))
    assert errors.NullParameter in found
    assert errors.InvalidRequest not in found
