"""The console in Chromium and Firefox, on SQLite and PostgreSQL: every job, every page, and every browser test on both databases.

Each page of the route table is opened in both languages, light and dark, at the widths of a phone, a desk and a large screen. axe-core
finds nothing on it, and it does not scroll sideways, except tables that can be scrolled by themselves.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ccfs.cli.users import create_setup_link
from ccfs.db.system.console import passwords, users
from ccfs.model.identity.user import Grant, Role, User
from ccfs.server.node import utc_now
from tests import databases
from tests.console.chromium import AXE, RULES, open_browser, open_page
from tests.console.console_client import PASSWORD
from tests.console.demo_site import LONDON
from tests.console.firefox import start_firefox
from tests.console.jobs.chromium_user import ChromiumUser
from tests.console.jobs.counted_user import CountedUser, link
from tests.console.jobs.firefox_user import FirefoxUser
from tests.console.jobs.job_site import JobSite, run_job_site
from tests.console.jobs.runs import format_table, run_all_jobs
from tests.soak.console_objects import allow_guest_links, make_objects
from tests.soak.console_pages import build_addresses, list_page_paths

ROOT = Path(__file__).parents[2]
MISSING = ("setup?link=x", "guest?link=x")  # pages that say that something does not exist
WIDTHS, LANGUAGES, THEMES = (390, 1280, 1920), ("en", "zh"), ("light", "dark")
BROWSER_TESTS = sorted(
    str(file.relative_to(ROOT))
    for file in (ROOT / "tests" / "console").rglob("test_*.py")
    if "open_browser" in file.read_text() or "start_firefox" in file.read_text()
)
FIND_VIOLATIONS = f"""{AXE}
return window.axe.run(document, {json.dumps(RULES)}).then((found) => found.violations.flatMap(
    (rule) => rule.nodes.map((node) => rule.id + ": " + node.html.slice(0, 200))))"""
FIND_WIDTH = """const page = document.documentElement;
return page.scrollWidth <= page.clientWidth ? "" : `${page.scrollWidth - page.clientWidth} px wider than the screen: ` +
    [...document.querySelectorAll("main *")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1
        && !one.closest(".scroll")).slice(0, 3).map((one) => one.outerHTML.slice(0, 150)).join(" | ")"""
READY = "return document.readyState === 'complete' && !document.querySelector('.wave:not([data-state=drawn], [data-state=none])')"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobSite]:
    """The site of the jobs, whose pages are only read."""
    with run_site(request, tmp_path_factory.mktemp("site")) as site:
        allow_guest_links(site)
        yield site


@pytest.fixture(params=["sqlite", "postgresql"])
def new_site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[JobSite]:
    """A site on which no job was done yet."""
    with run_site(request, tmp_path) as site:
        yield site


@contextmanager
def run_site(request: pytest.FixtureRequest, folder: Path) -> Iterator[JobSite]:
    with ExitStack() as stack:
        more = {}
        if request.param == "postgresql":
            server = request.getfixturevalue("postgres_url")
            more = {"database_url": stack.enter_context(databases.create_database(server))}
        yield stack.enter_context(run_job_site(folder, guest_links=True, **more))


@pytest.fixture(params=["chromium", "firefox"])
def user(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CountedUser]:
    if request.param == "chromium":
        with open_browser() as chromium, open_page(chromium, refusal="status of 40") as page:
            yield ChromiumUser(page)
        return
    folders = [tmp_path / name for name in ("profile", "downloads")]
    for folder in folders:
        folder.mkdir()
    with start_firefox(*folders) as firefox:
        yield FirefoxUser(firefox, folders[1])


def find_user(site: JobSite, name: str) -> User | None:
    with site.demo.server.node.database.read_transaction() as connection:
        return users.find_by_name(connection, name)


def add_operator(site: JobSite, name: str) -> None:
    """Add an operator who is also an agent of the account."""
    agent = Grant(role=Role.AGENT, app=site.demo.app.id, account_id=LONDON, agent_id=site.call.agent_id)
    with site.demo.server.node.database.write_transaction() as connection:
        added = users.add(connection, name, passwords.hash_password(PASSWORD), utc_now())
        for grant in (Grant(role=Role.OPERATOR), agent):
            users.grant_role(connection, added, grant)


def sign_in(site: JobSite, user: CountedUser, name: str) -> None:
    user.open(site.demo.build_url("login"))
    user.click("//input[@name='name']")
    user.type(name)
    user.click("//input[@name='password']")
    user.type(PASSWORD)
    user.press("Enter")
    user.read(link(name))


def find_faults(user: CountedUser, url: str) -> list[str]:
    """Open a page. Return axe-core's violations, and how much too wide it is."""
    user.open(url)
    user.wait_for(READY)
    status = user.evaluate("return performance.getEntriesByType('navigation')[0].responseStatus")
    if status not in (200, 400) and url.partition("/console/")[2] not in MISSING:
        return [f"it does not open: {status}"]
    found = user.wait_for(f"return (function () {{ {FIND_VIOLATIONS} }})().then((list) => [list])")[0]
    wide = user.evaluate(FIND_WIDTH)
    return [*found, *([wide] if wide else [])]


def test_every_job_is_done(new_site: JobSite, user: CountedUser) -> None:
    results = run_all_jobs(user, new_site)
    print(format_table(results))
    assert [result.job.name for result in results if not result.is_within_limits] == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_accessible_and_narrow_enough(
    site: JobSite, user: CountedUser, language: str, theme: str, width: int
) -> None:
    name = f"olga-{language}-{theme}-{width}-{type(user).__name__.lower()}"
    add_operator(site, name)
    made = make_objects(site, name)
    user.set_screen(width, 900, theme)
    user.open(site.demo.build_url("login"))
    user.click(f"//footer//button[@value='{language}']")
    user.wait_for("return document.documentElement.lang.startsWith(arguments[0])", language)
    token = create_setup_link(site.demo.server.node, find_user(site, "sue"), "").partition("=")[2]
    addresses = build_addresses(site, token, made)
    faults = {}
    public = [url for path in list_page_paths(is_public=True) for url in addresses.get(path, [path])]
    for url in public:
        faults[url] = find_faults(user, f"http://localhost:{site.demo.server.port}{url}")
    sign_in(site, user, name)
    for path in list_page_paths(is_public=False):
        for url in addresses.get(path, [path]):
            faults[url] = find_faults(user, f"http://localhost:{site.demo.server.port}{url}")
    assert len(faults) > 55
    assert {url: wrong for url, wrong in faults.items() if wrong} == {}


@pytest.mark.parametrize("file", BROWSER_TESTS)
def test_every_browser_test_passes_on_both_databases(file: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", file]
    result = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "CONSOLE_ENGINES": "all"}, capture_output=True, text=True, check=False
    )
    print(result.stdout[-2000:])
    assert result.returncode == 0, result.stdout[-6000:]
