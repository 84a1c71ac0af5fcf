"""ccfs trust: certificates that callback receivers may show, besides those of public authorities."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from ccfs.cli import key_stores
from ccfs.cli.common import AsJson, DataFolder, open_node, show
from ccfs.model.errors import Misuse
from ccfs.node import now
from ccfs.store import certificate_files
from ccfs.store import trusted_certificates as store
from ccfs.store.trusted_certificates import TrustedCertificate

LARGEST_STORE = 8 << 20  # bytes; that of a JDK itself has 0.2 MB

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
    """Trust a certificate, from the next callback on. Of several in one PEM file, the others become NAME-2, NAME-3, …"""
    added = _certificates(name, file)
    with open_node(data).database.writing() as connection:
        for certificate in added:
            store.add_certificate(connection, certificate, now())
    rows = [_described(one) for one in added]
    text = "\n".join(f"{one.name}: {one.subject}, until {one.not_after:%Y-%m-%d}" for one in added)
    show({"certificates": rows} if len(rows) > 1 else dict(rows[0]), as_json, text)


@trust.command("import")
def import_store(
    file: Annotated[
        Path, typer.Argument(help="Java trust store, JKS or PKCS#12.", exists=True, dir_okay=False, readable=True)
    ],
    password: Annotated[
        str | None, typer.Option("--password", help="Its password; JKS can do without.", show_default=False)
    ] = None,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Trust the certificates of a Java trust store, under their aliases. Private keys are passed over."""
    found = list(_of_store(file, password))
    added: list[TrustedCertificate] = []
    skipped: list[dict[str, str]] = []
    with open_node(data).database.writing() as connection:
        there = store.certificates(connection)
        for one in found:
            if reason := _reason_against(one, [*there, *added]):
                skipped.append({"name": one.name, "reason": reason})
            else:
                store.add_certificate(connection, one, now())
                added.append(one)
    lines = [f"{one.name}: {one.subject}, until {one.not_after:%Y-%m-%d}" for one in added]
    lines += [f"{one['name']}: skipped, {one['reason']}" for one in skipped]
    show({"added": [_described(one) for one in added], "skipped": skipped}, as_json, "\n".join(lines))


@trust.command("list")
def list_certificates(data: DataFolder = None, as_json: AsJson = False) -> None:
    """List trusted certificates, and until when."""
    with open_node(data).database.reading() as connection:
        found = store.certificates(connection)
    text = "\n".join(f"{one.name}  {_until(one)}  {one.subject}" for one in found)
    show({"certificates": [_described(one) for one in found]}, as_json, text)


@trust.command("remove")
def remove(name: str, data: DataFolder = None, as_json: AsJson = False) -> None:
    """Trust a certificate no longer."""
    with open_node(data).database.writing() as connection:
        store.remove_certificate(connection, name)
    show({"removed": name}, as_json, f"{name} is removed")


def _read(file: Path, largest: int, limit: str) -> bytes:
    with file.open("rb") as opened:
        data = opened.read(largest + 1)
    if len(data) > largest:
        raise Misuse(f"{file} is larger than {limit}")
    return data


def _certificates(name: str, file: Path) -> list[TrustedCertificate]:
    """The certificates of a PEM or DER file."""
    data = _read(file, certificate_files.LARGEST, "512 KB")
    if key_stores.is_java_store(data):
        raise Misuse(f"{file} is a Java key store; `ccfs trust import` takes it")
    try:
        return certificate_files.read(data, name, now())
    except Misuse as error:
        raise Misuse(f"{file} {error}") from None


def _of_store(file: Path, password: str | None) -> Iterator[TrustedCertificate]:
    """What a trust store holds, good or not; without an alias, a certificate's name is its fingerprint's beginning."""
    try:
        found = key_stores.trusted_in(_read(file, LARGEST_STORE, "8 MB"), password)
        if not found:
            raise Misuse("it holds no trusted certificate")
        for alias, certificate in found:
            trusted = certificate_files.described(alias, certificate)
            yield trusted if alias else certificate_files.described(trusted.sha256[:16], certificate)
    except Misuse as error:
        raise Misuse(f"{file}: {error}") from None
    except ValueError:
        raise Misuse(f"{file}: a certificate in it is damaged") from None


def _reason_against(one: TrustedCertificate, there: list[TrustedCertificate]) -> str:
    if one.not_after <= now():
        return f"expired on {one.not_after:%Y-%m-%d}"
    if same := [other.name for other in there if other.sha256 == one.sha256]:
        return f"is trusted already, as {same[0]}"
    return "the name is taken" if one.name in {other.name for other in there} else ""


def _until(one: TrustedCertificate) -> str:
    return f"{'until' if one.not_after > now() else 'EXPIRED on'} {one.not_after:%Y-%m-%d}"


def _described(one: TrustedCertificate) -> dict[str, str]:
    return {"name": one.name, "subject": one.subject, "sha256": one.sha256, "notAfter": one.not_after.isoformat()}
