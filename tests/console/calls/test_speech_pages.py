"""Silence and talk-over on the page of a call and in statistics: after the analysis, before it, and of one's own app."""

import csv
import os
import re
from datetime import timedelta
from functools import partial
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from ccfs.db.tenant.calls import cdrs
from ccfs.media.speech_detector import analyse_blob
from ccfs.model.recordings.recording import Recording
from ccfs.server.node import utc_now
from ccfs.web.responses.blob_reader import open_blob
from ccfs.workers.maintenance.statistics import update_call_statistics, update_daily_statistics
from ccfs.workers.speech.worker import SpeechDeps, SpeechWorker
from tests.console.call_centre_data import BEGIN, CallCentreData, make_leg
from tests.console.calls.test_player_browser import set_session_cookies, wait_until
from tests.console.chromium import find_violations, open_browser, open_page
from tests.console.conftest import SignIn
from tests.server.ccfs_server import CcfsServer
from tests.two_tenants import add_recording
from tests.workers.speech.spoken_calls import build_lane, build_wav

CALL_ID = "1700000077-1"
STEREO = build_wav(
    build_lane([(2.0, "customer-en-02"), (9.0, "customer-en-02")], 14),
    build_lane([(0.2, "agent-en-01"), (5.0, "agent-en-02")], 14),
)


@pytest.fixture(scope="module")
def analysed(console_server: CcfsServer, call_centre: CallCentreData) -> Recording:
    """A stereo recording that was analysed. The others of the call centre wait."""
    node, app = console_server.node, call_centre.acme
    begin = BEGIN + timedelta(minutes=50)
    leg = make_leg("acme-account", CALL_ID, 50, call_begin=begin, call_end=begin + timedelta(seconds=14))
    with node.database.write_transaction() as connection:
        cdrs.add(connection, app, [leg])
    times = {"call_begin": begin, "call_end": begin + timedelta(seconds=14)}
    more = {"account_id": "acme-account", "call_id": CALL_ID, "current_skill_id": "sales", **times}
    recording = add_recording(node, app, STEREO, "/0/1/record/x/speech.wav", "Y:/77/0/20201015/512/7.V3", **more)
    worker = SpeechWorker(
        SpeechDeps(database=node.database, analyse=partial(analyse_blob, partial(open_blob, node)), now=utc_now)
    )
    while worker.run_once():
        pass
    while update_call_statistics(node.database) or update_daily_statistics(node.database, utc_now()):
        pass  # the server's worker may not have counted the calls yet
    return recording


def test_a_call_shows_where_nobody_and_where_both_speak(
    signed_in: SignIn, call_centre: CallCentreData, analysed: Recording
) -> None:
    query = urlencode({"account": call_centre.account_param, "id": analysed.call_id})
    page = signed_in("lucy").get(f"/console/call?{query}").body.decode()
    assert re.search(r'<rect class="overlap" x="\d', page)
    assert re.search(r'<rect class="silence" x="\d', page) is None or "Longest silence" in page
    assert 'data-silences="[' in page
    assert "by voice detection" in page
    text = signed_in("lucy").get_text(f"/console/call?{query}")
    assert re.search(r"Silence \d+\.\d% 0:\d\d Longest silence 0:\d\d Talk-over \d+\.\d% 0:0\d Agent speaks", text)
    assert "Not all recordings" not in text
    assert signed_in("basil").get(f"/console/call?{query}").status == 404


def test_a_call_that_waits_for_its_analysis_says_so(
    console_server: CcfsServer, signed_in: SignIn, call_centre: CallCentreData
) -> None:
    call_id = "1700000078-1"
    more = {"account_id": "acme-account", "call_id": call_id, "call_begin": BEGIN, "call_end": BEGIN}
    add_recording(
        console_server.node, call_centre.acme, STEREO, "/0/1/record/x/w.wav", "Y:/78/0/20201015/512/7.V3", **more
    )
    query = urlencode({"account": call_centre.account_param, "id": call_id})
    text = signed_in("lucy").get_text(f"/console/call?{query}")
    assert "by loudness where voice detection has no result yet" in text
    assert "Recording analysis is turned off." in text  # on this server


def test_statistics_have_the_shares_of_agents_and_queues(
    signed_in: SignIn, call_centre: CallCentreData, analysed: Recording
) -> None:
    query = f"account={call_centre.account_param}&period=90"
    text = signed_in("anna").get_text(f"/console/statistics?{query}")
    section = text.partition("Silence and talk-over Agent")[2]
    assert re.search(r"512 \d+ \d+\.\d% \d+\.\d% \d+\.\d%", section), text[-1500:]
    assert re.search(r"sales 1 \d+\.\d% \d+\.\d% \d+\.\d%", section)
    body = signed_in("anna").get(f"/console/statistics/csv?{query}").body.decode("utf-8-sig")
    rows = {(row["Row"], row["Name"]): row for row in csv.DictReader(body.splitlines())}
    assert rows["queue", "sales"]["Analysed recordings"] == "1"
    assert 0 < float(rows["queue", "sales"]["Talk-over"]) < 0.5
    assert float(rows["agent", "512"]["Silence"]) > 0
    assert signed_in("basil").get(f"/console/statistics?{query}").status == 404


def test_keys_and_marks_lead_to_silence_and_talk_over(
    console_server: CcfsServer, signed_in: SignIn, call_centre: CallCentreData, analysed: Recording
) -> None:
    query = urlencode({"account": call_centre.account_param, "id": analysed.call_id})
    with open_browser() as browser, open_page(browser) as view:
        set_session_cookies(view, signed_in("lucy"))
        view.goto(f"http://{console_server.host}/console/call?{query}")
        expect(view.locator(".wave")).to_have_attribute("data-state", "drawn", timeout=30_000)
        mark = view.locator(".speech-bars a[data-kind=overlap]").first
        begin = int(mark.get_attribute("data-seek") or "") / 1000
        view.locator("h1").click()
        view.keyboard.press("o")
        audio = view.locator("audio[data-track]").first
        wait_until(audio, f"audio => Math.abs(audio.currentTime - {begin}) < 3 && !audio.paused")
        silences = view.evaluate(
            "chooseSilences([{begin: 0, length: 9, audios: [{dataset: {silences: '[[1000,4000]]'}}]},"
            " {begin: 10, length: 5, audios: [{dataset: {}}]}], [[0, 3], [8, 12]])"
        )
        assert silences == [[1, 4], [10, 12]]
        assert find_violations(view) == []
        view.set_viewport_size({"width": 390, "height": 844})
        assert view.evaluate("document.documentElement.scrollWidth <= 390")
        if folder := os.environ.get("SHOTS"):
            view.screenshot(path=f"{folder}/call390.png", full_page=True)
            view.set_viewport_size({"width": 1280, "height": 900})
            view.screenshot(path=f"{folder}/call.png", full_page=True)
            view.goto(f"http://{console_server.host}/console/statistics?account={call_centre.account_param}&period=90")
            view.screenshot(path=f"{folder}/statistics.png", full_page=True)
