"""The table of modules in docs/development.md: every module of src is in it, and every row names modules that exist."""

import re
from fnmatch import fnmatchcase

from tests.house.source import PACKAGE, ROOT, list_python_files

PAGE = (ROOT / "docs" / "development.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (`[^|]+`) \|", re.MULTILINE)


def list_patterns(page: str) -> list[str]:
    """The patterns of the table's first column, below its heading: `db/tenant/*.py`, `logs.py`."""
    section = page.partition("## Where things are")[2].partition("\n## ")[0]
    return [pattern for cell in ROW.findall(section) for pattern in re.findall(r"`([^`]+)`", cell)]


PATTERNS = list_patterns(PAGE)
MODULES = sorted(file.relative_to(PACKAGE).as_posix() for file in list_python_files(PACKAGE))


def is_matched(module: str, pattern: str) -> bool:
    """Whether a pattern names a module; `*` does not cross folders."""
    return module.count("/") == pattern.count("/") and fnmatchcase(module, pattern)


def test_every_module_is_in_the_layout_table() -> None:
    modules = [module for module in MODULES if not module.endswith("__init__.py")]
    assert [module for module in modules if not any(is_matched(module, pattern) for pattern in PATTERNS)] == []


def test_every_row_of_the_layout_table_names_a_module() -> None:
    assert [pattern for pattern in PATTERNS if not any(is_matched(module, pattern) for module in MODULES)] == []


def test_patterns_are_read_from_the_first_column() -> None:
    page = "## Where things are\n| Module | Holds |\n|---|---|\n| `a.py`, `b/*.py` | `c` |\n\n## Next\n| `d.py` | |\n"
    assert list_patterns(page) == ["a.py", "b/*.py"]
