"""Parses PEM and DER files with certificates that callbacks can trust."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from ccfs.db.system.certificates.trusted_certificates import TrustedCertificate
from ccfs.model.errors import OperatorError

MAX_FILE_BYTES = 512 << 10  # as the manual has it


def parse_certificates(data: bytes, name: str, now: datetime) -> list[TrustedCertificate]:
    """Return the certificates in a PEM or DER file, under that name. Further certificates are named NAME-2, NAME-3, …

    Raises OperatorError if the file is larger than 512 KB, contains no certificate, or contains an expired one. The
    message continues a sentence that begins with the file's name.
    """
    if len(data) > MAX_FILE_BYTES:
        raise OperatorError("is larger than 512 KB")
    try:
        is_pem = b"-----BEGIN " in data
        certificates = x509.load_pem_x509_certificates(data) if is_pem else [x509.load_der_x509_certificate(data)]
    except (ValueError, x509.InvalidVersion):
        raise OperatorError("is not a certificate in PEM or DER") from None
    return list(_check_certificates(certificates, name, now))


def describe_certificate(name: str, certificate: x509.Certificate) -> TrustedCertificate:
    """Return the certificate under that name.

    Raises ValueError if callbacks cannot use it, or if a field is malformed.
    """
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


def _check_certificates(certificates: list[x509.Certificate], name: str, now: datetime) -> Iterator[TrustedCertificate]:
    for number, certificate in enumerate(certificates, 1):
        try:
            trusted = describe_certificate(name if number == 1 else f"{name}-{number}", certificate)
        except ValueError:
            raise OperatorError("contains a certificate that OpenSSL rejects") from None
        if trusted.not_after <= now:
            raise OperatorError(f"expired on {trusted.not_after:%Y-%m-%d}: {trusted.subject}")
        yield trusted
