"""Callbacks while connections to the database are closed."""

import time
from contextlib import closing
from pathlib import Path

import psycopg

from tests import databases
from tests.receivers import run_receiver
from tests.workers.callbacks.callback_node import open_callback_node


def test_a_database_that_closes_all_connections_loses_no_delivery(postgres_url: str, tmp_path: Path) -> None:
    with (
        databases.create_database(postgres_url) as url,
        open_callback_node(tmp_path, url) as callback_node,
        run_receiver() as receiver,
    ):
        callback_node.bind_prefix(receiver.prefix)
        with callback_node.run_callback_worker():
            ids = callback_node.add_deliveries(*[receiver.url] * 200)
            for _ in range(10):
                close_connections(url)
                time.sleep(0.1)
            callback_node.wait_until_delivered(*ids)
    received_ids = [got.headers["webhook-id"] for got in receiver.received]
    assert set(received_ids) == set(ids)
    print(f"200 deliveries while every connection was cut 10 times: {len(received_ids) - len(ids)} repeated, none lost")


def close_connections(url: str) -> None:
    """Close every connection to the database except this one."""
    with closing(psycopg.connect(url.replace("+psycopg", ""), autocommit=True)) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
