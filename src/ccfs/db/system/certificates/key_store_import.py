"""Importing the trusted certificates of a key store: their names, and why one is skipped."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.engine import Connection

from ccfs.db.system.certificates import certificate_files, key_stores, trusted_certificates
from ccfs.db.system.certificates.trusted_certificates import TrustedCertificate
from ccfs.model.errors import OperatorError


@dataclass(slots=True)
class KeyStoreImport:
    """The result of an import."""

    added: list[TrustedCertificate] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)  # name, reason


def read_certificates(data: bytes, password: str | None) -> list[TrustedCertificate]:
    """Return all certificates of a key store under their aliases. Raise OperatorError with the reason if it cannot be read.

    One without an alias is named by the first digits of its fingerprint. It takes up to a second with a password: the store
    makes its key slow to derive.
    """
    entries = key_stores.read_trusted_certificates(data, password)
    if not entries:
        raise OperatorError("no trusted certificate in the key store")
    try:
        return list(_iter_named(entries))
    except ValueError:
        raise OperatorError("the key store contains a damaged certificate") from None


def _iter_named(entries: Sequence[key_stores.AliasedCertificate]) -> Iterator[TrustedCertificate]:
    for alias, certificate in entries:
        trusted = certificate_files.describe_certificate(alias, certificate)
        yield trusted if alias else certificate_files.describe_certificate(trusted.sha256[:16], certificate)


def add_all(connection: Connection, certificates: Sequence[TrustedCertificate], now: datetime) -> KeyStoreImport:
    """Trust the certificates, but not expired ones and those that are trusted already or whose name is in use."""
    result = KeyStoreImport()
    existing = trusted_certificates.list_certificates(connection)
    for certificate in certificates:
        if reason := _find_skip_reason(certificate, [*existing, *result.added], now):
            result.skipped.append((certificate.name, reason))
        else:
            trusted_certificates.add_certificate(connection, certificate, now)
            result.added.append(certificate)
    return result


def _find_skip_reason(certificate: TrustedCertificate, existing: list[TrustedCertificate], now: datetime) -> str:
    if certificate.not_after <= now:
        return f"expired on {certificate.not_after:%Y-%m-%d}"
    if names := [trusted.name for trusted in existing if trusted.sha256 == certificate.sha256]:
        return f"already trusted as {names[0]}"
    return "the name is already in use" if certificate.name in {trusted.name for trusted in existing} else ""
