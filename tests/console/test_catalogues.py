"""The catalogues: they have every text of the console, and no other."""

import re
from pathlib import Path
from string import Formatter

import pytest

from ccfs.console import labels, render
from ccfs.console.calls import search_form
from ccfs.settings import Settings

CONSOLE_FOLDER = Path(render.__file__).parent
TEMPLATES = sorted((CONSOLE_FOLDER / "templates").glob("*.html"))
TRANSLATED_TEXT = re.compile(r"""(?:\bt|translate)\(\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')""")
ERROR_TEXT = re.compile(r'(?:raise InvalidSearch\(|problem = )\(?\s*"([^"]+)"')
MARKUP = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|<[^>]*>", re.DOTALL)
TEXT_ATTRIBUTE = re.compile(r'\b(?:aria-label|placeholder|title|alt)="([^"{]*[A-Za-z][^"{]*)"')
UNTRANSLATED_NAMES = {
    "ccfs",
    "English",
    "AK",
    "VDN",
    "CC",
    "SHA-256",
    "Python",
    "ms",
    "narrow",
    "medium",
    "wide",
    "board-page",
    "WAV",
    "MP3",
    "Opus",
    *("k", "m", "s", "c", "n", "o"),
}  # the same in every language, or not shown
TRANSLATIONS = [language for language in render.LANGUAGES if language != "en"]


def collect_texts() -> set[str]:
    """Return every English text of the console."""
    found = {text for table in labels.TABLES for text in table.values()} | set(search_form.PERIOD_LABELS.values())
    found |= {field.description or "" for field in Settings.model_fields.values()}
    for file in (*TEMPLATES, *CONSOLE_FOLDER.rglob("*.py")):
        source = file.read_text(encoding="utf-8")
        found |= {double or single for double, single in TRANSLATED_TEXT.findall(source)}
        found |= set(ERROR_TEXT.findall(source)) if file.suffix == ".py" else set()
    return found


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_the_catalogue_has_every_text_and_no_other(language: str) -> None:
    assert collect_texts() - set(render.load_catalogue(language)) == set()
    assert set(render.load_catalogue(language)) - collect_texts() == set()


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_a_translation_has_the_placeholders_of_its_text(language: str) -> None:
    def values(text: str) -> set[str | None]:
        return {name for _, name, _, _ in Formatter().parse(text) if name is not None}

    wrong = [
        text for text, translation in render.load_catalogue(language).items() if values(text) != values(translation)
    ]
    assert wrong == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_untranslated_text(template: Path) -> None:
    source = template.read_text(encoding="utf-8").replace("%}", "%}\n")
    text_outside_markup = MARKUP.sub(" ", source)
    assert set(re.findall(r"[A-Za-z][\w-]*", text_outside_markup)) - UNTRANSLATED_NAMES == set()
    assert TEXT_ATTRIBUTE.findall(source) == []
    assert re.findall(r"\sstyle=|\son[a-z]+=|<script(?! src)|<style|\|\s*safe", source) == []
