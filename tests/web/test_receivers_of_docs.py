"""The receivers of docs/callbacks.md with the real server: it asks, makes, signs and sends; they check, keep and answer."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ccfs.db.system import tenants
from ccfs.db.tenant import deliveries
from tests.client.test_docs_examples import python_receiver, shell_receiver
from tests.web.office import DOWNLOADS, Office, an_office, opened
from tests.work.announcing import until


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A server on SQLite, and a client."""
    with an_office(tmp_path_factory.mktemp("office")) as office:
        yield office


@pytest.mark.parametrize("start", [python_receiver, shell_receiver], ids=["python", "shell"])
def test_a_receiver_of_the_page_hears_of_every_kind_of_file(
    office: Office, tmp_path: Path, start: Callable[..., Any]
) -> None:
    node, app = office.caller.server.node, office.cast.acme.app
    with start(tmp_path, office.caller.sk) as running:
        with node.database.write_transaction() as connection:
            tenants.bind_callback(connection, app, f"http://127.0.0.1:{running.port}/")
        ask = {"callBackURL": f"http://127.0.0.1:{running.port}/ready?tenant=1&token=a%2Fb"}
        until(lambda: office.ask(**ask).code == "0")
        replies = {operation: office.ask(operation, **ask) for operation in DOWNLOADS}
        until(lambda: len(running.kept) == 1 + len(replies))
        told = {one["msgBody"]["responseId"]: one["msgBody"] for one in running.kept}
    for operation, reply in replies.items():
        number = reply.json["resultData"]["responseId"]
        assert opened(office.fetch(operation, told[number][DOWNLOADS[operation][1]]))
        until(partial(is_delivered, office, number))  # the row comes a moment after the answer


def is_delivered(office: Office, number: str) -> bool:
    return failures(office, number) == [""]


def failures(office: Office, number: str) -> list[str]:
    """Why each attempt failed; empty for the one that did not."""
    with office.caller.server.node.database.read_transaction() as connection:
        shown = deliveries.get_with_attempts(connection, office.cast.acme.app, number)
    return [outcome.failure for outcome, _ in shown.attempts] if shown else []


def test_one_with_another_key_takes_nothing(office: Office, tmp_path: Path) -> None:
    node, app = office.caller.server.node, office.cast.acme.app
    with python_receiver(tmp_path, "another key") as running:
        with node.database.write_transaction() as connection:
            tenants.bind_callback(connection, app, f"http://127.0.0.1:{running.port}/")
        ask = {"callBackURL": f"http://127.0.0.1:{running.port}/"}
        until(lambda: office.ask(**ask).code == "0")
        number = office.ask(**ask).json["resultData"]["responseId"]
        until(lambda: failures(office, number)[:1] == ["status 401"])
        assert running.kept == []
