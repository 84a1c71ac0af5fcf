"""Every function that reads or writes rows says whose rows: (connection, app, ...). No rows of another app by oversight."""

import ast
from collections.abc import Iterator

import pytest

from tests.house.source import PACKAGE, list_python_files, parse_file

USER_FUNCTIONS = (
    *(
        "add",
        "add_link",
        "bind",
        "by_id",
        "by_name",
        "by_subject",
        "unbind",
        "everybody",
        "forget_links",
        "grant",
        "has_operator",
        "link",
        "revoke",
    ),
    *("secrets_of", "set_disabled", "set_password", "set_second_factor", "use_link", "use_step"),
)

# Functions of the whole system, by module and name, each with the reason why it asks for no app.
SYSTEM_WIDE: dict[str, str] = {
    "db.plan_anew": "sets how questions are planned; asks none",
    "audit.add": "the log is the node's: what concerns no app stands in it, too",
    "audit.entries": "as above; whoever may read some apps' only says which",
    "audit.names": "as above",
    "audit.is_told": "as above; the entry that it looks for names its app",
    "marks.forget_gone": "retention is the node's: it lets go what belongs to no recording any more",
    "call_counts.old": "workers count for all apps; what they find names its app",
    **dict.fromkeys(
        ("kept_sizes.due", "kept_sizes.count", "kept_sizes.keep", "kept_sizes.read"),
        "numbers for the operator, over all apps",
    ),
    "deliveries.due_receivers": "workers serve all apps; what they claim names its app",
    "deliveries.claim": "as above",
    "deliveries.record": "writes what was claimed",
    "deliveries.counts": "numbers for metrics, over all apps",
    "departures.forget_old": "who comes back from the sign-in service may see several apps",
    "departures.spend": "as above",
    "exports.claim": "workers serve all apps; what they claim names its app",
    "exports.renew": "writes what was claimed",
    "exports.finish": "as above",
    "exports.give_back": "as above",
    "exports.put_aside": "as above",
    "exports.old_files": "tidies up for all",
    "exports.counts": "numbers for metrics, over all apps",
    "exports.oldest_due": "as above",
    "intake.state": "numbers for metrics, over all apps",
    "lockouts.count_failure": "an address is locked before it is known who asks",
    "lockouts.locked": "as above",
    "lockouts.forget_old": "as above",
    "migrating.run": "makes the tables",
    "nodes.database_now": "a clock",
    "nodes.begin": "nodes serve all apps",
    "nodes.beat": "as above",
    "nodes.find": "as above",
    "nodes.listed": "as above",
    "nodes.living_before": "as above",
    "nodes.set_state": "as above",
    "nodes.forget": "as above",
    "nodes.counts": "as above",
    **dict.fromkeys(
        (
            "moves.older",
            "moves.count_older",
            "moves.claim",
            "moves.switch",
            "moves.give_back",
            "moves.note",
            "moves.due",
            "moves.hold",
            "moves.is_named",
            "moves.forget",
        ),
        "bytes of all apps are moved between the operator's locations",
    ),
    "places.add": "the operator's locations serve all apps",
    "places.claim_disk": "as above",
    "places.disk_of": "as above",
    "places.change": "as above",
    "places.places": "as above",
    "places.change_number": "as above",
    "places.held": "numbers for the operator, over all apps",
    "months.need": "makes parts of tables; sees no row",
    "play_tokens.recording_of": "the token itself names the app",
    "play_tokens.forget_expired": "tidies up for all",
    "selections.claim": "workers serve all apps; what they claim names its app",
    "selections.renew": "writes what was claimed",
    "selections.advance": "as above",
    "selections.finish": "as above",
    "selections.give_back": "as above",
    "selections.put_aside": "as above",
    "selections.forget_old": "tidies up for all",
    "selections.counts": "numbers for metrics, over all apps",
    "selections.oldest_due": "as above",
    "sessions.begin": "a user may see several apps",
    "sessions.end": "as above",
    "sessions.forget_old": "as above",
    "sessions.seen": "as above",
    "sessions.user_of": "as above",
    "tenancy.add_app": "the app is not there yet",
    "tenancy.apps": "the operator's list",
    "tenancy.app_by_ak": "finds the app",
    "tenancy.insert_or_ignore": "makes a statement; reads nothing",
    **dict.fromkeys(("tallies.by_state", "tallies.oldest"), "numbers for metrics, over all apps"),
    "tenancy.changed": "counts changes of all apps",
    "tenancy.change_number": "counts changes of all apps",
    "tenancy.living_keys": "a signature is checked against every app's keys",
    "tenancy.reseal": "the operator renews the seal of all secrets",
    "trusted_certificates.add_certificate": "the operator trusts for the whole system",
    "trusted_certificates.certificates": "as above",
    "trusted_certificates.remove_certificate": "as above",
    **dict.fromkeys(
        (f"users.{name}" for name in USER_FUNCTIONS),
        "a user may see several apps: what of them is said by the user's grants",
    ),
    "voice_files.deleted": "tidies up for all",
}


def iter_row_functions(tree: ast.Module) -> Iterator[tuple[str, list[str]]]:
    """Name and parameters, without the connection, of each public function that is given a connection."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            parameters = [one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            if parameters[:1] == ["connection"]:
                yield node.name, parameters[1:]
            else:
                assert "connection" not in parameters, f"{node.name}: the connection comes first"


def find_functions_without_app(tree: ast.Module) -> set[str]:
    """The functions that are given a connection, and then something else than the app."""
    return {name for name, parameters in iter_row_functions(tree) if parameters[:1] != ["app"]}


FILES = {
    file.stem: parse_file(file) for file in list_python_files(PACKAGE / "store") if file.parent == PACKAGE / "store"
}


@pytest.mark.parametrize("module", FILES)
def test_a_row_function_takes_the_app_first(module: str) -> None:
    assert {f"{module}.{name}" for name in find_functions_without_app(FILES[module])} - set(SYSTEM_WIDE) == set()


def test_every_exception_is_still_needed() -> None:
    needed = {f"{module}.{name}" for module, tree in FILES.items() for name in find_functions_without_app(tree)}
    assert set(SYSTEM_WIDE) - needed == set()


def test_the_rule_has_something_to_rule() -> None:
    assert sum(len(list(iter_row_functions(tree))) for tree in FILES.values()) > len(SYSTEM_WIDE)


@pytest.mark.parametrize(
    "text", ["def by_name(connection, name): ...", "def all(connection): ...", "def f(connection, *, app_id): ..."]
)
def test_a_function_without_the_app_is_found(text: str) -> None:
    assert find_functions_without_app(ast.parse(text))


@pytest.mark.parametrize(
    "text", ["def by_name(connection, app, name): ...", "def _rows(connection): ...", "def digest(x): ..."]
)
def test_a_function_that_keeps_the_rule_is_let_be(text: str) -> None:
    assert not find_functions_without_app(ast.parse(text))
