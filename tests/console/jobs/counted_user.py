"""A user who acts by mouse and keyboard on what a page shows, and whose clicks and keys are counted.

Elements are named by XPath, and the first visible one is meant. A choice in a list or of a file counts two clicks; a turn of the wheel
is counted apart. Scripts only read the page; they never change it.
"""

import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

WAIT_SECONDS = 60.0  # where the machine is busy
# How long a person takes: to see, point at and press a button; to press a key; to turn the wheel. The estimates of the jobs before fit it.
SECONDS_PER_CLICK, SECONDS_PER_KEY, SECONDS_PER_TURN = 1.9, 0.2, 1.0
FIND = """const found = document.evaluate(arguments[0], document, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE, null);
const all = Array.from({length: found.snapshotLength}, (_, at) => found.snapshotItem(at));
const element = all.find((one) => one.checkVisibility({visibilityProperty: true}));
"""
READ = FIND + "return element ? element.innerText || element.textContent || element.value || ' ' : null"
DISTANCE = FIND + (
    "if (!element) return null; const box = element.getBoundingClientRect();"
    "return box.top < 0 || box.bottom > innerHeight ? box.top + box.height / 2 - innerHeight / 2 : 0"
)


class JobFailed(AssertionError):
    """A page did not show what a job needs; the message says what."""


class CountedUser(ABC):
    """A user of one browser. The subclasses act; this class counts."""

    def __init__(self) -> None:
        self.clicks = self.keys = self.turns = 0

    def reset(self) -> None:
        """Begin to count anew."""
        self.clicks = self.keys = self.turns = 0

    def click(self, path: str) -> None:
        """Click on the middle of an element."""
        self._bring_into_view(path)
        self.clicks += 1
        self.act_click(path)

    def type(self, text: str) -> None:
        """Type a text where the focus is."""
        self.keys += len(text)
        self.act_type(text)

    def press(self, key: str) -> None:
        """Press one key, named as browsers name it."""
        self.keys += 1
        self.act_press(key)

    def choose(self, path: str, label: str) -> None:
        """Choose an option of a list."""
        self._bring_into_view(path)
        self.clicks += 2
        self.act_choose(path, label)

    def attach(self, path: str, file: Path) -> None:
        """Choose a file."""
        self._bring_into_view(path)
        self.clicks += 2
        self.act_attach(path, file)

    def download(self, path: str) -> Path:
        """Click on a link that downloads. Return the saved file."""
        self._bring_into_view(path)
        self.clicks += 1
        return self.act_download(path)

    def read(self, path: str) -> str:
        """Return the text of an element that is to come, after turning the wheel to it if it is out of sight."""
        self._bring_into_view(path)
        return " ".join(self.wait_for(READ, path).split())

    def wait_for(self, script: str, *arguments: object) -> Any:
        """Return what the body of a function returns in the page as soon as it is true."""
        give_up = time.monotonic() + WAIT_SECONDS
        while not (found := self.evaluate(script, *arguments)):
            if time.monotonic() > give_up:
                shown = self.evaluate("return location.href + '\\n' + document.querySelector('main').innerText")
                raise JobFailed(f"never shown: {arguments or script}\n{shown}")
            time.sleep(0.02)
        return found

    def wait_until_gone(self, path: str) -> None:
        """Wait until no such element is visible."""
        self.wait_for(FIND + "return !element", path)

    def _bring_into_view(self, path: str) -> None:
        self.wait_for(READ, path)
        distance = self.evaluate(DISTANCE, path)
        if distance:
            self.turns += 1
            self.act_wheel(distance)
            self.wait_for(DISTANCE.replace("return box", "return !(box").replace(": 0", ": 0)"), path)

    @abstractmethod
    def open(self, url: str) -> None:
        """Open an address and wait until the page is loaded."""

    @abstractmethod
    def set_screen(self, width: int, height: int, theme: str) -> None:
        """Set the size of the page in pixels, and whether the system is "light" or "dark"."""

    @abstractmethod
    def evaluate(self, script: str, *arguments: object) -> Any:
        """Return what the body of a function returns in the page; None while the page changes."""

    @abstractmethod
    def act_click(self, path: str) -> None: ...

    @abstractmethod
    def act_type(self, text: str) -> None: ...

    @abstractmethod
    def act_press(self, key: str) -> None: ...

    @abstractmethod
    def act_choose(self, path: str, label: str) -> None: ...

    @abstractmethod
    def act_attach(self, path: str, file: Path) -> None: ...

    @abstractmethod
    def act_download(self, path: str) -> Path: ...

    @abstractmethod
    def act_wheel(self, pixels: float) -> None: ...

    @abstractmethod
    def paste(self, path: str) -> str:
        """Return what the clipboard pastes into a field; not counted, since a colleague does it."""


def quote(text: str) -> str:
    """Return a text as an XPath string; it may have one kind of quotes."""
    return f'"{text}"' if "'" in text else f"'{text}'"


def button(name: str) -> str:
    """Return the path of a button by its text."""
    return f"//button[normalize-space()={quote(name)}]"


def link(name: str, inside: str = "") -> str:
    """Return the path of a link by its text."""
    return f"{inside}//a[normalize-space()={quote(name)}]"


def menu(name: str) -> str:
    """Return the path of a link of the main menu."""
    return f"//header//nav//a[starts-with(normalize-space(), {quote(name)})]"


def field(name: str, inside: str = "") -> str:
    """Return the path of the input of a label."""
    return f"{inside}//label[starts-with(normalize-space(), {quote(name)})]//*[self::input or self::select]"
