"""What a file of certificates says: PEM or DER to certificates that can be trusted. No row is read or written here."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from ccfs.db.system.trusted_certificates import TrustedCertificate
from ccfs.model.errors import OperatorError

MAX_FILE_BYTES = 512 << 10  # bytes of a file, as the manual has it


def parse_certificates(data: bytes, name: str, now: datetime) -> list[TrustedCertificate]:
    """The certificates of a PEM or DER file under that name; of several, the others are NAME-2, NAME-3, …

    Raises Misuse, whose text goes on after the file's name: it is larger than 512 KB, no certificate, or has expired.
    """
    if len(data) > MAX_FILE_BYTES:
        raise OperatorError("is larger than 512 KB")
    try:
        pem = b"-----BEGIN " in data
        found = x509.load_pem_x509_certificates(data) if pem else [x509.load_der_x509_certificate(data)]
    except ValueError:
        raise OperatorError("is not a certificate in PEM or DER") from None
    return list(_check_certificates(found, name, now))


def describe_certificate(name: str, certificate: x509.Certificate) -> TrustedCertificate:
    """The certificate under that name; ValueError where a callback could not use it, or it cannot be described."""
    der = certificate.public_bytes(Encoding.DER)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=der)
    except ssl.SSLError as error:
        raise ValueError(name) from error
    return TrustedCertificate(
        name=name,
        der=der,
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        subject=certificate.subject.rfc4514_string(),
        not_after=certificate.not_valid_after_utc.astimezone(UTC),
    )


def _check_certificates(found: list[x509.Certificate], name: str, now: datetime) -> Iterator[TrustedCertificate]:
    for number, certificate in enumerate(found, 1):
        try:
            one = describe_certificate(name if number == 1 else f"{name}-{number}", certificate)
        except ValueError:
            raise OperatorError("is a certificate that OpenSSL refuses") from None
        if one.not_after <= now:
            raise OperatorError(f"expired on {one.not_after:%Y-%m-%d}: {one.subject}")
        yield one
