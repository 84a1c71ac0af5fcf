"""The player in Chromium: codecs, waveforms, seeking, speed, channels, keys, annotations."""

import time
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from ccfs.model.recordings import wav
from ccfs.model.recordings.recording import Recording
from tests.console.call_centre_data import BEGIN, CallCentreData
from tests.console.chromium import find_violations, open_browser, open_page
from tests.console.conftest import SignIn
from tests.console.console_client import PASSWORD, ConsoleClient
from tests.media import audio_samples
from tests.server.ccfs_server import CcfsServer
from tests.two_tenants import add_recording, make_a_law_wav

PLAYABLE_CODINGS = [*audio_samples.CODINGS, "gsm", "speex", "unended"]
IS_PLAYING = "audio => audio.currentTime > 0.2 && !audio.error"
IS_DRAWN = """wave => [...wave.firstElementChild.shadowRoot.querySelectorAll('canvas')].some(
    canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(value => value))"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture
def player_page(chromium: Browser, signed_in: SignIn) -> Iterator[Page]:
    """A page on which Lucy is signed in."""
    with open_page(chromium, refusal="status of 400") as page:
        set_session_cookies(page, signed_in("lucy"))
        yield page


def set_session_cookies(view: Page, client: ConsoleClient) -> None:
    url = f"http://{client.server.host}/console"
    view.context.add_cookies([{"name": name, "value": value, "url": url} for name, value in client.cookies.items()])


def open_call(view: Page, console: CcfsServer, call_centre: CallCentreData, call_id: str) -> None:
    view.goto(f"http://{console.host}/console/call?" + urlencode({"account": call_centre.account_param, "id": call_id}))


def find_card(view: Page, name: str) -> Locator:
    return view.locator("article").filter(has=view.get_by_text(f"/0/1/record/samples/{name}", exact=True))


def wait_until(audio: Locator, question: str, seconds: float = 15) -> None:
    """Wait until an expression about the player is true."""
    give_up = time.monotonic() + seconds
    while not audio.evaluate(question):
        state = "audio => [audio.currentTime, audio.duration, audio.paused, audio.error && audio.error.message]"
        assert time.monotonic() < give_up, (question, audio.evaluate(state))
        time.sleep(0.03)


def show_wave(view: Page, card: Locator) -> Locator:
    """Choose the card's recording in the player, and return the waveform when it is drawn."""
    choice, audio = view.locator("select[data-track]"), card.locator("audio")
    if choice.count():
        choice.select_option(audio.get_attribute("data-track"))
    expect(view.locator(".wave")).to_have_attribute("data-state", "drawn", timeout=30_000)
    return view.locator(".wave")


def test_every_codec_is_played_and_has_a_waveform(
    player_page: Page, console_server: CcfsServer, call_centre: CallCentreData, audio_recordings: dict[str, Recording]
) -> None:
    open_call(player_page, console_server, call_centre, audio_samples.CALL_ID)
    for name in PLAYABLE_CODINGS:
        card = find_card(player_page, name)
        audio, wave = card.locator("audio"), show_wave(player_page, card)
        audio.evaluate("audio => audio.play()")
        wait_until(audio, IS_PLAYING)
        lasts = {"gsm": 4.48, "speex": 2.26}.get(name, audio_samples.SAMPLE_SECONDS)
        assert audio.evaluate("audio => audio.duration") == pytest.approx(lasts, abs=0.2), name
        assert wave.evaluate(IS_DRAWN), name
        audio.evaluate("audio => audio.pause()")


def test_a_broken_recording_is_reported(
    chromium: Browser,
    signed_in: SignIn,
    console_server: CcfsServer,
    call_centre: CallCentreData,
    audio_recordings: dict[str, Recording],
) -> None:
    with open_page(chromium) as view:
        set_session_cookies(view, signed_in("lucy"))
        open_call(view, console_server, call_centre, audio_samples.CALL_ID)
        card = find_card(view, "broken")
        view.locator("select[data-track]").select_option(card.locator("audio").get_attribute("data-track"))
        view.get_by_role("button", name="Play", exact=True).click()
        expect(view.get_by_role("alert")).to_have_text("This recording cannot be played.")
        expect(view.locator(".wave")).to_have_attribute("data-state", "none")
        expect(view.get_by_role("button", name="Play", exact=True)).to_be_visible()
        assert find_violations(view) == []


def test_any_position_of_an_hour_is_played_at_once(
    player_page: Page, console_server: CcfsServer, call_centre: CallCentreData, audio_recordings: dict[str, Recording]
) -> None:
    open_call(player_page, console_server, call_centre, audio_samples.LONG_CALL_ID)
    audio, wave = player_page.locator("audio"), show_wave(player_page, find_card(player_page, "hour"))
    box = wave.bounding_box()
    assert box
    wave.click(position={"x": box["width"] * 0.75, "y": 20})
    wait_until(audio, "audio => Math.abs(audio.currentTime - 2700) < 60 && !audio.seeking")
    at = audio.evaluate("audio => audio.currentTime")
    wait_until(audio, f"audio => audio.currentTime > {at} + 0.3")
    assert not audio.evaluate("audio => audio.paused"), "a click plays"
    expect(player_page.locator(".time")).to_contain_text("/ 1:00:00")


