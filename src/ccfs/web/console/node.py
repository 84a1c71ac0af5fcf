"""The node for operators: settings and where each comes from, the certificates that are trusted for callbacks."""

import platform
from dataclasses import dataclass

from ccfs.model.errors import Absent
from ccfs.model.user import Right
from ccfs.settings import PREFIX, Settings
from ccfs.store import trusted_certificates
from ccfs.web.answers import Answer
from ccfs.web.console.visit import Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One setting."""

    name: str
    value: str
    is_set: bool  # by the environment or an option; else it is the default
    means: str


async def index(visit: Visit) -> Answer:
    """Everything about the node on one page; nothing of it can be changed here."""
    if not visit.who.may(Right.OPERATE, None):
        raise Absent
    trusted = await visit.here.ask(trusted_certificates.certificates)
    return visit.page(
        "node.html",
        settings=_shown(visit.here.settings),
        trusted=trusted,
        now=visit.here.now(),
        database="SQLite" if visit.here.database.is_local else "PostgreSQL",
        python=platform.python_version(),
    )


def _shown(settings: Settings) -> list[Shown]:
    """The settings; a secret one is told only to be there."""
    found = []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        text = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
        said = text if field.repr or not text else "•••"
        is_set = name in settings.model_fields_set
        found.append(Shown(name=PREFIX + name.upper(), value=said, is_set=is_set, means=field.description or ""))
    return found
