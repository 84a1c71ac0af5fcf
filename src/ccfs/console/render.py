"""Pages from templates, and the files beside them. What stands on a page is its visitor's business."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ccfs import __version__
from ccfs.console import labels
from ccfs.model.formats import durations
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
    """The guards of a page one of whose scripts brings styles of its own, under a word that is good once."""
    (name, policy), *others = SECURITY_HEADERS
    return ((name, policy.replace("style-src 'self'", f"style-src 'self' 'nonce-{nonce}'")), *others)


@cache
def load_catalogue(language: str) -> Mapping[str, str]:
    """The catalogue of a language, by the English text; English needs none."""
    if language == "en":
        return {}
    found: dict[str, str] = json.loads((CONSOLE_DIR / "locale" / f"{language}.json").read_text(encoding="utf-8"))
    return found


def get_translator(language: str) -> Callable[..., str]:
    """What makes a text of the console, said in English, one of that language; {names} are filled in afterwards."""
    known = load_catalogue(language)

    def translate(text: str, **values: object) -> str:
        said = known.get(text, text)
        return said.format(**values) if values else said

    return translate


@cache
def _build_environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # for the first page: not every process shows one

    loader = FileSystemLoader(CONSOLE_DIR / "templates")
    made = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "time": format_time,
        "datetime": format_datetime,
        "datetime_minute": format_minute,
        "duration": format_duration,
        "form_value": format_form_value,
        "offset": format_offset,
        "size": format_size,
    }
    made.globals |= {"version": __version__, "asset": get_asset_url, "labels": labels, "UTC": UTC}
    return made


def render_template(template: str, language: str, **values: Any) -> bytes:
    """A page."""
    page = _build_environment().get_template(template)
    return page.render(t=get_translator(language), language=language, **values).encode("utf-8", "replace")


def format_datetime(instant: datetime | None, zone: tzinfo) -> Markup | str:
    """A date and time in a zone, as <time>."""
    if instant is None:
        return "–"
    there = instant.astimezone(zone)
    return Markup('<time datetime="{}">{:%Y-%m-%d %H:%M:%S}</time>').format(there.isoformat(), there)


def format_time(instant: datetime | None, zone: tzinfo) -> Markup | str:
    """A time of day in a zone, as <time>."""
    if instant is None:
        return "–"
    there = instant.astimezone(zone)
    return Markup('<time datetime="{}">{:%H:%M:%S}</time>').format(there.isoformat(), there)


def format_duration(duration: timedelta | int) -> str:
    """Return a duration, or a number of seconds, as minutes:seconds or hours:minutes:seconds."""
    total = int(duration.total_seconds()) if isinstance(duration, timedelta) else duration
    return durations.format_duration(total)


def format_minute(there: datetime) -> Markup:
    """A date and time of its own zone to the minute, as <time>."""
    return Markup('<time datetime="{}">{:%Y-%m-%d %H:%M}</time>').format(there.isoformat(), there)


def format_form_value(there: datetime) -> str:
    """A date and time as the fields of forms say it."""
    return f"{there:%Y-%m-%dT%H:%M}"


def format_size(number: float) -> str:
    """A number of bytes for people."""
    amount = float(number)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TB"


@cache
def _load_static(name: str) -> tuple[bytes, str] | None:
    path = CONSOLE_DIR / "static" / name
    kind = next((kind for ending, kind in CONTENT_TYPES.items() if name.endswith(ending)), None)
    return (path.read_bytes(), kind) if kind and path.is_file() else None


@cache
def _list_static_names() -> frozenset[str]:
    return frozenset(path.name for path in (CONSOLE_DIR / "static").iterdir())


@cache
def get_asset_url(name: str) -> str:
    """The address of a file beside the pages; it changes with the file, so that browsers may keep it."""
    return f"{STATIC_PREFIX}{name}?{sha256((CONSOLE_DIR / 'static' / name).read_bytes()).hexdigest()[:12]}"


def get_static_file(path: str) -> BytesResponse | None:
    """A file beside the pages; None if there is none of that name."""
    name = path.removeprefix(STATIC_PREFIX)
    found = _load_static(name) if name in _list_static_names() else None
    if found is None:
        return None
    kept = ("cache-control", "public, max-age=31536000, immutable")
    return BytesResponse(body=found[0], content_type=found[1], extra_headers=(kept, *SECURITY_HEADERS))
