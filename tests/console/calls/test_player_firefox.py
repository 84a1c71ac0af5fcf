"""The console in Firefox: search without a new page, codecs, waveforms, seeking in an hour."""

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from ccfs.model.recordings.recording import Recording
from tests.console.call_centre_data import CallCentreData
from tests.console.calls.test_player_browser import PLAYABLE_CODINGS
from tests.console.console_client import PASSWORD
from tests.console.firefox import Firefox, start_firefox
from tests.media import audio_samples
from tests.server.ccfs_server import CcfsServer

CARD = """const card = [...document.querySelectorAll("article")].find((card) => card.textContent.includes(`samples/${arguments[0]}`));
const audio = card.querySelector("audio"), wave = document.querySelector(".wave");
"""
SHOW = """const choice = document.querySelector("select[data-track]");
choice.value = audio.dataset.track;
choice.dispatchEvent(new Event("change"))"""
DRAWN = """return wave.dataset.state === "drawn" && [...wave.firstElementChild.shadowRoot.querySelectorAll("canvas")].some(
    (canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value))"""
PLAY = """const began = performance.now(), first = new Promise((done) => audio.addEventListener("timeupdate", () => done(
    performance.now() - began), {once: true}));
return audio.play().then(() => first)"""
SEEK = """window.seen = [];
audio.pause();
const sought = new Promise((done) => audio.addEventListener("seeked", () => {
    done(audio.currentTime);
    audio.play();
}, {once: true}));
audio.addEventListener("timeupdate", () => seen.push(audio.currentTime));
audio.currentTime = arguments[1];
return sought"""
STATE = "return [audio.duration, audio.error && audio.error.message]"


@pytest.fixture(scope="module")
def firefox_window(
    console_server: CcfsServer, call_centre: CallCentreData, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Firefox]:
    """Sign in as emil, an exporter of acme."""
    with start_firefox(tmp_path_factory.mktemp("firefox")) as firefox:
        firefox.open(f"http://{console_server.host}/console/login")
        firefox.run_script(
            """const [name, password] = document.querySelectorAll("[name=name], [name=password]");
            [name.value, password.value] = arguments;
            password.form.requestSubmit()""",
            "emil",
            PASSWORD,
        )
        firefox.wait_until("return document.readyState == 'complete' && location.pathname == '/console/calls'")
        yield firefox


def open_call(fox: Firefox, console: CcfsServer, call_centre: CallCentreData, call_id: str) -> None:
    fox.open(f"http://{console.host}/console/call?" + urlencode({"account": call_centre.account_param, "id": call_id}))


def test_a_choice_in_the_form_searches_without_a_new_page(
    firefox_window: Firefox, console_server: CcfsServer, call_centre: CallCentreData
) -> None:
    firefox_window.open(f"http://{console_server.host}/console/calls")
    firefox_window.run_script(
        """window.same = true;
        const form = document.querySelector("[data-search]");
        form.elements.account.value = arguments[0];
        form.elements.agent.value = "512";
        form.elements.recorded.value = "yes";
        form.elements.recorded.dispatchEvent(new Event("change", {bubbles: true}))""",
        call_centre.account_param,
    )
    firefox_window.wait_until("return document.querySelector('.count').textContent.includes('2 calls')")
    assert firefox_window.run_script("return [window.same, location.search.includes('recorded=yes')]") == [True, True]


def test_every_codec_is_played_and_has_a_waveform(
    firefox_window: Firefox,
    console_server: CcfsServer,
    call_centre: CallCentreData,
    audio_recordings: dict[str, Recording],
) -> None:
    open_call(firefox_window, console_server, call_centre, audio_samples.CALL_ID)
    for name in PLAYABLE_CODINGS:
        firefox_window.run_script(CARD + SHOW, name)
        firefox_window.wait_until(CARD + DRAWN, name)
        firefox_window.run_script(CARD + PLAY, name)
        firefox_window.wait_until(CARD + "return audio.currentTime > 0.2", name)
        lasts = {"gsm": 4.48, "speex": 2.26}.get(name, audio_samples.SAMPLE_SECONDS)
        assert firefox_window.run_script(CARD + STATE, name) == [pytest.approx(lasts, abs=0.2), None], name
        assert_plays_from(firefox_window, name, lasts / 2)


def assert_plays_from(fox: Firefox, name: str, position: float) -> None:
    """Seek, and play from there."""
    assert fox.run_script(CARD + SEEK, name, position) == pytest.approx(position, abs=0.2), name
    seen = fox.wait_until("return seen.some((at) => at > arguments[0] + 0.2) && seen", position)
    assert min(seen) > position - 0.2, name
    fox.run_script(CARD + "audio.pause()", name)
    assert fox.run_script(CARD + STATE, name)[1] is None


def test_any_position_of_an_hour_is_played_at_once(
    firefox_window: Firefox,
    console_server: CcfsServer,
    call_centre: CallCentreData,
    audio_recordings: dict[str, Recording],
) -> None:
    open_call(firefox_window, console_server, call_centre, audio_samples.LONG_CALL_ID)
    milliseconds = firefox_window.run_script(CARD + PLAY, "hour")
    assert milliseconds < 3000, "even on a machine that has much else to do"
    assert firefox_window.run_script(CARD + STATE, "hour") == [pytest.approx(3599.68, abs=1), None]
    for position in (3000, 1800):
        assert_plays_from(firefox_window, "hour", position)


def test_a_broken_recording_is_reported(
    firefox_window: Firefox,
    console_server: CcfsServer,
    call_centre: CallCentreData,
    audio_recordings: dict[str, Recording],
) -> None:
    open_call(firefox_window, console_server, call_centre, audio_samples.CALL_ID)
    firefox_window.run_script(CARD + "audio.play().catch(() => {})", "broken")
    firefox_window.wait_until("return document.querySelector('[role=alert]').innerText.length > 0")
    text = firefox_window.run_script("return document.querySelector('[role=alert]').innerText")
    assert text == "This recording cannot be played."
