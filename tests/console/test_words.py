"""The catalogues: no text of the console is untranslated, and none that nobody says any more is kept."""

import re
from pathlib import Path
from string import Formatter

import pytest

from ccfs.console import labels, render
from ccfs.console.calls import search_form
from ccfs.settings import Settings

HERE = Path(render.__file__).parent
TEMPLATES = sorted((HERE / "templates").glob("*.html"))
SAID = re.compile(r"""(?:\bt|translate)\(\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')""")
QUOTED = re.compile(r'(?:raise Unclear\(|problem = )"([^"]+)"')
WORDLESS = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|<[^>]*>", re.DOTALL)
SPOKEN_ATTRIBUTE = re.compile(r'\b(?:aria-label|placeholder|title|alt)="([^"{]*[A-Za-z][^"{]*)"')
NAMES = {
    "ccfs",
    "English",
    "AK",
    "VDN",
    "SHA-256",
    "Python",
    "ms",
    "narrow",
    "medium",
    "WAV",
    "MP3",
    "Opus",
    "k",
    "m",
}  # not translated, or not said


def texts() -> set[str]:
    """Every English text that the console may say."""
    found = {text for table in labels.TABLES for text in table.values()} | set(search_form.PERIOD_LABELS.values())
    found |= {field.description or "" for field in Settings.model_fields.values()}
    for file in (*TEMPLATES, *HERE.glob("*.py")):
        source = file.read_text(encoding="utf-8")
        found |= {one or other for one, other in SAID.findall(source)}
        found |= set(QUOTED.findall(source)) if file.suffix == ".py" else set()
    return found


@pytest.mark.parametrize("language", [one for one in render.LANGUAGES if one != "en"])
def test_every_text_is_translated_and_no_other(language: str) -> None:
    assert texts() - set(render.load_catalogue(language)) == set()
    assert set(render.load_catalogue(language)) - texts() == set()


@pytest.mark.parametrize("language", [one for one in render.LANGUAGES if one != "en"])
def test_a_translation_names_the_same_values(language: str) -> None:
    def values(text: str) -> set[str | None]:
        return {name for _, name, _, _ in Formatter().parse(text) if name is not None}

    wrong = [text for text, other in render.load_catalogue(language).items() if values(text) != values(other)]
    assert wrong == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_says_nothing_by_itself(template: Path) -> None:
    source = template.read_text(encoding="utf-8").replace("%}", "%}\n")
    left = WORDLESS.sub(" ", source)
    assert set(re.findall(r"[A-Za-z][\w-]*", left)) - NAMES == set()
    assert SPOKEN_ATTRIBUTE.findall(source) == []
    assert re.findall(r"\sstyle=|\son[a-z]+=|<script(?! src)|<style|\|\s*safe", source) == []
