"""The same posts by the workers of others: run by the Python of a venv that has dbos and procrastinate, not by ours.

    PYTHON _job_queue_rivals.py dbos|dbos-sqlite|procrastinate DATABASE_URL PORT COUNT

All jobs wait in the database before the worker begins; each is one unsigned post on a connection kept alive, with as many
under way as ours has to one receiver. No attempt is recorded beyond what the rival keeps itself. Prints jobs/s last.
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
    """One callback."""
    line = getattr(_THREAD_LOCAL, "line", None)
    if line is None:
        line = _THREAD_LOCAL.line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    line.request("POST", "/cb", BODY, {"Content-Type": "application/json;charset=UTF-8"})
    assert json.loads(line.getresponse().read())["resultCode"] == "0"


def measure_procrastinate(url: str, port: int, count: int) -> float:
    """Jobs/s of one worker."""
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
    """Jobs/s of one executor; each job is a workflow of its own."""
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
