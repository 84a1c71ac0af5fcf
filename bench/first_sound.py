"""First sound of an hour-long call in browsers, and seeking in it: milliseconds from the click to audio that plays.

    scripts/bench first_sound [--rounds N] [--json]

A user clicks on *Play*, then on the middle of the waveform; and, on a new page, on the middle at once. The recording is GSM, which the
server decodes. Both browsers run without a display and swallow the sound.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).parent.parent))

import _servers as servers
from console_jobs import run_browser

from tests.console.console_client import PASSWORD
from tests.console.demo_site import LONDON, DemoSite, run_demo_site
from tests.console.jobs.counted_user import CountedUser, field, link
from tests.media import audio_samples

TARGET_MS = 300
WAVE, PLAY = "//div[contains(@class, 'wave') and @data-state='drawn']", "//button[contains(@class, 'play')]"
# Notes the time of the next click, and when audio beyond a second of the recording first plays on.
WATCH = """const audio = document.querySelector("audio[data-track]"), least = arguments[0];
window.soundAfter = null;
document.addEventListener("pointerdown", () => {
    const began = performance.now();
    let last = null;
    const look = () => {
        const now = audio.currentTime, plays = !audio.paused && !audio.seeking && now >= least;
        if (plays && last !== null && now > last) { window.soundAfter = performance.now() - began; return; }
        last = plays ? now : null;
        requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
}, {capture: true, once: true});
return true"""


def sign_in(site: DemoSite, user: CountedUser) -> None:
    user.open(site.build_url("login"))
    user.click(field("User name"))
    user.type("lucy")
    user.click(field("Password"))
    user.type(PASSWORD)
    user.press("Enter")
    user.read(link("lucy"))


def measure_click(user: CountedUser, path: str, least: float) -> float:
    """Click on an element. Return the milliseconds until audio beyond that second plays."""
    user.evaluate(WATCH, least)
    user.click(path)
    return float(user.wait_for("return window.soundAfter"))


def measure(site: DemoSite, user: CountedUser, rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of each round, by what was clicked."""
    call = {"account": site.build_account_param(LONDON), "id": audio_samples.LONG_CALL_ID}
    url = site.build_url(f"call?{urlencode(call)}")
    times: dict[str, list[float]] = {"play": [], "seek to the middle": [], "begin in the middle": []}
    for _ in range(rounds):
        user.open(url)
        user.read(WAVE)
        times["play"].append(measure_click(user, PLAY, 0))
        times["seek to the middle"].append(measure_click(user, WAVE, 1700))
        user.open(url)
        user.read(WAVE)
        times["begin in the middle"].append(measure_click(user, WAVE, 1700))
    return times


def build_row(browser: str, action: str, times: list[float]) -> dict[str, Any]:
    return {
        "browser": browser,
        "click": action,
        "first": f"{times[0]:.0f} ms",
        "median": f"{median(times):.0f} ms",
        "worst": f"{max(times):.0f} ms",
        f"within {TARGET_MS} ms": f"{sum(one < TARGET_MS for one in times)} of {len(times)}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name, run_demo_site(Path(name) / "data") as site:
        for browser in ("Chromium", "Firefox"):
            with run_browser(Path(name), is_firefox=browser == "Firefox") as user:
                sign_in(site, user)
                times = measure(site, user, options.rounds)
            rows += [build_row(browser, action, some) for action, some in times.items()]
    servers.report("first sound of an hour-long call", rows, options.json)


if __name__ == "__main__":
    main()
