"""The console in Debian's Firefox: a search without a new page, every coding heard and drawn, the middle of an hour."""

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from ccfs.model.recording import Recording
from tests.console import tapes
from tests.console.firefox import Firefox, firefox
from tests.console.floor import Floor
from tests.console.test_player import PLAYED
from tests.console.visitor import PASSWORD
from tests.web.serving import Server

CARD = """const card = [...document.querySelectorAll("article")].find((one) => one.textContent.includes("tapes/" + arguments[0]));
const audio = card.querySelector("audio"), wave = card.querySelector(".wave");"""
STATE = (
    """return [audio.currentTime, audio.duration, audio.paused, audio.seeking, audio.error && audio.error.message]"""
)
DRAWN = """return [...wave.firstElementChild.shadowRoot.querySelectorAll("canvas")].some((canvas) => canvas.getContext("2d")
    .getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value))"""


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
    fox.go(f"http://{console.host}/console/calls?in={floor.bolt.ak}/none")
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


@pytest.mark.parametrize("name", PLAYED)
def test_every_coding_is_heard_and_drawn(
    fox: Firefox, console: Server, floor: Floor, heard: dict[str, Recording], name: str
) -> None:
    if name == PLAYED[0]:
        open_call(fox, console, floor, tapes.CALL)
    fox.until(CARD + "return wave.classList.contains('drawn')", name)
    assert fox.run(CARD + DRAWN, name)
    fox.run(CARD + "return audio.play()", name)
    fox.until(CARD + "return audio.currentTime > 0.2 && !audio.error", name)
    lasts = {"gsm": 4.48, "speex": 2.26}.get(name, tapes.SECONDS)
    assert fox.run(CARD + "return audio.duration", name) == pytest.approx(lasts, abs=0.2)
    fox.run(CARD + "audio.currentTime = audio.duration / 2", name)
    fox.until(CARD + "return !audio.seeking && audio.currentTime > audio.duration / 2 + 0.2 && !audio.error", name)
    fox.run(CARD + "audio.pause()", name)


def test_the_middle_of_an_hour_is_heard_at_once(
    fox: Firefox, console: Server, floor: Floor, heard: dict[str, Recording]
) -> None:
    open_call(fox, console, floor, tapes.LONG_CALL)
    fox.run(CARD + "return audio.play()", "hour")
    fox.until(CARD + "return audio.currentTime > 0.2", "hour")
    fox.run(CARD + "audio.currentTime = 1800", "hour")
    fox.until(CARD + "return !audio.seeking && audio.currentTime > 1800.3", "hour")
    assert fox.run(CARD + STATE, "hour") == [
        pytest.approx(1800, abs=30),
        pytest.approx(3600, abs=2),
        False,
        False,
        None,
    ]
