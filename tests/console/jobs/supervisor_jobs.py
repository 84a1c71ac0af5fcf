"""The twelve jobs of a supervisor."""

import re
import zipfile
from datetime import timedelta

from ccfs.server.node import utc_now
from tests.console.demo_site import LONDON
from tests.console.jobs.counted_user import CountedUser, button, field, link, menu
from tests.console.jobs.job import Job
from tests.console.jobs.job_site import (
    HOLD_SECONDS,
    LISTENER,
    QUEUE,
    TODAY_ABANDONED,
    TODAY_ANSWERED,
    ZONE,
    JobSite,
)

COUNT = "//p[contains(@class, 'count')]/strong"
WAVE = "//div[contains(@class, 'wave') and @data-state='drawn']"
POSITION = "const seconds = (text) => text.trim().split(':').reduce((sum, part) => sum * 60 + Number(part), 0);\n"
POSITION += "const [at, all] = document.querySelector('[data-player] .time').value.split('/').map(seconds);\n"
IS_HEARD = (
    POSITION + "const heard = [...document.querySelectorAll('audio')].some((one) => !one.paused && !one.error);\n"
)
MIN_TALK = 180


def open_known_call(user: CountedUser, site: JobSite) -> None:
    """Click on the call in the list, and wait until its page has drawn the waveform."""
    user.click(f"//tr[contains(@data-href, '{site.call.call_id}')]/td[contains(@class, 'caller')]")
    user.read("//h1[contains(., '→')]")


def wait_for_count(user: CountedUser, number: int) -> None:
    text = "1 call" if number == 1 else f"{number:,} calls"
    user.read(f"{COUNT}[normalize-space()='{text}']")


def find_call_of_a_number(user: CountedUser, site: JobSite) -> None:
    user.press("/")
    user.type(f"{site.call.caller_no[-5:]} yesterday")
    user.press("Enter")
    wait_for_count(user, 1)
    assert site.call.caller_no in user.read(f"//tr[contains(@data-href, '{site.call.call_id}')]")


def hear_from_the_middle(user: CountedUser, site: JobSite) -> None:
    open_known_call(user, site)
    user.click(WAVE)
    user.wait_for(IS_HEARD + "return heard && at > all / 2 - 1 && at")


def jump_to_hold(user: CountedUser, site: JobSite) -> None:
    open_known_call(user, site)
    hold = "//ol[@class='strip']//*[local-name()='a'][starts-with(@aria-label, 'On hold')]"
    label = user.wait_for(
        "const link = document.querySelector(`.strip a[aria-label^='On hold']`); return link && link.dataset.seek"
    )
    user.click(hold)
    begin, length = int(label) / 1000, HOLD_SECONDS[1] - HOLD_SECONDS[0]
    user.wait_for(IS_HEARD + f"return heard && at >= {begin - 1} && at <= {begin + length + 30}")


def annotate_a_moment(user: CountedUser, site: JobSite) -> None:
    open_known_call(user, site)
    user.wait_for("return document.querySelector('.wave').dataset.state === 'drawn'")
    user.press("m")
    user.type("Refund promised")
    user.press("Enter")
    user.read("//*[@id='annotations']//li[contains(., 'Refund promised')]")
    assert site.demo.query("SELECT text, author FROM annotations") == [("Refund promised", "anna")]


def link_to_a_second(user: CountedUser, site: JobSite) -> None:
    open_known_call(user, site)
    user.click(WAVE)
    user.wait_for(IS_HEARD + "return heard")
    user.press("c")
    user.read(button("Copied"))
    address = user.paste(field("Comment", "//form[@data-new]"))
    shown = re.search(r"[?&]t=([0-9:.]+)", address)
    assert shown, address
    assert site.call.call_id in address
    user.open(address)
    user.wait_for("return document.querySelector('[data-player] .time').value.startsWith(arguments[0])", shown[1])


def download_as_mp3(user: CountedUser, site: JobSite) -> None:
    open_known_call(user, site)
    data = user.download(link("MP3")).read_bytes()
    assert len(data) > 5000
    assert data[:3] == b"ID3" or data[0] == 0xFF


def find_long_calls_of_an_agent(user: CountedUser, site: JobSite) -> None:
    agent = site.call.agent_id
    user.press("/")
    user.type(agent)
    user.read("//*[@id='suggestions']//li")
    user.press("ArrowDown")
    user.press("Enter")
    user.read(f"//ul[@class='chips']//a[contains(., 'Agent {agent}')]")
    user.click("//summary[normalize-space() = 'More filters']")
    user.click(field("Minimum talk time"))
    user.type("3")
    user.press("Enter")
    user.read("//ul[@class='chips']//a[contains(., 'Minimum talk time')]")
    wait_for_count(user, site.count("cdrs", f"agent_id = '{agent}' AND talk_seconds >= {MIN_TALK}"))


