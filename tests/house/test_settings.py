"""The settings and the page that lists them for operators hold each other."""

import json
import re
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from ccfs.model.errors import OperatorError
from ccfs.settings import PREFIX, Settings, load_settings
from tests.house.source import ROOT

PAGE = ROOT / "docs" / "settings.md"
ROW = re.compile(r"\| `(CCFS_\w+)` \|")
FIELDS = Settings.model_fields


def format_default(field: FieldInfo) -> str:
    """A default as an operator would write it in the environment; "empty" where it is nothing."""
    value = field.get_default(call_default_factory=True)
    plain = " ".join(map(str, value)) if isinstance(value, tuple) else value
    text = json.dumps(plain) if isinstance(plain, bool) else str(plain)
    return f"`{text}`" if text else "empty"


def format_row(name: str) -> str:
    """The line that docs/settings.md must have for a setting: name, default, sentence."""
    return f"| `{PREFIX}{name.upper()}` | {format_default(FIELDS[name])} | {FIELDS[name].description} |"


def test_a_setting_has_a_default_and_a_sentence() -> None:
    assert [name for name, field in FIELDS.items() if field.is_required()] == []
    assert [name for name, field in FIELDS.items() if not (field.description or "").endswith(".")] == []


def test_a_setting_stands_on_the_page_with_the_same_default_and_sentence() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    assert [row for row in map(format_row, FIELDS) if row not in lines] == []


def test_the_page_has_no_setting_of_its_own() -> None:
    rows = [match[1] for line in PAGE.read_text(encoding="utf-8").splitlines() if (match := ROW.match(line))]
    assert sorted(rows) == sorted(PREFIX + name.upper() for name in FIELDS)


@pytest.mark.parametrize("environment", [{"CCFS_NO_SUCH": "1"}, {"CCFS_WORKER": "2"}])
def test_an_unknown_setting_is_refused_by_name(environment: dict[str, str]) -> None:
    with pytest.raises(OperatorError, match=next(iter(environment))):
        load_settings(environment)


def test_other_programs_variables_are_let_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CCFS_DATA", str(tmp_path))
    assert load_settings({"CCFS_DATA": str(tmp_path), "HOME": "anywhere", "ccfs_no_such": "1"}).data == tmp_path


if __name__ == "__main__":  # prints the table that docs/settings.md must have
    print("\n".join(map(format_row, FIELDS)))
