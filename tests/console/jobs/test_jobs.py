"""The jobs of supervisors, in Chromium: each ends with the right result, within its clicks and keys.

`scripts/bench console_jobs` does them with 100,000 calls, and prints what each took beside what it took before. A soak test does
those of operators too, on both databases and in Firefox.
"""

from pathlib import Path

from tests.console.chromium import open_browser, open_page
from tests.console.console_client import PASSWORD
from tests.console.jobs.chromium_user import ChromiumUser
from tests.console.jobs.job_site import SUPERVISOR, run_job_site
from tests.console.jobs.runs import run_jobs_as
from tests.console.jobs.supervisor_jobs import SUPERVISOR_JOBS


def test_every_job_is_done_within_its_clicks_and_keys(tmp_path: Path) -> None:
    with run_job_site(tmp_path) as site, open_browser() as chromium, open_page(chromium) as page:
        results = run_jobs_as(ChromiumUser(page), site, SUPERVISOR, PASSWORD, SUPERVISOR_JOBS)
    assert len(results) == len(SUPERVISOR_JOBS) == 12
    over = {result.job.name: (result.clicks, result.keys) for result in results if not result.is_within_limits}
    assert over == {}
