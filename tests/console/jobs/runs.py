"""All jobs in one browser, one user after another, and their table."""

from collections.abc import Iterable

from tests.console.console_client import PASSWORD
from tests.console.jobs.counted_user import CountedUser, button, field, link
from tests.console.jobs.job import Job, JobResult, run_job
from tests.console.jobs.job_site import SUPERVISOR, JobSite
from tests.console.jobs.operator_jobs import OPERATOR_JOBS
from tests.console.jobs.supervisor_jobs import SUPERVISOR_JOBS

OPERATOR = "demo"


def run_all_jobs(user: CountedUser, site: JobSite) -> list[JobResult]:
    """Do the jobs of the supervisor, then those of the operator. Raise AssertionError if a result is wrong."""
    done = run_jobs_as(user, site, SUPERVISOR, PASSWORD, SUPERVISOR_JOBS)
    return done + run_jobs_as(user, site, OPERATOR, site.demo.password, OPERATOR_JOBS)


def run_jobs_as(user: CountedUser, site: JobSite, name: str, password: str, jobs: Iterable[Job]) -> list[JobResult]:
    """Sign in, do some jobs, and sign out."""
    user.open(site.demo.build_url("login"))
    user.click(field("User name"))
    user.type(name)
    user.click(field("Password"))
    user.type(password)
    user.press("Enter")
    user.read(link(name))
    results = [run_job(job, user, site) for job in jobs]
    user.click(button("Sign out"))
    user.read("//input[@name='password']")
    return results


def format_table(results: Iterable[JobResult]) -> str:
    """Return the results as a Markdown table beside what the jobs took before."""
    lines = [
        "| job | before | clicks | keys | turns of the wheel | browser and server | a person, about |",
        "|---|---|---|---|---|---|---|",
    ]
    for result in results:
        cells = (
            result.job.name,
            result.job.before,
            str(result.clicks),
            str(result.keys),
            str(result.turns),
            f"{result.seconds:.1f} s",
            f"{result.person_seconds:.1f} s",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
