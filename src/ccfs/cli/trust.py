"""ccfs trust: certificates that callback receivers may show, besides those of public authorities."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from ccfs.cli import key_stores
from ccfs.cli.common import DataFolderOption, JsonOption, open_node, print_result
from ccfs.db.system import certificate_files
from ccfs.db.system import trusted_certificates as store
from ccfs.db.system.trusted_certificates import TrustedCertificate
from ccfs.model.errors import OperatorError
from ccfs.server.node import utc_now

MAX_KEY_STORE_BYTES = 8 << 20  # bytes; that of a JDK itself has 0.2 MB

trust_commands = typer.Typer(help="Trusted certificates of callback receivers.", no_args_is_help=True)


@trust_commands.command("add")
def add_certificates(
    name: str,
    file: Annotated[
        Path,
        typer.Argument(help="Certificate, PEM or DER, at most 512 KB.", exists=True, dir_okay=False, readable=True),
    ],
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Trust a certificate, from the next callback on. Of several in one PEM file, the others become NAME-2, NAME-3, …"""
    added = _read_certificates(name, file)
    with open_node(data).database.write_transaction() as connection:
        for certificate in added:
            store.add_certificate(connection, certificate, utc_now())
    rows = [_certificate_to_dict(one) for one in added]
    text = "\n".join(f"{one.name}: {one.subject}, until {one.not_after:%Y-%m-%d}" for one in added)
    print_result({"certificates": rows} if len(rows) > 1 else dict(rows[0]), as_json, text)


@trust_commands.command("import")
def import_key_store(
    file: Annotated[
        Path, typer.Argument(help="Java trust store, JKS or PKCS#12.", exists=True, dir_okay=False, readable=True)
    ],
    password: Annotated[
        str | None, typer.Option("--password", help="Its password; JKS can do without.", show_default=False)
    ] = None,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Trust the certificates of a Java trust store, under their aliases. Private keys are passed over."""
    found = list(_iter_key_store(file, password))
    added: list[TrustedCertificate] = []
    skipped: list[dict[str, str]] = []
    with open_node(data).database.write_transaction() as connection:
        there = store.list_certificates(connection)
        for one in found:
            if reason := _find_skip_reason(one, [*there, *added]):
                skipped.append({"name": one.name, "reason": reason})
            else:
                store.add_certificate(connection, one, utc_now())
                added.append(one)
    lines = [f"{one.name}: {one.subject}, until {one.not_after:%Y-%m-%d}" for one in added]
    lines += [f"{one['name']}: skipped, {one['reason']}" for one in skipped]
    print_result({"added": [_certificate_to_dict(one) for one in added], "skipped": skipped}, as_json, "\n".join(lines))


@trust_commands.command("list")
def list_certificates(data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """List trusted certificates, and until when."""
    with open_node(data).database.read_transaction() as connection:
        found = store.list_certificates(connection)
    text = "\n".join(f"{one.name}  {_format_expiry(one)}  {one.subject}" for one in found)
    print_result({"certificates": [_certificate_to_dict(one) for one in found]}, as_json, text)


@trust_commands.command("remove")
def remove_certificate(name: str, data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """Trust a certificate no longer."""
    with open_node(data).database.write_transaction() as connection:
        store.remove_certificate(connection, name)
    print_result({"removed": name}, as_json, f"{name} is removed")


def _read_limited(file: Path, largest: int, limit: str) -> bytes:
    with file.open("rb") as opened:
        data = opened.read(largest + 1)
    if len(data) > largest:
        raise OperatorError(f"{file} is larger than {limit}")
    return data


def _read_certificates(name: str, file: Path) -> list[TrustedCertificate]:
    """The certificates of a PEM or DER file."""
    data = _read_limited(file, certificate_files.MAX_FILE_BYTES, "512 KB")
    if key_stores.is_java_store(data):
        raise OperatorError(f"{file} is a Java key store; `ccfs trust import` takes it")
    try:
        return certificate_files.parse_certificates(data, name, utc_now())
    except OperatorError as error:
        raise OperatorError(f"{file} {error}") from None


def _iter_key_store(file: Path, password: str | None) -> Iterator[TrustedCertificate]:
    """What a trust store holds, good or not; without an alias, a certificate's name is its fingerprint's beginning."""
    try:
        found = key_stores.read_trusted_certificates(_read_limited(file, MAX_KEY_STORE_BYTES, "8 MB"), password)
        if not found:
            raise OperatorError("it holds no trusted certificate")
        for alias, certificate in found:
            trusted = certificate_files.describe_certificate(alias, certificate)
            yield trusted if alias else certificate_files.describe_certificate(trusted.sha256[:16], certificate)
    except OperatorError as error:
        raise OperatorError(f"{file}: {error}") from None
    except ValueError:
        raise OperatorError(f"{file}: a certificate in it is damaged") from None


def _find_skip_reason(one: TrustedCertificate, there: list[TrustedCertificate]) -> str:
    if one.not_after <= utc_now():
        return f"expired on {one.not_after:%Y-%m-%d}"
    if same := [other.name for other in there if other.sha256 == one.sha256]:
        return f"is trusted already, as {same[0]}"
    return "the name is taken" if one.name in {other.name for other in there} else ""


def _format_expiry(one: TrustedCertificate) -> str:
    return f"{'until' if one.not_after > utc_now() else 'EXPIRED on'} {one.not_after:%Y-%m-%d}"


def _certificate_to_dict(one: TrustedCertificate) -> dict[str, str]:
    return {"name": one.name, "subject": one.subject, "sha256": one.sha256, "notAfter": one.not_after.isoformat()}
