"""The console in Debian's Firefox: a search without a new page, every coding heard and drawn, the middle of an hour."""

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from ccfs.model.recordings.recording import Recording
from tests.console import tapes
from tests.console.firefox import Firefox, firefox
from tests.console.floor import Floor
from tests.console.test_player import PLAYED
from tests.console.visitor import PASSWORD
from tests.web.serving import Server

CARD = """const card = [...document.querySelectorAll("article")].find((one) => one.textContent.includes(`tapes/${arguments[0]}`));
const audio = card.querySelector("audio"), wave = card.querySelector(".wave");
"""
DRAWN = """return wave.classList.contains("drawn") && [...wave.firstElementChild.shadowRoot.querySelectorAll("canvas")].some(
    (canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value))"""
PLAY = """const began = performance.now(), first = new Promise((done) => audio.addEventListener("timeupdate", () => done(
    performance.now() - began), {once: true}));
return audio.play().then(() => first)"""
SEEK = """window.seen = [];
const sought = new Promise((done) => audio.addEventListener("seeked", () => done(audio.currentTime), {once: true}));
audio.addEventListener("timeupdate", () => seen.push(audio.currentTime));
audio.currentTime = arguments[1];
audio.play();
return sought"""
STATE = "return [audio.duration, audio.error && audio.error.message]"


@pytest.fixture(scope="module")
def fox(console: Server, floor: Floor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """Somebody who may export in all of an app has signed in."""
    with firefox(tmp_path_factory.mktemp("firefox")) as one:
        one.go(f"http://{console.host}/console/login")
        one.run(
            """const [name, password] = document.querySelectorAll("[name=name], [name=password]");
            [name.value, password.value] = arguments;
            password.form.requestSubmit()""",
            "emil",
            PASSWORD,
        )
        one.until("return document.readyState == 'complete' && location.pathname == '/console/calls'")
        yield one


def open_call(fox: Firefox, console: Server, floor: Floor, call_id: str) -> None:
    fox.go(f"http://{console.host}/console/call?" + urlencode({"in": floor.place, "id": call_id}))


def test_a_choice_searches_without_a_new_page(fox: Firefox, console: Server, floor: Floor) -> None:
    fox.go(f"http://{console.host}/console/calls")
    fox.run(
        """window.same = true;
        const form = document.querySelector("[data-search]");
        form.elements.in.value = arguments[0];
        form.elements.agent.value = "512";
        form.elements.recorded.value = "yes";
        form.elements.recorded.dispatchEvent(new Event("change", {bubbles: true}))""",
        floor.place,
    )
    fox.until("return document.querySelector('.count').textContent.includes('2 calls')")
    assert fox.run("return [window.same, location.search.includes('recorded=yes')]") == [True, True]


def test_every_coding_is_heard_and_drawn(
    fox: Firefox, console: Server, floor: Floor, heard: dict[str, Recording]
) -> None:
    open_call(fox, console, floor, tapes.CALL)
    for name in PLAYED:
        fox.until(CARD + DRAWN, name)
        fox.run(CARD + PLAY, name)
        fox.until(CARD + "return audio.currentTime > 0.2", name)
        lasts = {"gsm": 4.48, "speex": 2.26}.get(name, tapes.SECONDS)
        assert fox.run(CARD + STATE, name) == [pytest.approx(lasts, abs=0.2), None], name
        goes_on_from(fox, name, lasts / 2)


def goes_on_from(fox: Firefox, name: str, place: float) -> None:
    """Seek there, and hear what follows."""
    assert fox.run(CARD + SEEK, name, place) == pytest.approx(place, abs=0.2), name
    seen = fox.until("return seen.some((at) => at > arguments[0] + 0.2) && seen", place)
    assert min(seen) > place - 0.2, name
    fox.run(CARD + "audio.pause()", name)
    assert fox.run(CARD + STATE, name)[1] is None


def test_any_place_of_an_hour_is_heard_at_once(
    fox: Firefox, console: Server, floor: Floor, heard: dict[str, Recording]
) -> None:
    open_call(fox, console, floor, tapes.LONG_CALL)
    milliseconds = fox.run(CARD + PLAY, "hour")
    assert milliseconds < 3000, "even on a machine that has much else to do"
    assert fox.run(CARD + STATE, "hour") == [pytest.approx(3599.68, abs=1), None]
    for place in (3000, 1800):
        goes_on_from(fox, "hour", place)


def test_a_broken_recording_is_said_to_be_so(
    fox: Firefox, console: Server, floor: Floor, heard: dict[str, Recording]
) -> None:
    open_call(fox, console, floor, tapes.CALL)
    fox.run(CARD + "audio.play().catch(() => {})", "broken")
    fox.until(
        CARD + "return card.querySelector('[role=alert]').innerText == 'This recording cannot be played.'", "broken"
    )