def test_keys_play_seek_change_speed_and_annotate_but_not_in_a_text_field(
    player_page: Page, console_server: CcfsServer, call_centre: CallCentreData, audio_recordings: dict[str, Recording]
) -> None:
    open_call(player_page, console_server, call_centre, audio_samples.LONG_CALL_ID)
    audio, press = player_page.locator("audio"), player_page.keyboard.press
    press("Space")
    wait_until(audio, IS_PLAYING)
    press("k")
    wait_until(audio, "audio => audio.paused")
    before = audio.evaluate("audio => audio.currentTime")
    press("ArrowRight")
    press("ArrowRight")
    press("ArrowLeft")
    assert audio.evaluate("audio => audio.currentTime") == pytest.approx(before + 5, abs=0.1)
    press(">")
    press(">")
    assert audio.evaluate("audio => audio.playbackRate") == 1.5
    press("<")
    expect(player_page.get_by_label("Speed")).to_have_value("1.25")
    player_page.get_by_label("Speed").select_option("3")
    assert audio.evaluate("audio => audio.playbackRate") == 3
    press("m")
    written = player_page.get_by_label("Comment").last
    expect(written).to_be_focused()
    for key in ("k", "m", "<", "Space", "ArrowLeft", ">"):
        press(key)
    expect(written).to_have_value("km<> ")
    assert audio.evaluate("audio => [audio.paused, audio.playbackRate]") == [True, 3]
    expect(player_page.get_by_text("Keyboard shortcuts:")).to_be_visible()


def test_one_channel_is_played_alone(
    player_page: Page, console_server: CcfsServer, call_centre: CallCentreData, audio_recordings: dict[str, Recording]
) -> None:
    open_call(player_page, console_server, call_centre, audio_samples.CALL_ID)
    card = find_card(player_page, "stereo")
    choice, audio = player_page.get_by_label("Channel"), card.locator("audio")
    show_wave(player_page, card)
    expect(choice).to_be_visible()
    expect(player_page.locator(".wave .side")).to_have_text(["Caller", "Agent"])
    audio.evaluate("audio => audio.play()")
    for which in ("left", "right", "both"):
        choice.select_option(which)
        at = audio.evaluate("audio => audio.currentTime")
        wait_until(audio, f"audio => audio.currentTime > {at} + 0.1")
    show_wave(player_page, find_card(player_page, "pcm"))
    expect(choice).to_be_hidden()


def test_an_annotation_is_added_seeked_to_and_deleted_while_the_recording_plays(
    player_page: Page, console_server: CcfsServer, call_centre: CallCentreData, audio_recordings: dict[str, Recording]
) -> None:
    open_call(player_page, console_server, call_centre, audio_samples.LONG_CALL_ID)
    audio = player_page.locator("audio")
    show_wave(player_page, find_card(player_page, "hour"))
    audio.evaluate("audio => audio.play()")
    wait_until(audio, IS_PLAYING)
    player_page.get_by_label("Position", exact=True).fill("2:00:00")
    player_page.get_by_label("Comment").fill("Half of it")
    player_page.get_by_role("button", name="Add annotation").click()
    expect(player_page.get_by_text("Nothing was recorded at this position.")).to_be_visible()
    expect(player_page.get_by_label("Position", exact=True)).to_be_focused()
    expect(player_page.get_by_label("Comment")).to_have_value("Half of it")
    player_page.get_by_label("Position", exact=True).fill("30:00")
    player_page.get_by_role("button", name="Add annotation").click()
    expect(player_page.get_by_text("Half of it")).to_be_visible()
    expect(player_page.locator("#annotations")).to_be_focused()
    expect(player_page.locator(".marker")).to_have_count(1)
    assert player_page.locator(".marker").evaluate("marker => parseFloat(marker.style.left)") == pytest.approx(
        50, abs=0.1
    )
    assert not audio.evaluate("audio => audio.paused")
    player_page.get_by_role("link", name="30:00", exact=True).click()
    wait_until(audio, "audio => Math.abs(audio.currentTime - 1800) < 5 && !audio.seeking")
    assert find_violations(player_page) == []
    player_page.get_by_role("button", name="Delete the annotation at 30:00").click()
    player_page.get_by_role("dialog").get_by_role("button", name="Delete annotation").click()
    expect(player_page.get_by_text("Half of it")).to_have_count(0)
    expect(player_page.locator(".marker")).to_have_count(0)


