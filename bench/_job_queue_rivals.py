"""Callbacks by the workers of DBOS and procrastinate, for comparison. Run it by the Python of a venv with both packages.

    PYTHON _job_queue_rivals.py dbos|dbos-sqlite|procrastinate DATABASE_URL PORT COUNT

All jobs are in the database before the worker starts. Each is an unsigned POST on a keep-alive connection, with the concurrency
that ccfs has per receiver. Attempts are not recorded beyond what the rival stores itself. The last line of output is jobs/s.
"""

import asyncio
import http.client
import json
import sys
import threading
import time
from importlib import import_module
from typing import Any

CONCURRENCY = 32
BODY = b'{"request":{"version":"2.0"},"msgBody":{"responseId":"%s"}}' % (b"0" * 32)
_THREAD_LOCAL = threading.local()


def post_callback(port: int) -> None:
    """Send one callback."""
    connection = getattr(_THREAD_LOCAL, "connection", None)
    if connection is None:
        connection = _THREAD_LOCAL.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/cb", BODY, {"Content-Type": "application/json;charset=UTF-8"})
    assert json.loads(connection.getresponse().read())["resultCode"] == "0"


def measure_procrastinate(url: str, port: int, count: int) -> float:
    """Return jobs/s of one procrastinate worker."""
    procrastinate: Any = import_module("procrastinate")
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url.replace("+psycopg", "")))

    async def deliver(number: int) -> None:
        await asyncio.to_thread(post_callback, port)

    task = app.task(name="deliver")(deliver)

    async def run() -> float:
        async with app.open_async():
            await app.schema_manager.apply_schema_async()
            await task.batch_defer_async(*({"number": number} for number in range(count)))
            began = time.perf_counter()
            await app.run_worker_async(concurrency=CONCURRENCY, wait=False)
            return count / (time.perf_counter() - began)

    return asyncio.run(run())


def measure_dbos(url: str, port: int, count: int) -> float:
    """Return jobs/s of one DBOS executor. Each job is a workflow."""
    dbos: Any = import_module("dbos")
    dbos.DBOS(
        config={"name": "rival", "system_database_url": url, "run_admin_server": False, "application_version": "1"}
    )

    def deliver(number: int) -> None:
        post_callback(port)

    dbos.DBOS.workflow(name="deliver")(deliver)
    dbos.DBOS.launch()
    client = dbos.DBOSClient(system_database_url=url)
    options = {"workflow_name": "deliver", "queue_name": "deliveries", "app_version": "1"}
    handles = [client.enqueue(options, number) for number in range(count)]
    began = time.perf_counter()
    dbos.DBOS.register_queue("deliveries", worker_concurrency=CONCURRENCY, polling_interval_sec=0.05)
    for handle in handles:
        handle.get_result()
    return count / (time.perf_counter() - began)


def main() -> None:
    rival, url, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    print(json.dumps((measure_procrastinate if rival == "procrastinate" else measure_dbos)(url, port, count)))


if __name__ == "__main__":
    main()
