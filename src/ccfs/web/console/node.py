"""The node for operators: settings and where each comes from; the certificates that are trusted for callbacks, and their
coming and going."""

import platform
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from ccfs.model.audit import Action
from ccfs.model.errors import Absent, Misuse
from ccfs.model.user import Right
from ccfs.settings import PREFIX, Settings
from ccfs.store import audit, certificate_files, trusted_certificates
from ccfs.web.answers import Answer, Plain
from ccfs.web.console.visit import Visit

LONGEST_NAME = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One setting."""

    name: str
    value: str
    is_set: bool  # by the environment or an option; else it is the default
    means: str


async def index(visit: Visit) -> Answer:
    """Everything about the node on one page; of it, only certificates can be changed here."""
    _must_operate(visit)
    return await _page(visit)


async def trust(visit: Visit) -> Answer:
    """Trust the certificates of a file, PEM or DER, from the next callback on."""
    _must_operate(visit)
    name, data, now = visit.form.get("name", "").strip(), visit.files.get("file", b""), visit.here.now()
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        return await _page(visit, 400, visit.translate("A name has 1 to 64 characters."))
    try:
        found = certificate_files.read(data, name, now)
    except Misuse as error:
        told = visit.translate("The certificate was not taken: the file {reason}.", reason=error)
        return await _page(visit, 400, told)

    def change(connection: Connection) -> None:
        for one in found:
            trusted_certificates.add_certificate(connection, one, now)
            audit.add(connection, visit.entry(Action.CERTIFICATE_ADDED, f"{one.name} {one.sha256} {one.subject}"))

    try:
        await visit.here.tell(change)
    except Misuse:
        return await _page(visit, 400, visit.translate("The name {name} is taken.", name=name))
    return visit.to("/console/node")


async def distrust(visit: Visit) -> Answer:
    """Trust a certificate no longer."""
    _must_operate(visit)
    name = visit.form.get("name", "")

    def change(connection: Connection) -> None:
        trusted_certificates.remove_certificate(connection, name)
        audit.add(connection, visit.entry(Action.CERTIFICATE_REMOVED, name))

    try:
        await visit.here.tell(change)
    except Misuse:
        raise Absent from None
    return visit.to("/console/node")


def _must_operate(visit: Visit) -> None:
    if not visit.who.may(Right.OPERATE, None):
        raise Absent


async def _page(visit: Visit, status: int = 200, problem: str = "") -> Plain:
    trusted = await visit.here.ask(trusted_certificates.certificates)
    return visit.page(
        "node.html",
        status,
        problem=problem,
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