@pytest.mark.parametrize("look", [("light", 1280, "en-GB"), ("dark", 390, "zh-CN")], ids=["desk", "phone"])
def test_the_player_is_accessible(
    chromium: Browser,
    signed_in: SignIn,
    console_server: CcfsServer,
    call_centre: CallCentreData,
    audio_recordings: dict[str, Recording],
    look: tuple[str, int, str],
) -> None:
    scheme, width, language = look
    with open_page(chromium, color_scheme=scheme, viewport={"width": width, "height": 844}, locale=language) as view:
        set_session_cookies(view, signed_in("emil"))
        open_call(view, console_server, call_centre, audio_samples.CALL_ID)
        show_wave(view, find_card(view, "alaw")) if width > 1000 else expect(view.locator(".wave")).to_be_visible()
        assert find_violations(view) == []
        assert view.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_a_recording_is_played_and_annotated_without_scripts(
    chromium: Browser,
    signed_in: SignIn,
    console_server: CcfsServer,
    call_centre: CallCentreData,
    audio_recordings: dict[str, Recording],
) -> None:
    with open_page(chromium, java_script_enabled=False) as view:
        set_session_cookies(view, signed_in("lucy"))
        open_call(view, console_server, call_centre, audio_samples.LONG_CALL_ID)
        expect(view.locator("audio")).to_be_visible()
        expect(view.locator(".tools")).to_be_hidden()
        expect(view.locator(".wave")).to_be_hidden()
        view.get_by_label("Position", exact=True).fill("1:00")
        view.get_by_label("Comment").fill("Without a script")
        view.get_by_role("button", name="Add annotation").click()
        expect(view.get_by_text("Without a script")).to_be_visible()
        view.get_by_role("button", name="Delete the annotation at 1:00").click()
        view.get_by_role("button", name="Delete annotation").click()
        expect(view.get_by_text("Without a script")).to_have_count(0)


def test_recordings_follow_each_other_at_their_places_from_a_link_and_after_the_session(
    chromium: Browser, signed_in: SignIn, console_server: CcfsServer, call_centre: CallCentreData
) -> None:
    """A link to a second, copying one, the next recording after a gap, skipping silence, a session that ended."""
    loud, quiet = make_a_law_wav(9)[-8000:], b"\xd5" * 64_000
    with_silence = (
        wav.build_header(tag=wav.A_LAW, rate=8000, channels=1, bits=8, data_size=80_000) + loud + quiet + loud
    )
    for number, seconds in enumerate((3, 10)):
        begin = BEGIN + timedelta(minutes=10, seconds=30 + 10 * number)
        more = {"call_id": "1700000000-2", "call_begin": begin, "call_end": begin + timedelta(seconds=seconds)}
        data = with_silence if number else make_a_law_wav(number, seconds)
        more |= {"account_id": "acme-account"}
        name = f"/0/1/record/following/{number}.wav"
        add_recording(console_server.node, call_centre.acme, data, name, f"Y:/8/0/20201015/512/{number}.V3", **more)
    lucy = ConsoleClient(server=console_server)
    assert lucy.sign_in("lucy").status == 303
    with open_page(chromium, refusal="status of 401", permissions=["clipboard-read", "clipboard-write"]) as view:
        set_session_cookies(view, lucy)
        address = {"account": call_centre.account_param, "id": "1700000000-2", "t": "0:31"}
        view.goto(f"http://{console_server.host}/console/call?" + urlencode(address))
        expect(view.locator(".wave")).to_have_attribute("data-state", "drawn")
        expect(view.locator(".time")).to_contain_text("0:31 / ")
        view.keyboard.press("c")
        expect(view.locator(".copy-link")).to_have_text("Copied")
        assert view.evaluate("navigator.clipboard.readText()").endswith("id=1700000000-2&t=0:31")
        view.keyboard.press("k")
        wait_until(view.locator("audio").nth(1), "audio => audio.currentTime > 0.2 && !audio.paused")
        assert view.locator("audio").nth(0).evaluate("audio => audio.paused")
        expect(view.locator(".time")).to_contain_text("0:4")
        view.keyboard.press("s")
        wait_until(view.locator("audio").nth(1), "audio => audio.currentTime > 8.5 && audio.currentTime < 9.9", 5)
        view.keyboard.press("k")
        view.reload()
        expect(view.locator(".wave")).to_have_attribute("data-state", "drawn")
        view.context.clear_cookies()
        view.get_by_role("link", name="0:30–0:33").click()
        expect(view.get_by_role("alert")).to_contain_text("Your session has ended.")
        view.get_by_role("alert").get_by_role("link", name="Sign in").click()
        view.get_by_label("User name").fill("lucy")
        view.get_by_label("Password").fill(PASSWORD)
        view.keyboard.press("Enter")
        expect(view.locator(".time")).to_contain_text("0:30 / ")
