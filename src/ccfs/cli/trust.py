"""ccfs trust: manage trusted certificates of callback receivers, in addition to those of public authorities."""

from pathlib import Path
from typing import Annotated

import typer

from ccfs.cli.common import DataFolderOption, JsonOption, open_node, print_result
from ccfs.db.system.certificates import certificate_files, key_store_import, key_stores
from ccfs.db.system.certificates import trusted_certificates as store
from ccfs.db.system.certificates.trusted_certificates import TrustedCertificate
from ccfs.model.errors import OperatorError
from ccfs.server.node import utc_now

MAX_KEY_STORE_BYTES = 8 << 20  # the JDK's own key store has 0.2 MB

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the certificate.")]

trust_commands = typer.Typer(help="Manage trusted certificates of callback receivers.", no_args_is_help=True)


@trust_commands.command("add")
def add_certificates(
    name: NameArgument,
    file: Annotated[
        Path,
        typer.Argument(help="Certificate, PEM or DER, at most 512 KB.", exists=True, dir_okay=False, readable=True),
    ],
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Trust the certificates of a file, without a restart. Further ones in a PEM file are named NAME-2, NAME-3, …"""
    added = _read_certificates(name, file)
    with open_node(data).database.write_transaction() as connection:
        for certificate in added:
            store.add_certificate(connection, certificate, utc_now())
    rows = [_certificate_to_dict(certificate) for certificate in added]
    text = "\n".join(map(_format_added, added))
    print_result({"certificates": rows} if len(rows) > 1 else dict(rows[0]), as_json, text)


@trust_commands.command("import")
def import_key_store(
    file: Annotated[
        Path, typer.Argument(help="Java trust store, JKS or PKCS#12.", exists=True, dir_okay=False, readable=True)
    ],
    password: Annotated[
        str | None,
        typer.Option("--password", help="Password of the trust store; optional for JKS.", show_default=False),
    ] = None,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Trust the certificates of a Java trust store under their aliases. Private keys are ignored."""
    try:
        certificates = key_store_import.read_certificates(_read_limited(file, MAX_KEY_STORE_BYTES, "8 MB"), password)
    except OperatorError as error:
        raise OperatorError(f"{file}: {error}") from None
    with open_node(data).database.write_transaction() as connection:
        result = key_store_import.add_all(connection, certificates, utc_now())
    skipped = [{"name": name, "reason": reason} for name, reason in result.skipped]
    lines = [*map(_format_added, result.added), *(f"{row['name']}: skipped, {row['reason']}" for row in skipped)]
    print_result({"added": [*map(_certificate_to_dict, result.added)], "skipped": skipped}, as_json, "\n".join(lines))


@trust_commands.command("list")
def list_certificates(data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """List trusted certificates with their expiry dates."""
    with open_node(data).database.read_transaction() as connection:
        certificates = store.list_certificates(connection)
    text = "\n".join(f"{row.name}  {_format_expiry(row)}  {row.subject}" for row in certificates)
    print_result({"certificates": [*map(_certificate_to_dict, certificates)]}, as_json, text)


@trust_commands.command("remove")
def remove_certificate(name: NameArgument, data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """Remove a trusted certificate."""
    with open_node(data).database.write_transaction() as connection:
        store.remove_certificate(connection, name)
    print_result({"removed": name}, as_json, f"{name} removed")


def _read_limited(file: Path, max_bytes: int, limit: str) -> bytes:
    with file.open("rb") as opened:
        data = opened.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise OperatorError(f"{file} is larger than {limit}")
    return data


def _read_certificates(name: str, file: Path) -> list[TrustedCertificate]:
    """Return the certificates of a PEM or DER file."""
    data = _read_limited(file, certificate_files.MAX_FILE_BYTES, "512 KB")
    if key_stores.is_java_store(data):
        raise OperatorError(f"{file} is a Java key store; use `ccfs trust import`")
    try:
        return certificate_files.parse_certificates(data, name, utc_now())
    except OperatorError as error:
        raise OperatorError(f"{file} {error}") from None


def _format_added(certificate: TrustedCertificate) -> str:
    return f"{certificate.name}: {certificate.subject}, expires {certificate.not_after:%Y-%m-%d}"


def _format_expiry(certificate: TrustedCertificate) -> str:
    return f"{'expires' if certificate.not_after > utc_now() else 'EXPIRED'} {certificate.not_after:%Y-%m-%d}"


def _certificate_to_dict(certificate: TrustedCertificate) -> dict[str, str]:
    return {
        "name": certificate.name,
        "subject": certificate.subject,
        "sha256": certificate.sha256,
        "notAfter": certificate.not_after.isoformat(),
    }
