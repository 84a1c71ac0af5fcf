"""Log lines of several processes with one stderr: each stays intact. A stderr that takes no lines ends nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

WRITERS, LINES = 4, 500
WRITER = """
import sys
from threading import Thread
from ccfs import logs
logs.configure_logging()
def write():
    for n in range(int(sys.argv[1])):
        logs.get_logger().info("written", action="test", number=n)
        logs.log_request("r", "test", 200, "0", n, 0.1)
threads = [Thread(target=write) for _ in range(2)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(sum(not thread.is_alive() for thread in threads), "threads ended")
"""

WRITE_TO_THE_END = """
def write():
    write_lines()
    print("written\\n", end="", flush=True)
def write_lines():"""


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_log_lines_of_several_processes_stay_intact(tmp_path: Path, unbuffered: str) -> None:
    """With PYTHONUNBUFFERED, which containers often set, each write is a system call."""
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with (tmp_path / "log").open("ab") as log:
        command = [sys.executable, "-c", WRITER, str(LINES)]
        writers = [
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, env=environment) for _ in range(WRITERS)
        ]
        assert [writer.wait(60) for writer in writers] == [0] * WRITERS
    lines = (tmp_path / "log").read_text().splitlines()
    assert len([json.loads(line) for line in lines]) == WRITERS * 2 * 2 * LINES


@pytest.mark.parametrize("stderr", ["full", "no_reader", "closed"])
def test_a_stderr_that_takes_no_lines_does_not_end_a_thread(stderr: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    program = WRITER.replace("threads =", "sys.stderr.close()\nthreads =") if stderr == "closed" else WRITER
    with open("/dev/full", "wb") as full, os.fdopen(writer, "wb") as pipe:
        streams: dict[str, Any] = {"full": full, "no_reader": pipe, "closed": subprocess.DEVNULL}
        done = subprocess.run(
            [sys.executable, "-c", program.replace("def write():", WRITE_TO_THE_END), "3"],
            stdout=subprocess.PIPE,
            stderr=streams[stderr],
            text=True,
            timeout=60,
            check=False,
        )
    assert done.stdout == "written\nwritten\n2 threads ended\n"
