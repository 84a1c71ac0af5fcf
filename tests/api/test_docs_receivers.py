"""The receivers of docs/callbacks.md with a real server, which generates exports and sends their callbacks."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ccfs.db.system import tenants
from ccfs.db.tenant import deliveries
from tests.api.callback_client import DOWNLOAD_OPERATIONS, CallbackClient, read_zip, run_callback_client
from tests.client.test_docs_examples import run_python_receiver, run_shell_receiver
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def callback_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallbackClient]:
    """A server on SQLite, and a client."""
    with run_callback_client(tmp_path_factory.mktemp("callbacks")) as callback_client:
        yield callback_client


@pytest.mark.parametrize("start", [run_python_receiver, run_shell_receiver], ids=["python", "shell"])
def test_a_receiver_of_the_docs_gets_callbacks_of_every_kind_of_export(
    callback_client: CallbackClient, tmp_path: Path, start: Callable[..., Any]
) -> None:
    node, app = callback_client.client.server.node, callback_client.tenants.acme.app
    with start(tmp_path, callback_client.client.sk) as running:
        with node.database.write_transaction() as connection:
            tenants.bind_callback(connection, app, f"http://127.0.0.1:{running.port}/")
        fields = {"callBackURL": f"http://127.0.0.1:{running.port}/ready?tenant=1&token=a%2Fb"}
        wait_until(lambda: callback_client.request_export(**fields).result_code == "0")
        replies = {operation: callback_client.request_export(operation, **fields) for operation in DOWNLOAD_OPERATIONS}
        wait_until(lambda: len(running.bodies) == 1 + len(replies))
        bodies = {body["msgBody"]["responseId"]: body["msgBody"] for body in running.bodies}
    for operation, reply in replies.items():
        number = reply.json["resultData"]["responseId"]
        assert read_zip(callback_client.download(operation, bodies[number][DOWNLOAD_OPERATIONS[operation][1]]))
        wait_until(partial(is_delivered, callback_client, number))  # the row is written a moment after the response


def is_delivered(callback_client: CallbackClient, number: str) -> bool:
    return list_failures(callback_client, number) == [""]


def list_failures(callback_client: CallbackClient, number: str) -> list[str]:
    """Return the failure of each attempt, empty for one that succeeded."""
    with callback_client.client.server.node.database.read_transaction() as connection:
        delivery = deliveries.get_with_attempts(connection, callback_client.tenants.acme.app, number)
    return [outcome.failure for outcome, _ in delivery.attempts] if delivery else []


def test_a_receiver_with_another_key_stores_nothing(callback_client: CallbackClient, tmp_path: Path) -> None:
    node, app = callback_client.client.server.node, callback_client.tenants.acme.app
    with run_python_receiver(tmp_path, "another key") as running:
        with node.database.write_transaction() as connection:
            tenants.bind_callback(connection, app, f"http://127.0.0.1:{running.port}/")
        fields = {"callBackURL": f"http://127.0.0.1:{running.port}/"}
        wait_until(lambda: callback_client.request_export(**fields).result_code == "0")
        number = callback_client.request_export(**fields).json["resultData"]["responseId"]
        wait_until(lambda: list_failures(callback_client, number)[:1] == ["status 401"])
        assert running.bodies == []
