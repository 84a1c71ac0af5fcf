"""A counted user of Chromium, by Playwright."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Error, Page

from tests.console.jobs.counted_user import CountedUser


class ChromiumUser(CountedUser):
    """A user of one page."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.page = page

    def open(self, url: str) -> None:
        self.page.goto(url)

    def set_screen(self, width: int, height: int, theme: str) -> None:
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.emulate_media(color_scheme="dark" if theme == "dark" else "light")

    def evaluate(self, script: str, *arguments: object) -> Any:
        try:
            return self.page.evaluate(f"(list) => (function () {{ {script} }}).apply(null, list)", list(arguments))
        except Error as error:
            if "context" in error.message or "navigat" in error.message:
                return None
            raise

    def act_click(self, path: str) -> None:
        self.page.locator(f"xpath={path}").locator("visible=true").first.click()

    def act_type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def act_press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def act_choose(self, path: str, label: str) -> None:
        self.page.locator(f"xpath={path}").locator("visible=true").first.select_option(label=label)

    def act_attach(self, path: str, file: Path) -> None:
        self.page.locator(f"xpath={path}").locator("visible=true").first.set_input_files(file)

    def act_download(self, path: str) -> Path:
        with self.page.expect_download() as saved:
            self.act_click(path)
        return saved.value.path()

    def act_wheel(self, pixels: float) -> None:
        self.page.mouse.move(8, 400)  # over the page's margin, not over a list that scrolls
        self.page.mouse.wheel(0, pixels)

    def paste(self, path: str) -> str:
        self.act_click(path)
        self.page.keyboard.press("Control+v")
        return self.page.locator(f"xpath={path}").first.input_value()
