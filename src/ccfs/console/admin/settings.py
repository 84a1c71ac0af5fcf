"""Settings for operators: every value with its unit and source, by group; searchable, or only what differs from the default."""

import platform
from dataclasses import dataclass
from typing import Any, Final

from ccfs.console import render
from ccfs.console.labels import SETTING_GROUPS, SETTING_UNITS
from ccfs.console.request import ConsoleRequest
from ccfs.db.system.certificates import trusted_certificates
from ccfs.model.formats.numbers import MAX_COUNT, parse_number
from ccfs.settings import PREFIX, Settings
from ccfs.web.responses.types import BytesResponse

MAX_SEARCH_LENGTH: Final = 100
_BYTES_SUFFIXES: Final = ("_bytes", "_bytes_per_second")


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingView:
    """One setting."""

    name: str
    value: str
    unit: str  # empty for texts and numbers without a unit
    default: str
    is_set: bool  # by the environment or an option; else it has its default
    is_changed: bool  # from its default
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingGroupView:
    """The settings of a topic."""

    title: str
    settings: list[SettingView]


async def show_settings(
    request: ConsoleRequest, status: int = 200, problem: str = "", field: str | None = None
) -> BytesResponse:
    """Show settings and certificates. Only certificates can be changed here."""
    context, parameters = request.context, request.query_params
    search = parameters.get("q", "").strip()[:MAX_SEARCH_LENGTH]
    only_changed = parameters.get("changed") == "yes"
    counts = {name: parameters.get(name, "") for name in ("added", "skipped")}
    return request.render_page(
        "settings.html",
        status,
        problem,
        field,
        groups=_list_groups(request, search, only_changed=only_changed),
        search=search,
        only_changed=only_changed,
        imported=counts if all(parse_number(text, MAX_COUNT) is not None for text in counts.values()) else None,
        certificates=await context.query(trusted_certificates.list_certificates),
        now=context.now(),
        database="SQLite" if context.database.is_sqlite else "PostgreSQL",
        python=platform.python_version(),
    )


def _list_groups(request: ConsoleRequest, search: str, *, only_changed: bool) -> list[SettingGroupView]:
    """Return the settings whose name or description has every word of the search, by group; empty groups are left out."""
    words, groups = search.lower().split(), []
    for group, title in SETTING_GROUPS.items():
        views = [_build_view(request, name) for name in group.model_fields]
        found = [
            view
            for view in views
            if (view.is_changed or not only_changed)
            and all(word in f"{view.name} {view.description}".lower() for word in words)
        ]
        if found:
            groups.append(SettingGroupView(title=request.translate(title), settings=found))
    return groups


def _build_view(request: ConsoleRequest, name: str) -> SettingView:
    """Return a setting; for a secret, only whether it has a value."""
    settings, field = request.context.settings, Settings.model_fields[name]
    value, default = getattr(settings, name), field.get_default(call_default_factory=True)
    return SettingView(
        name=PREFIX + name.upper(),
        value=_format_value(request, name, value, is_secret=not field.repr),
        unit=_find_unit(request, name, value),
        default=_format_value(request, name, default, is_secret=not field.repr),
        is_set=name in settings.model_fields_set,
        is_changed=value != default,
        description=request.translate(field.description or ""),
    )


def _format_value(request: ConsoleRequest, name: str, value: Any, *, is_secret: bool) -> str:
    if isinstance(value, bool):
        return request.translate("yes") if value else request.translate("no")
    if isinstance(value, int) and value and name.endswith(_BYTES_SUFFIXES):
        return render.format_size(value)
    if isinstance(value, int | float):
        return f"{value:,}" if isinstance(value, int) else f"{value:,g}"
    text = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return "•••" if text and is_secret else text


def _find_unit(request: ConsoleRequest, name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    unit = next((unit for suffix, unit in SETTING_UNITS.items() if name.endswith(suffix)), "")
    return request.translate(unit) if unit else ""
