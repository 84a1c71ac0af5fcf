"""Log lines of many processes at one place: each stays whole."""

import json
import os
import subprocess
import sys
from pathlib import Path

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
"""


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_lines_of_many_processes_stay_whole(tmp_path: Path, unbuffered: str) -> None:
    """Containers often set PYTHONUNBUFFERED: each write goes out at once, then."""
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with (tmp_path / "log").open("ab") as log:
        command = [sys.executable, "-c", WRITER, str(LINES)]
        writers = [subprocess.Popen(command, stderr=log, env=environment) for _ in range(WRITERS)]
        assert [writer.wait(60) for writer in writers] == [0] * WRITERS
    lines = (tmp_path / "log").read_text().splitlines()
    assert len([json.loads(line) for line in lines]) == WRITERS * 2 * 2 * LINES