def download_a_week_of_a_queue(user: CountedUser, site: JobSite) -> None:
    user.press("/")
    user.type(f"{QUEUE} 7 days")
    user.press("Enter")
    user.read(f"//ul[@class='chips']//a[contains(., '{QUEUE}')]")
    user.click(button("Download all results"))
    with zipfile.ZipFile(user.download("//a[contains(@href, '/bulk-download/zip')]")) as archive:
        assert archive.testzip() is None
        recordings = [name for name in archive.namelist() if name not in ("index.csv", "missing.csv")]
    wanted = f"SELECT call_id FROM cdrs WHERE account_id = '{LONDON}' AND current_skill_id = '{QUEUE}'"
    query = f"SELECT count(*) FROM recordings WHERE account_id = '{LONDON}' AND call_id IN ({wanted})"
    assert site.demo.query(query) == [(len(recordings),)]
    assert recordings


def see_today_of_a_queue(user: CountedUser, site: JobSite) -> None:
    user.click(menu("Statistics"))
    user.choose("//select[@name='period']", "Today")
    row = user.read(f"//h2[@id='queues']/following::table[1]//tr[th[normalize-space()='{QUEUE}']]")
    offered = TODAY_ANSWERED + TODAY_ABANDONED
    assert re.match(rf"{QUEUE} {offered} ", row), row
    assert f"{100 * TODAY_ANSWERED // offered}" in row, row
    assert "0:10" in row, row


def see_who_heard_a_call(user: CountedUser, site: JobSite) -> None:
    open_known_call(user, site)
    assert LISTENER in user.read(f"//h2[@id='heard']/following::table[1]//tr[contains(., '{LISTENER}')]")


def list_calls_without_recording(user: CountedUser, site: JobSite) -> None:
    user.click(link("Calls without their recording"))
    assert site.unrecorded_call in user.read(f"//tr[contains(., '{site.unrecorded_call}')]")


def see_the_day_of_an_agent(user: CountedUser, site: JobSite) -> None:
    user.click(f"//tr[contains(@data-href, '{site.call.call_id}')]//a[normalize-space()='{site.call.agent_id}']")
    day = utc_now().astimezone(ZONE).date() - timedelta(days=1)
    assert user.read(f"//h1[contains(., 'Agent {site.call.agent_id}')]").startswith(
        f"Agent {site.call.agent_id} {day:%Y-%m-%d}"
    )
    logged_in = user.read("//dl[contains(@class, 'metrics')]/div[dt='Time logged in']/dd")
    assert re.search(r"[1-9]", logged_in), logged_in


IMPOSSIBLE = "impossible"
SUPERVISOR_JOBS = (
    Job(name="Call of a number, yesterday", before="4 clicks, 36 keys, ~15 s", clicks=0, keys=17, do=find_call_of_a_number),
    Job(name="Hear it from the middle", before="2 clicks, 1 key, ~5 s", clicks=2, keys=0, do=hear_from_the_middle),
    Job(name="Jump to where it was on hold", before=IMPOSSIBLE, clicks=2, keys=0, do=jump_to_hold),
    Job(name="Annotate a moment", before="1 key and the text, ~3 s", clicks=1, keys=17, do=annotate_a_moment),
    Job(name="Link to a second", before=IMPOSSIBLE, clicks=2, keys=1, do=link_to_a_second),
    Job(name="Download it as MP3", before="1 click, ~2 s", clicks=2, keys=0, do=download_as_mp3),
    Job(name="Calls of an agent longer than 3 min", before="3 clicks, 6 keys, ~8 s", clicks=2, keys=9, do=find_long_calls_of_an_agent),
    Job(name="A week's recordings of a queue as zip", before="4 clicks, 6 keys, ~9 s", clicks=2, keys=14, do=download_a_week_of_a_queue),
    Job(name="Today's waiting and answer rate of a queue", before=IMPOSSIBLE, clicks=3, keys=0, do=see_today_of_a_queue),
    Job(name="Who listened to a call", before="9 clicks, 45 keys, ~50 s", clicks=1, keys=0, do=see_who_heard_a_call),
    Job(name="Calls that should have a recording", before=IMPOSSIBLE, clicks=1, keys=0, do=list_calls_without_recording),
    Job(name="An agent's day", before=IMPOSSIBLE, clicks=1, keys=0, do=see_the_day_of_an_agent),
)  # fmt: skip
