"""ccfs trust: certificates that callback receivers may show, besides those of public authorities."""

from datetime import UTC
from pathlib import Path
from typing import Annotated

import typer
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from ccfs.cli.common import AsJson, DataFolder, open_node, show
from ccfs.model.errors import Misuse
from ccfs.node import now
from ccfs.store import trusted_certificates as store
from ccfs.store.trusted_certificates import TrustedCertificate

LARGEST = 512 << 10  # bytes, as the manual has it

trust = typer.Typer(help="Trusted certificates of callback receivers.", no_args_is_help=True)


@trust.command("add")
def add(
    name: str,
    file: Annotated[
        Path,
        typer.Argument(help="Certificate, PEM or DER, at most 512 KB.", exists=True, dir_okay=False, readable=True),
    ],
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Trust a certificate, from the next callback on."""
    certificate = _read(name, file)
    with open_node(data).database.writing() as connection:
        store.add_certificate(connection, certificate, now())
    show(_described(certificate), as_json, f"{name}: {certificate.subject}, until {certificate.not_after:%Y-%m-%d}")


@trust.command("list")
def list_certificates(data: DataFolder = None, as_json: AsJson = False) -> None:
    """List trusted certificates."""
    with open_node(data).database.reading() as connection:
        found = store.certificates(connection)
    text = "\n".join(f"{one.name}  until {one.not_after:%Y-%m-%d}  {one.subject}" for one in found)
    show({"certificates": [_described(one) for one in found]}, as_json, text)


@trust.command("remove")
def remove(name: str, data: DataFolder = None, as_json: AsJson = False) -> None:
    """Trust a certificate no longer."""
    with open_node(data).database.writing() as connection:
        store.remove_certificate(connection, name)
    show({"removed": name}, as_json, f"{name} is removed")


def _read(name: str, file: Path) -> TrustedCertificate:
    if file.stat().st_size > LARGEST:
        raise Misuse(f"{file} is larger than 512 KB")
    data = file.read_bytes()
    try:
        pem = data.lstrip().startswith(b"-----BEGIN")
        certificate = x509.load_pem_x509_certificate(data) if pem else x509.load_der_x509_certificate(data)
    except ValueError:
        raise Misuse(f"{file} is not a certificate in PEM or DER") from None
    if certificate.not_valid_after_utc <= now():
        raise Misuse(f"{file} expired on {certificate.not_valid_after_utc:%Y-%m-%d}")
    return TrustedCertificate(
        name=name,
        der=certificate.public_bytes(Encoding.DER),
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        subject=certificate.subject.rfc4514_string(),
        not_after=certificate.not_valid_after_utc.astimezone(UTC),
    )


def _described(one: TrustedCertificate) -> dict[str, str]:
    return {"name": one.name, "subject": one.subject, "sha256": one.sha256, "notAfter": one.not_after.isoformat()}
