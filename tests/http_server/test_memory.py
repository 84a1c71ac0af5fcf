"""The memory that threads of a web process keep."""

import re
import subprocess
import sys

PROGRAM = """
import ctypes, sys, threading
from ccfs.http_server.processes.memory import limit_arenas
if sys.argv[1:]:
    limit_arenas()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
started = threading.Barrier(20)
def allocate():
    started.wait()
    libc.malloc(1000)
    started.wait()
threads = [threading.Thread(target=allocate) for _ in range(20)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.malloc_stats()
"""


def count_arenas(*arguments: str) -> int:
    """Return how many heaps glibc created for 20 threads."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], check=True, capture_output=True, text=True, timeout=60
    )
    return len(re.findall(r"^Arena \d+:", ended.stderr, re.MULTILINE))


def test_threads_share_two_heaps() -> None:
    assert count_arenas("limited") == 2
    assert count_arenas() > 2
