"""A bulk download of all recordings, and its user."""

import pytest

from tests.console.bulk.bulk_download_server import (
    BulkDownloadServer,
    build_search_form,
    download_zip,
    request_bulk_download,
    wait_until_ready,
)
from tests.console.console_client import ConsoleClient
from tests.server.ccfs_server import CcfsServer


@pytest.fixture(scope="module")
def server(bulk_download_server: BulkDownloadServer) -> CcfsServer:
    return bulk_download_server.server


@pytest.fixture(scope="module")
def exporter(server: CcfsServer, bulk_download_server: BulkDownloadServer) -> ConsoleClient:
    client = ConsoleClient(server=server)
    client.sign_in("emil")
    return client


@pytest.fixture(scope="module")
def bulk_query(exporter: ConsoleClient, bulk_download_server: BulkDownloadServer) -> str:
    """The query of a bulk download of all the server's calls, which is ready."""
    query = request_bulk_download(exporter, **build_search_form(bulk_download_server.call_centre.account_param))
    wait_until_ready(exporter, query)
    return query


@pytest.fixture(scope="module")
def whole_zip(exporter: ConsoleClient, bulk_query: str) -> bytes:
    return download_zip(exporter, bulk_query).body
