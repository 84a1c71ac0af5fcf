"""A counted user of Firefox, by its Marionette protocol, whose clicks and keys are those of its own input events."""

import time
from pathlib import Path
from typing import Any

from tests.console.firefox import Firefox, FirefoxCommandFailed
from tests.console.jobs.counted_user import FIND, WAIT_SECONDS, CountedUser, JobFailed

SET_SCREEN = """const [width, height, theme] = arguments, {style} = gBrowser.selectedBrowser;
Services.prefs.setIntPref("layout.css.prefers-color-scheme.content-override", theme === "dark" ? 0 : 1);
window.resizeTo(Math.max(width, 500), height + 120);
style.flex = "none";
style.width = `${width}px`;
style.height = `${height}px`;"""
MIDDLE = """if (!element) return null;
const {x, y, width, height} = element.getBoundingClientRect();
return [x + width / 2, y + height / 2]"""
KEYS = {
    "Enter": "\ue007",
    "Escape": "\ue00c",
    "Control": "\ue009",
    "End": "\ue010",
    "ArrowDown": "\ue015",
    "Tab": "\ue004",
}


class FirefoxUser(CountedUser):
    """A user of one window, whose downloads go into a folder."""

    def __init__(self, firefox: Firefox, downloads: Path) -> None:
        super().__init__()
        self.firefox, self.downloads = firefox, downloads

    def open(self, url: str) -> None:
        self.firefox.open(url)

    def set_screen(self, width: int, height: int, theme: str) -> None:
        self.firefox.send_command("Marionette:SetContext", value="chrome")
        try:  # a window is never narrower than 450 pixels, but the page in it may be
            self.firefox.run_script(SET_SCREEN, width, height, theme)
        finally:
            self.firefox.send_command("Marionette:SetContext", value="content")
        self.wait_for("return innerWidth === arguments[0]", width)

    def evaluate(self, script: str, *arguments: object) -> Any:
        try:
            return self.firefox.run_script(script, *arguments)
        except FirefoxCommandFailed as error:
            if "javascript error" in str(error) or "timeout" in str(error):
                raise
            return None  # the page is just being left

    def act_click(self, path: str) -> None:
        give_up = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                self.firefox.send_command("WebDriver:ElementClick", id=self._find(path))
                return
            except FirefoxCommandFailed as error:  # it moves, is covered for a moment, or was replaced
                if "could not be scrolled into view" in str(error):  # Marionette says so of all that is in a drawing
                    self._click_on_middle(path)
                    return
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

    def _click_on_middle(self, path: str) -> None:
        x, y = self.wait_for(FIND + MIDDLE, path)
        steps: list[dict[str, Any]] = [{"type": "pointerMove", "x": round(x), "y": round(y), "duration": 0}]
        steps += [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self._perform({"type": "pointer", "id": "mouse", "actions": steps, "parameters": {"pointerType": "mouse"}})

    def _find(self, path: str) -> str:
        element = self.wait_for(FIND + "return element", path)
        return str(next(iter(element.values())))

    def _send_keys(self, keys: list[tuple[str, str]]) -> None:
        self._perform({"type": "key", "id": "keys", "actions": [{"type": kind, "value": key} for kind, key in keys]})

    def _perform(self, source: dict[str, Any]) -> None:
        self.firefox.send_command("WebDriver:PerformActions", actions=[source])
