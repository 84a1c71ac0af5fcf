"""The everyday jobs of supervisors and operators in a browser: clicks, keys and seconds, with 100,000 calls.

    scripts/bench console_jobs [--calls N] [--firefox] [--database URL] [--json]

Each job begins on the first page of a user who is signed in, and acts only by mouse and keyboard on what pages show. It prints what each
took beside what it took in November 2026, before the console had pages for them. The seconds are those of browser and server; those of a
person add 1.9 s for each click, 0.2 s for each key and 1 s for each turn of the wheel. These were chosen after the first results.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parent.parent))

from ccfs.db.tenant.calls import cdrs
from ccfs.server.node import utc_now
from tests.console.chromium import open_browser, open_page
from tests.console.firefox import start_firefox
from tests.console.jobs.chromium_user import ChromiumUser
from tests.console.jobs.counted_user import CountedUser
from tests.console.jobs.firefox_user import FirefoxUser
from tests.console.jobs.job_site import ZONE, JobSite, count_statistics, make_leg, run_job_site
from tests.console.jobs.runs import format_table, run_all_jobs

CALLS, DAYS, BATCH = 100_000, 90, 5_000
QUEUES = ("billing", "claims", "bookings", "technical")


def add_calls(site: JobSite, count: int) -> None:
    """Add calls of the 90 days before yesterday: four queues, 80 agents, one in ten abandoned."""
    random, end = Random(1), utc_now().astimezone(ZONE).replace(hour=0, minute=0, second=0) - timedelta(days=1)
    for start in range(0, count, BATCH):
        numbers = range(start, min(start + BATCH, count))
        legs = [
            make_leg(
                f"x{number}",
                _draw_begin(random, end),
                random.random() < 0.9,
                queue=random.choice(QUEUES),
                agent=str(2001 + random.randrange(80)),
                talk=random.randrange(10, 900),
                caller_no=f"020{random.randrange(10**8):08}",
                caller_name=f"Caller {random.randrange(5000)}",
            )
            for number in numbers
        ]
        with site.demo.server.node.database.write_transaction() as connection:
            cdrs.add(connection, site.demo.app, legs)
    count_statistics(site.demo)


def _draw_begin(random: Random, end: datetime) -> datetime:
    return end - timedelta(days=random.randrange(DAYS), seconds=random.randrange(6 * 3600, 16 * 3600))


@contextmanager
def run_browser(folder: Path, *, is_firefox: bool) -> Iterator[CountedUser]:
    """Yield a user of a new browser."""
    if not is_firefox:
        with open_browser() as chromium, open_page(chromium) as page:
            yield ChromiumUser(page)
        return
    (profile := folder / "firefox").mkdir()
    (downloads := folder / "downloads").mkdir()
    with start_firefox(profile, downloads) as firefox:
        yield FirefoxUser(firefox, downloads)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--firefox", action="store_true")
    parser.add_argument("--database", default="", help="an empty database, in place of SQLite")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    more = {"database_url": options.database} if options.database else {}
    with tempfile.TemporaryDirectory() as name, run_job_site(Path(name), **more) as site:
        add_calls(site, options.calls)
        with run_browser(Path(name), is_firefox=options.firefox) as user:
            results = run_all_jobs(user, site)
    if options.json:
        rows = [(one.job.name, one.clicks, one.keys, one.turns, round(one.seconds, 3)) for one in results]
        print(json.dumps(rows, ensure_ascii=False))
    else:
        print(format_table(results))


if __name__ == "__main__":
    main()
