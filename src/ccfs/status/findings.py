"""Findings: what is wrong or worth knowing, how grave it is, and where it is mended. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, auto
from typing import Final

Value = str | int
Translator = Callable[[str], str]


class Severity(StrEnum):
    """How grave a finding is, the worst first."""

    PROBLEM = auto()  # data is lost or about to be, or work has stopped
    WARNING = auto()  # it will become a problem, or part of the work has failed
    NOTICE = auto()  # worth knowing


class Area(StrEnum):
    """The part of the installation that a finding is about."""

    INGEST = auto()
    RECORDINGS = auto()
    EXPORTS = auto()
    CALLBACKS = auto()
    NODES = auto()
    STORAGE = auto()
    CERTIFICATES = auto()
    RETENTION = auto()


class FindingKind(StrEnum):
    """Each kind has one sentence in SENTENCES."""

    INGEST_NEVER_RAN = auto()
    INGEST_STOPPED = auto()
    SOURCE_BEHIND = auto()
    LINES_REJECTED = auto()
    ROTATED_FILES_MISSING = auto()
    RECORDINGS_MISSING = auto()
    RECORDINGS_LOST = auto()
    CALLBACKS_FAILED = auto()
    CALLBACKS_RETRIED = auto()
    EXPORTS_FAILED = auto()
    EXPORTS_WAITING = auto()
    NODE_SILENT = auto()
    NODE_DRAINING = auto()
    NO_ACTIVE_NODE = auto()
    CLOCKS_DISAGREE = auto()
    DISK_FULL = auto()
    DISK_FILLING = auto()
    LOCATION_DRAINING = auto()
    LOCATION_UNREADABLE = auto()
    FOLDER_UNREADABLE = auto()
    SERVER_CERTIFICATE_EXPIRED = auto()
    SERVER_CERTIFICATE_EXPIRING = auto()
    CERTIFICATE_EXPIRED = auto()
    CERTIFICATE_EXPIRING = auto()
    TRUST_ALL = auto()
    MONTH_MARKED = auto()


# Texts with the names of Finding.values. {age} and {left} are seconds, {free} is bytes: a page shows them in their units.
SENTENCES: Final[Mapping[FindingKind, str]] = {
    FindingKind.INGEST_NEVER_RAN: "No calls have been ingested yet.",
    FindingKind.INGEST_STOPPED: "No ingest pass for {age}.",
    FindingKind.SOURCE_BEHIND: "{source} has lines that ingest has not read for {age}.",
    FindingKind.LINES_REJECTED: "{app}: lines or files that could not be read: {count}.",
    FindingKind.ROTATED_FILES_MISSING: "Rotated files that were not found, whose calls are missing: {count}.",
    FindingKind.RECORDINGS_MISSING: "{app}: missing recordings: {count}.",
    FindingKind.RECORDINGS_LOST: "Lost or damaged recordings: {count}.",
    FindingKind.CALLBACKS_FAILED: "{app}: failed callbacks that are no longer retried: {count}.",
    FindingKind.CALLBACKS_RETRIED: "{app}: callbacks that failed so far and will be retried: {count}.",
    FindingKind.EXPORTS_FAILED: "{app}: failed exports: {count}.",
    FindingKind.EXPORTS_WAITING: "{app}: waiting exports: {count}, the oldest for {age}.",
    FindingKind.NODE_SILENT: "Node {node} has not responded for {age}.",
    FindingKind.NODE_DRAINING: "Node {node} is draining and takes no new work.",
    FindingKind.NO_ACTIVE_NODE: "No node is active. Exports and callbacks are not processed.",
    FindingKind.CLOCKS_DISAGREE: "The clocks disagree, so nothing is deleted by age: {details}",
    FindingKind.DISK_FULL: "The disk of location {location} is full: {free} free.",
    FindingKind.DISK_FILLING: "The disk of location {location} will be full in {left}: {free} free.",
    FindingKind.LOCATION_DRAINING: "Location {location} is draining and takes no new files.",
    FindingKind.LOCATION_UNREADABLE: "Node {node} cannot read location {location}: {details}",
    FindingKind.FOLDER_UNREADABLE: "The folder of location {location} cannot be opened.",
    FindingKind.SERVER_CERTIFICATE_EXPIRED: "The TLS certificate of node {node} has expired. Clients refuse to connect.",
    FindingKind.SERVER_CERTIFICATE_EXPIRING: "The TLS certificate of node {node} expires in {left}. Replace its files; the server loads them by itself.",
    FindingKind.CERTIFICATE_EXPIRED: "The trusted certificate {name} has expired.",
    FindingKind.CERTIFICATE_EXPIRING: "The trusted certificate {name} expires in {left}.",
    FindingKind.TRUST_ALL: "Callbacks skip certificate verification (CCFS_SSL_TRUST_ALL).",
    FindingKind.MONTH_MARKED: "Retention will delete {month} of {tables}, no earlier than {date} UTC.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding."""

    kind: FindingKind
    area: Area
    severity: Severity
    values: Mapping[str, Value] = field(default_factory=dict)  # of the names in the sentence
    path: str = ""  # the console's page that shows or mends it
    command: str = ""  # the command that mends it

    def describe(self, translate: Translator, format_value: Callable[[str, Value], str]) -> str:
        """Return the sentence in a language; `format_value` gets each name with its value."""
        values = {name: format_value(name, value) for name, value in self.values.items()}
        return translate(SENTENCES[self.kind]).format(**values)


def find_worst(findings: tuple[Finding, ...]) -> Severity | None:
    """Return the worst severity; None without findings."""
    return next((severity for severity in Severity if any(one.severity is severity for one in findings)), None)


def sort_findings(findings: list[Finding]) -> tuple[Finding, ...]:
    """Return the findings, the worst first, else in the order of areas."""
    severities, areas = list(Severity), list(Area)
    return tuple(sorted(findings, key=lambda one: (severities.index(one.severity), areas.index(one.area))))
