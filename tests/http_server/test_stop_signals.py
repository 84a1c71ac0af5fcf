"""A signal stops a command whenever it arrives, and a second one ends it."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

SIGNALS = 1000
# Forks children that wait for a millisecond again and again, and signals each at a random moment.
PROGRAM = """
import os, random, signal, sys, time
from ccfs.http_server.processes.stop_signals import StopSignals
late = 0
for _ in range(int(sys.argv[1])):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        stop = StopSignals()
        os.write(writer, b"x")
        while not stop.wait(0.0001):
            pass
        os._exit(7)
    os.read(reader, 1)
    time.sleep(random.uniform(0, 0.003))
    os.kill(child, random.choice((signal.SIGTERM, signal.SIGINT, signal.SIGHUP)))
    ends = time.monotonic() + 30
    while not (ended := os.waitpid(child, os.WNOHANG))[0] and time.monotonic() < ends:
        time.sleep(0.0005)
    if os.waitstatus_to_exitcode(ended[1]) != 7 or not ended[0]:
        late += 1
        os.kill(child, signal.SIGKILL)
    os.close(reader)
    os.close(writer)
print(late)
"""


def test_a_signal_at_any_moment_stops() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(SIGNALS)], capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout.strip() == "0"


def test_a_wait_ends_with_the_signal_and_a_second_one_ends_the_process(tmp_path: Path) -> None:
    program = (
        "import time; from ccfs.http_server.processes.stop_signals import StopSignals; stop = StopSignals(); "
        "print('ready', flush=True); print(stop.wait(600), flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(random.uniform(0, 0.05))
        child.send_signal(signal.SIGTERM)
        assert child.stdout.readline() == "True\n"
        child.send_signal(signal.SIGTERM)
        assert child.wait(60) == 128 + signal.SIGTERM


def test_a_wait_without_a_signal_ends_in_time() -> None:
    program = (
        "import time; from ccfs.http_server.processes.stop_signals import StopSignals; stop = StopSignals(); "
        "began = time.monotonic(); print(stop.wait(0.05), stop.is_set(), time.monotonic() - began >= 0.05)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False False True\n"
