"""Debian's Firefox, headless, driven by its Marionette protocol of JSON messages: Playwright drives only its own patched Firefox."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

START_SECONDS = 90  # where the machine is busy
PROGRAMS = ("firefox-esr", "firefox")
PREFERENCES = {
    "marionette.port": 0,  # any free port, which Firefox writes to a file of the profile
    "media.autoplay.default": 0,  # sound without a click
    "media.cubeb.backend": "alsa",  # whose sound goes where SOUND says
    "intl.accept_languages": "en-GB",
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.region.network.url": "",
    "browser.safebrowsing.downloads.remote.enabled": False,
    "browser.search.update": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
}
# Without any device Firefox calls every sound an error. This one swallows sound as fast as it comes: an hour goes by in a minute.
ALSA_CONFIG = "pcm.!default { type null }\nctl.!default { type null }\n"


class FirefoxMissing(RuntimeError):
    """Firefox is not installed; the message says how to install it."""


class FirefoxCommandFailed(RuntimeError):
    """Firefox reported an error; the message is its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Firefox:
    """A browser with one window."""

    connection: socket.socket
    reader: BinaryIO

    def open(self, url: str) -> None:
        """Open a page and wait until it is loaded."""
        self.send_command("WebDriver:Navigate", url=url)

    def run_script(self, script: str, *arguments: object) -> Any:
        """Return what a function's body returns in the page; of a promise, its result."""
        return self.send_command("WebDriver:ExecuteScript", script=script, args=arguments)["value"]

    def wait_until(self, script: str, *arguments: object, seconds: float = 30) -> Any:
        """Return what the body returns as soon as it is true."""
        give_up = time.monotonic() + seconds
        while not (found := self.run_script(script, *arguments)):
            if time.monotonic() > give_up:
                raise FirefoxCommandFailed(f"for {seconds:.0f} s it was not so: {script} {arguments}")
            time.sleep(0.03)
        return found

    def send_command(self, command: str, **parameters: object) -> Any:
        """Send a command. Return its result."""
        body = json.dumps([0, 1, command, parameters]).encode()
        self.connection.sendall(b"%d:%s" % (len(body), body))
        _, _, wrong, answer = self.read_message()
        if wrong:
            raise FirefoxCommandFailed(f"{command}: {wrong['error']}: {wrong['message']}")
        return answer

    def read_message(self) -> Any:
        """Return the next message."""
        size = bytearray()
        while (byte := self.reader.read(1)) != b":":
            if not byte:
                raise FirefoxCommandFailed("Firefox hung up")
            size += byte
        return json.loads(self.reader.read(int(size)))


@contextmanager
def start_firefox(home: Path, downloads: Path | None = None) -> Iterator[Firefox]:
    """Yield a browser with a new profile, which saves downloads without a question if it is given a folder. Raise FirefoxMissing."""
    program = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if program is None:
        raise FirefoxMissing("Firefox is missing: run scripts/test as root, or install the package firefox-esr")
    preferences = PREFERENCES | (_build_download_preferences(downloads) if downloads else {})
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items()]
    (home / "user.js").write_text("".join(lines))
    (home / ".asoundrc").write_text(ALSA_CONFIG)
    command = [
        program,
        "--headless",
        "--marionette",
        "--remote-allow-system-access",
        "--no-remote",
        "--profile",
        str(home),
    ]
    with (home / "log").open("wb") as log:
        environment = {**os.environ, "HOME": str(home), "MOZ_CRASHREPORTER_DISABLE": "1"}
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        with (
            socket.create_connection(("127.0.0.1", _wait_for_port(process, home)), 60) as wire,
            wire.makefile("rb") as heard,
        ):
            firefox = Firefox(connection=wire, reader=heard)
            firefox.read_message()  # it greets
            firefox.send_command("WebDriver:NewSession")
            yield firefox
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _build_download_preferences(folder: Path) -> dict[str, object]:
    types = "audio/mpeg,audio/wav,audio/ogg,application/zip,text/csv"
    ask = {"browser.helperApps.neverAsk.saveToDisk": types, "browser.download.alwaysOpenPanel": False}
    return {"browser.download.folderList": 2, "browser.download.dir": str(folder), **ask}


def _wait_for_port(process: subprocess.Popen[bytes], home: Path) -> int:
    """Return the port once Firefox listens."""
    give_up = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < give_up:
        with suppress(OSError, ValueError):
            return int((home / "MarionetteActivePort").read_text())
        time.sleep(0.05)
    raise FirefoxCommandFailed(f"it did not start:\n{(home / 'log').read_text(errors='replace')}")
