"""Schemathesis calls every operation of /openapi.json with valid and invalid requests: no server error, no undocumented fault."""

import os
import subprocess
from pathlib import Path

from tests.api.api_client import create_client
from tests.cli.command import ROOT
from tests.server.ccfs_server import run_server
from tests.soak.signing_proxy import run_signing_proxy
from tests.two_tenants import create_two_tenants

PROGRAM = Path(
    os.environ.get("SCHEMATHESIS", ROOT / ".venv" / "soak" / "bin" / "schemathesis")
)  # scripts/soak installs it
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "1000"))  # of each operation
CHECKS = "not_a_server_error"


def test_no_generated_request_is_a_server_error(tmp_path: Path) -> None:
    with run_server(tmp_path / "data", lock_failures=0, log_requests="false") as server:
        client = create_client(server, create_two_tenants(server.node).acme)
        with run_signing_proxy(client) as (port, statuses):
            url = f"http://127.0.0.1:{port}"
            command = [str(PROGRAM), "run", f"{url}/openapi.json", "--url", url, "--checks", CHECKS, "--seed", "1"]
            command += ["--max-examples", str(EXAMPLES), "--phases", "examples,coverage,fuzzing"]
            command += ["--suppress-health-check", "all", "--warnings", "off", "--continue-on-failure"]
            run = subprocess.run(command, cwd=tmp_path, text=True, check=False, capture_output=True)
        failed = server.read_log_lines("request_failed")
    print(run.stdout[-3000:], dict(statuses))
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-2000:]
    assert [status for status in statuses if status >= 500] == []
    assert failed == []
    assert sum(statuses.values()) > EXAMPLES
    assert statuses[200]
