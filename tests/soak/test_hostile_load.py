"""1,000 hostile clients beside honest ones: no honest request fails, and memory stays bounded.

`python -m tests.soak.test_hostile_load [SECONDS] [WORKERS] [nginx] [mixture]` prints a table with a row for each kind of attack
and one for all of them, or only the latter.
"""

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from tests.api.api_client import create_client
from tests.deploy.nginx_balancer import run_nginx
from tests.http_server.hostile_clients import measure_memory_mb
from tests.server.ccfs_server import CcfsServer, run_server
from tests.soak.hostile_load import ATTACKS, LoadResult, Target, run_load
from tests.two_tenants import add_recording, create_two_tenants

HOSTILE, HONEST = 1000, 500
SECONDS = 600.0  # of the mixture
KIND_SECONDS = 60.0  # of each kind alone
MAX_GROWTH_MB = 300
LARGE_BYTES = 20 << 20


@contextmanager
def run_target(folder: Path, workers: int, *, is_behind_nginx: bool = False) -> Iterator[tuple[CcfsServer, Target]]:
    """Run a server with recordings of several sizes, behind nginx as in deploy/ if asked."""
    with (
        run_server(folder / "data", workers=workers, lock_failures=0, trusted_proxies="127.0.0.1") as server,
        run_nginx(folder / "nginx", [server]) if is_behind_nginx else nullcontext((server, 0)) as (front, _),
    ):
        tenant = create_two_tenants(server.node).acme
        large = add_recording(server.node, tenant.app, bytes(LARGE_BYTES), "/0/1/r/large", "Y:/9/0", call_id="large")
        add_recording(server.node, tenant.app, large.blob, "/0/1/r/large-2", "Y:/9/1", call_id="large")
        yield (
            server,
            Target(
                port=front.port,
                client=create_client(front, tenant),
                file_name=tenant.only_recording.file_name,
                large_name="/0/1/r/large",
                large_call="large",
            ),
        )


def measure_load(server: CcfsServer, target: Target, names: list[str], seconds: float) -> tuple[LoadResult, int]:
    """Return the result of a load, and by how many megabytes the server grew at most meanwhile."""
    before, peak, done = measure_memory_mb(server), 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.5):
            peak = max(peak, measure_memory_mb(server))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        result = run_load(target, names, HOSTILE, HONEST, seconds)
    finally:
        done.set()
        watcher.join()
    return result, peak - before


@pytest.mark.parametrize("is_behind_nginx", [False, True], ids=["direct", "nginx"])
@pytest.mark.parametrize("workers", [1, 4])
def test_honest_clients_do_not_notice_a_mixture_of_attacks(
    tmp_path: Path, workers: int, *, is_behind_nginx: bool
) -> None:
    with run_target(tmp_path, workers, is_behind_nginx=is_behind_nginx) as (server, target):
        result, growth = measure_load(server, target, list(ATTACKS), SECONDS)
    assert result.errors == {}
    assert len(result.seconds) > HONEST
    assert result.get_percentile(0.99) < 5
    assert growth < MAX_GROWTH_MB


@pytest.mark.parametrize("name", ATTACKS)
def test_memory_stays_bounded_under_each_attack(tmp_path: Path, name: str) -> None:
    with run_target(tmp_path, 1) as (server, target):
        result, growth = measure_load(server, target, [name], KIND_SECONDS)
    assert result.errors == {}
    assert result.hostile_connections[name] >= HOSTILE
    assert growth < MAX_GROWTH_MB


def print_table(seconds: float, workers: int, *, is_behind_nginx: bool, is_mixture_only: bool) -> None:
    """Print a row for each kind of attack, and one for all of them together."""
    alone = [] if is_mixture_only else [[name] for name in ATTACKS]
    for names in (*alone, list(ATTACKS)):
        with (
            tempfile.TemporaryDirectory() as folder,
            run_target(Path(folder), workers, is_behind_nginx=is_behind_nginx) as (server, target),
        ):
            before = measure_memory_mb(server)
            result, growth = measure_load(server, target, names, seconds)
            label = names[0] if len(names) == 1 else f"all {len(names)}"
            print(
                f"{time.strftime('%H:%M:%S')} {label:32} honest {len(result.seconds):6} "
                f"errors {sum(result.errors.values()):4} p50 {result.get_percentile(0.5) * 1000:7.1f} ms "
                f"p99 {result.get_percentile(0.99) * 1000:8.1f} ms RSS {before} to {measure_memory_mb(server)} MB, "
                f"at most +{growth} MB, hostile {sum(result.hostile_connections.values()):6} {dict(result.errors)}",
                flush=True,
            )


if __name__ == "__main__":
    numbers = [float(argument) for argument in sys.argv[1:] if argument.replace(".", "").isdigit()]
    print_table(
        numbers[0] if numbers else KIND_SECONDS,
        int(numbers[1]) if len(numbers) > 1 else 1,
        is_behind_nginx="nginx" in sys.argv,
        is_mixture_only="mixture" in sys.argv,
    )
