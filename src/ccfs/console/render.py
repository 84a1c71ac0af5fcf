"""Rendering: templates with their filters, catalogues, security headers, static files."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from ccfs import __version__
from ccfs.console import labels
from ccfs.model.formats import durations
from ccfs.model.quality.scoring import format_score
from ccfs.model.recordings.annotation import format_offset
from ccfs.web.responses.types import BytesResponse

if TYPE_CHECKING:
    from jinja2 import Environment

CONSOLE_DIR = Path(__file__).parent
STATIC_PREFIX = "/console/static/"
LANGUAGES = ("en", "zh")
CONTENT_TYPES = {
    ".css": "text/css;charset=UTF-8",
    ".js": "text/javascript;charset=UTF-8",
    ".svg": "image/svg+xml",
    ".LICENSE": "text/plain;charset=UTF-8",
}
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = (
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("referrer-policy", "same-origin"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
)


def build_security_headers(nonce: str) -> tuple[tuple[str, str], ...]:
    """Return the headers of a page with a script that adds styles of its own, allowed by a nonce."""
    (name, policy), *headers = SECURITY_HEADERS
    return ((name, policy.replace("style-src 'self'", f"style-src 'self' 'nonce-{nonce}'")), *headers)


@cache
def load_catalogue(language: str) -> Mapping[str, str]:
    """Return the translations of a language by English text; none for English."""
    if language == "en":
        return {}
    catalogue: dict[str, str] = json.loads((CONSOLE_DIR / "locale" / f"{language}.json").read_text(encoding="utf-8"))
    return catalogue


def get_translator(language: str) -> Callable[..., str]:
    """Return the function that translates an English text and fills in its {names}; with markup among them, it is markup."""
    catalogue = load_catalogue(language)

    def translate(text: str, **values: object) -> str:
        translated = catalogue.get(text, text)
        if any(isinstance(value, Markup) for value in values.values()):  # such as a <time>, which stays one
            return escape(translated).format(**values)
        return translated.format(**values) if values else translated

    return translate


@cache
def _build_environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # on first use: not every process renders pages

    loader = FileSystemLoader(CONSOLE_DIR / "templates")
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "time": format_time,
        "datetime": format_datetime,
        "datetime_minute": format_minute,
        "duration": format_duration,
        "form_value": format_form_value,
        "offset": format_offset,
        "score": format_score,
        "size": format_size,
    }
    environment.globals |= {"version": __version__, "asset": get_asset_url, "labels": labels, "UTC": UTC}
    return environment


def render_template(template: str, language: str, **values: Any) -> bytes:
    """Return a page rendered from a template, as UTF-8."""
    page = _build_environment().get_template(template)
    return page.render(t=get_translator(language), language=language, **values).encode("utf-8", "replace")


def format_datetime(instant: datetime | None, zone: tzinfo) -> Markup | str:
    """Return a date and time in a zone as <time>, with the zone on hover; a dash for None."""
    if instant is None:
        return "–"
    local = instant.astimezone(zone)
    title = f"{local:%Y-%m-%d %H:%M:%S} {zone} ({durations.format_utc_offset(local)})"
    return Markup('<time datetime="{}" title="{}">{:%Y-%m-%d %H:%M:%S}</time>').format(local.isoformat(), title, local)


def format_time(instant: datetime | None, zone: tzinfo) -> Markup | str:
    """Return a time of day in a zone as <time>; a dash for None."""
    if instant is None:
        return "–"
    local = instant.astimezone(zone)
    return Markup('<time datetime="{}">{:%H:%M:%S}</time>').format(local.isoformat(), local)


def format_duration(duration: timedelta | int) -> str:
    """Return a duration, or a number of seconds, as minutes:seconds or hours:minutes:seconds."""
    total = int(duration.total_seconds()) if isinstance(duration, timedelta) else duration
    return durations.format_duration(total)


def format_minute(local: datetime) -> Markup:
    """Return a date and time of its own zone, to the minute, as <time>."""
    return Markup('<time datetime="{}">{:%Y-%m-%d %H:%M}</time>').format(local.isoformat(), local)


def format_form_value(local: datetime) -> str:
    """Return a date and time as the value of a form field."""
    return f"{local:%Y-%m-%dT%H:%M}"


def format_size(number: float) -> str:
    """Return a number of bytes in its unit."""
    amount = float(number)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TB"


@cache
def _load_static(name: str) -> tuple[bytes, str] | None:
    path = CONSOLE_DIR / "static" / name
    content_type = next((value for suffix, value in CONTENT_TYPES.items() if name.endswith(suffix)), None)
    return (path.read_bytes(), content_type) if content_type and path.is_file() else None


@cache
def _list_static_names() -> frozenset[str]:
    return frozenset(path.name for path in (CONSOLE_DIR / "static").iterdir())


@cache
def get_asset_url(name: str) -> str:
    """Return the URL of a static file. It changes with the file, so that browsers may cache it."""
    return f"{STATIC_PREFIX}{name}?{sha256((CONSOLE_DIR / 'static' / name).read_bytes()).hexdigest()[:12]}"


def get_static_file(path: str) -> BytesResponse | None:
    """Return a static file; None if none has that name."""
    name = path.removeprefix(STATIC_PREFIX)
    file = _load_static(name) if name in _list_static_names() else None
    if file is None:
        return None
    body, content_type = file
    cache_control = ("cache-control", "public, max-age=31536000, immutable")
    return BytesResponse(body=body, content_type=content_type, extra_headers=(cache_control, *SECURITY_HEADERS))
