"""Links between the pages of the documentation lead to files, and their anchors to headings."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.house.source import PACKAGE, ROOT, get_relative_name

PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "deploy" / "README.md",
        PACKAGE / "protocol" / "README.md",
    ]
)
LINK = re.compile(r"\]\(([^()\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+)$", re.MULTILINE)
CODE_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE_WORD = re.compile(r"`[^`\n]*`")


def build_anchor(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def list_anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings; repeated headings have a number."""
    anchors: set[str] = set()
    for anchor in map(build_anchor, HEADING.findall(CODE_BLOCK.sub("", text))):
        number = sum(anchor == re.sub(r"-\d+$", "", known) for known in anchors)
        anchors.add(f"{anchor}-{number}" if anchor in anchors else anchor)
    return anchors


@cache
def read_anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    return list_anchors(page.read_text(encoding="utf-8"))


def iter_links(text: str) -> Iterator[str]:
    """Yield the targets of relative links outside code."""
    prose = CODE_WORD.sub("", CODE_BLOCK.sub("", text))
    return (target for target in LINK.findall(prose) if not re.match(r"[a-z]+:", target))


def find_broken_links(page: Path, text: str) -> list[str]:
    """Return the links of a page whose file or heading does not exist."""
    broken = []
    for link in iter_links(text):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and (target.suffix != ".md" or anchor not in read_anchors(target))):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=get_relative_name)
def test_links_of_a_page_lead_to_files_and_headings(page: Path) -> None:
    assert find_broken_links(page, page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "link", ["missing.md", "operations.md#missing", "../deploy/missing/", "#missing", "picture.svg#missing"]
)
def test_a_broken_link_is_found(link: str) -> None:
    page = ROOT / "docs" / "install.md"
    assert find_broken_links(page, f"See [the page]({link}).") == [link]


@pytest.mark.parametrize(
    "text",
    [
        "[here](storage.md#move-bytes)",
        "[a folder](../deploy/systemd)",
        "[the web](https://example.com/missing.md)",
        "`[code](missing.md)`",
    ],
)
def test_a_valid_link_is_accepted(text: str) -> None:
    assert find_broken_links(ROOT / "docs" / "install.md", text) == []


def test_anchors_are_those_of_github() -> None:
    text = "# Repeated runs and --watch\n```sh\n# a comment\n```\n## CC-FS's own files\n## Logs\n## Logs\n"
    assert list_anchors(text) == {"repeated-runs-and---watch", "cc-fss-own-files", "logs", "logs-1"}
