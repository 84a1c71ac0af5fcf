"""The jobs of an operator."""

import re

from tests.console.jobs.counted_user import CountedUser, button, field, link, menu
from tests.console.jobs.job import Job
from tests.console.jobs.job_site import JobSite

DONE = "//p[@class='done']"
IMPOSSIBLE = "impossible"


def see_whether_ingest_is_behind(user: CountedUser, site: JobSite) -> None:
    row = user.read("//h2[@id='sources']/following::table[1]//tr[contains(., 'Master.csv')]")
    assert re.search(r" ago 0 B none$", row), row


def mend_a_rejected_line(user: CountedUser, site: JobSite) -> None:
    user.click("//li[contains(@class, 'finding')][contains(., 'could not be read')]//a")
    row = "//tr[td[contains(., 'no line of this kind')]]"
    assert "Master.csv" in user.read(row)
    user.click(f"{row}//button")
    user.read(DONE)
    assert "Waiting for next pass" in user.read("//tr[contains(., 'Waiting for next pass')]")


def resend_a_failed_callback(user: CountedUser, site: JobSite) -> None:
    user.click("//li[contains(@class, 'finding')][contains(., 'allback')]//a")
    user.click("//tbody//a[contains(@aria-label, 'Failed callbacks')]")
    user.click("//tbody//a[contains(@href, '/console/export?')]")
    assert user.read("//h2[@id='attempts']/following::table[1]//tbody//td[3]") == "500"
    user.click(button("Resend callback"))
    assert user.read(DONE) == "Queued for retry."


def rotate_a_key(user: CountedUser, site: JobSite) -> None:
    user.click(menu("Apps"))
    card = f"//section[h2[contains(., '{site.demo.app.ak}')]]"
    user.click(field("Your password", f"{card}//form[contains(@action, '/apps/key')]"))
    user.type(site.demo.password)
    user.press("Enter")
    assert len(user.read("//*[@id='sk']")) > 20


def add_an_account(user: CountedUser, site: JobSite) -> None:
    user.click(menu("Apps"))
    user.click("//summary[normalize-space()='Add account or VDN']")
    user.click(field("Account", "//form[contains(@action, '/apps/account')]"))
    user.type("demo-leeds")
    user.press("Tab")
    user.type("3")
    user.press("Enter")
    assert "demo-leeds 3" in user.read("//tr[td[1][normalize-space()='demo-leeds']]")


def add_a_user_with_a_role(user: CountedUser, site: JobSite) -> None:
    user.click(menu("Users"))
    form = "//form[contains(@action, '/users/add')]"
    user.click(field("User name", form))
    user.type("zoe")
    user.press("Tab")
    user.type("l")  # Listener
    user.press("Tab")
    user.type("d")  # demo
    user.press("Tab")  # over the agent, which only the role of that name needs
    user.press("Tab")
    user.type(site.demo.password)
    user.press("Enter")
    assert user.read("//*[@id='link']").startswith("http://localhost:")
    row = user.read("//tr[th[normalize-space()='zoe']]")
    assert "Listener demo" in row, row


def bind_a_callback_address(user: CountedUser, site: JobSite) -> None:
    user.click(menu("Apps"))
    user.click(link("Manage"))
    user.click(field("Address", "//form[contains(@action, '/app/callback')]"))
    user.type("https://crm.example.com/")
    user.press("Enter")
    user.read(DONE)
    user.read("//tr[th[normalize-space()='https://crm.example.com/']]")


def trust_a_certificate(user: CountedUser, site: JobSite) -> None:
    user.click(menu("Settings"))
    user.click("//summary[normalize-space()='Add trusted certificate']")
    form = "//form[contains(@action, '/certificates/add')]"
    user.click(field("Name", form))
    user.type("crm")
    user.attach(field("Certificate file", form), site.certificate)
    user.click(button("Add certificate"))
    assert "crm.example.com" in user.read("//tr[th[normalize-space()='crm']]")


def see_the_nodes_and_disks(user: CountedUser, site: JobSite) -> None:
    assert "active" in user.read("//h2[@id='nodes']/following::table[1]//tbody/tr")
    free = user.read("//h2[@id='locations']/following::table[1]//tbody/tr/td[3]")
    assert re.search(r"[KMGT]B of ", free), free


def see_the_retention(user: CountedUser, site: JobSite) -> None:
    user.click(menu("Settings"))
    user.click("//input[@name='q']")
    user.type("retention_m")
    user.press("Enter")
    assert "CCFS_RETENTION_MONTHS" in user.read("//tr[td[contains(., 'CCFS_RETENTION_MONTHS')]]")


def see_the_settings_that_were_changed(user: CountedUser, site: JobSite) -> None:
    user.click(menu("Settings"))
    user.click("//input[@name='changed']")
    user.click("//form[contains(@action, '/settings')]" + button("Search"))
    assert "environment" in user.read("//tr[td[contains(., 'CCFS_CALLBACK_MAX_ATTEMPTS')]]")
    user.wait_until_gone("//tr[td[contains(., 'CCFS_RETENTION_MONTHS')]]")


OPERATOR_JOBS = (
    Job(name="Is ingest behind?", before="half: bytes only", clicks=0, keys=0, do=see_whether_ingest_is_behind),
    Job(name="Why was a line rejected; mend it", before="mostly", clicks=2, keys=0, do=mend_a_rejected_line),
    Job(name="Which callback fails, what came back, send again", before="per app only", clicks=4, keys=0, do=resend_a_failed_callback),
    Job(name="Rotate a key", before="possible", clicks=2, keys=13, do=rotate_a_key),
    Job(name="Add an account with its VDN", before="possible", clicks=3, keys=13, do=add_an_account),
    Job(name="Add a user with a role", before="possible", clicks=2, keys=22, do=add_a_user_with_a_role),
    Job(name="Bind a callback address", before=IMPOSSIBLE, clicks=3, keys=25, do=bind_a_callback_address),
    Job(name="Trust a certificate", before="possible", clicks=6, keys=3, do=trust_a_certificate),
    Job(name="Nodes, free disk space", before="half: no free space", clicks=0, keys=0, do=see_the_nodes_and_disks),
    Job(name="What retention deletes", before="no page", clicks=2, keys=12, do=see_the_retention),
    Job(name="Settings that were changed", before="a list of 4,902 px", clicks=3, keys=0, do=see_the_settings_that_were_changed),
)  # fmt: skip
