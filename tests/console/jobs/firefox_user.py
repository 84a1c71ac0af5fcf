"""A counted user of Firefox, by its Marionette protocol, whose clicks and keys are those of its own input events."""

import time
from pathlib import Path
from typing import Any

from tests.console.firefox import Firefox, FirefoxCommandFailed
from tests.console.jobs.counted_user import FIND, WAIT_SECONDS, CountedUser, JobFailed

KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Control": "\ue009", "End": "\ue010", "ArrowDown": "\ue015", "Tab": "\ue004"}


class FirefoxUser(CountedUser):
    """A user of one window, whose downloads go into a folder."""

    def __init__(self, firefox: Firefox, downloads: Path) -> None:
        super().__init__()
        self.firefox, self.downloads = firefox, downloads

    def open(self, url: str) -> None:
        self.firefox.open(url)

    def evaluate(self, script: str, *arguments: object) -> Any:
        try:
            return self.firefox.run_script(script, *arguments)
        except FirefoxCommandFailed as error:
            if "javascript error" in str(error):
                raise
            return None  # the page is just being left

    def act_click(self, path: str) -> None:
        give_up = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                self.firefox.send_command("WebDriver:ElementClick", id=self._find(path))
                return
            except FirefoxCommandFailed as error:  # it moves, is covered for a moment, or was replaced
                if time.monotonic() > give_up:
                    raise JobFailed(f"{path} cannot be clicked: {error}") from error
                time.sleep(0.05)

    def act_type(self, text: str) -> None:
        self._send_keys([("keyDown", key) if down else ("keyUp", key) for key in text for down in (True, False)])

    def act_press(self, key: str) -> None:
        self.act_type(KEYS.get(key, key))

    def act_choose(self, path: str, label: str) -> None:
        self.act_click(f"({path})/descendant::option[normalize-space()='{label}']")

    def act_attach(self, path: str, file: Path) -> None:
        self.firefox.send_command("WebDriver:ElementSendKeys", id=self._find(path), text=str(file))

    def act_download(self, path: str) -> Path:
        before = set(self.downloads.iterdir())
        self.act_click(path)
        give_up = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < give_up:
            files = set(self.downloads.iterdir())
            new = [file for file in files - before if file.suffix != ".part" and file.stat().st_size]
            if new and not any(file.suffix == ".part" for file in files):
                return new[0]
            time.sleep(0.03)
        raise JobFailed(f"{path} downloaded nothing")

    def act_wheel(self, pixels: float) -> None:
        turn = {"type": "scroll", "x": 8, "y": 400, "deltaX": 0, "deltaY": round(pixels), "origin": "viewport"}
        self._perform({"type": "wheel", "id": "wheel", "actions": [turn]})

    def paste(self, path: str) -> str:
        self.act_click(path)
        control = KEYS["Control"]
        self._send_keys([("keyDown", control), ("keyDown", "v"), ("keyUp", "v"), ("keyUp", control)])
        return str(self.evaluate(FIND + "return element.value", path))

    def _find(self, path: str) -> str:
        element = self.wait_for(FIND + "return element", path)
        return str(next(iter(element.values())))

    def _send_keys(self, keys: list[tuple[str, str]]) -> None:
        self._perform({"type": "key", "id": "keys", "actions": [{"type": kind, "value": key} for kind, key in keys]})

    def _perform(self, source: dict[str, Any]) -> None:
        self.firefox.send_command("WebDriver:PerformActions", actions=[source])
