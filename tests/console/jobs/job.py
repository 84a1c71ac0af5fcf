"""A job of a supervisor or an operator, and its result in a browser."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.console.jobs.counted_user import SECONDS_PER_CLICK, SECONDS_PER_KEY, SECONDS_PER_TURN, CountedUser
from tests.console.jobs.job_site import JobSite


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job: it begins on the first page of a user who is signed in, and ends when its result was seen and proven right."""

    name: str
    before: str  # what the job took before this console
    clicks: int  # that it may take
    keys: int
    do: Callable[[CountedUser, JobSite], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """What a job took."""

    job: Job
    clicks: int
    keys: int
    turns: int  # of the wheel
    seconds: float  # of the browser and the server, with a user who needs no time

    @property
    def person_seconds(self) -> float:
        """About how long a person takes."""
        return (
            self.seconds + self.clicks * SECONDS_PER_CLICK + self.keys * SECONDS_PER_KEY + self.turns * SECONDS_PER_TURN
        )

    @property
    def is_within_limits(self) -> bool:
        """Whether it took no more clicks and keys than it may."""
        return self.clicks <= self.job.clicks and self.keys <= self.job.keys


def run_job(job: Job, user: CountedUser, site: JobSite) -> JobResult:
    """Do a job. Raise AssertionError if its result is wrong."""
    user.open(site.first_url)
    user.reset()
    began = time.perf_counter()
    job.do(user, site)
    seconds = time.perf_counter() - began
    return JobResult(job=job, clicks=user.clicks, keys=user.keys, turns=user.turns, seconds=seconds)
