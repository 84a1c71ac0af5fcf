"""Certificates of Java key stores: JKS, JCEKS, PKCS#12. Keys are ignored.

JKS and JCEKS are Sun's own formats, big-endian: a magic number, a version, entries, and a SHA-1 over password and content.
Their certificates are not encrypted and can be read without a password, but then the integrity is not verified.
"""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha1

from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from ccfs.model.errors import OperatorError

_JKS_MAGIC, _JCEKS_MAGIC = 0xFEEDFEED, 0xCECECECE
_PRIVATE_KEY_TAG, _CERTIFICATE_TAG = 1, 2  # 3, a secret key, is a serialised Java object of unknown length
_SHA1_BYTES = 20
_SALT = b"Mighty Aphrodite"  # Sun's constant

AliasedCertificate = tuple[str, x509.Certificate]  # the alias is empty if there is none


def is_java_store(data: bytes) -> bool:
    """Whether the bytes begin like JKS or JCEKS."""
    return int.from_bytes(data[:4]) in (_JKS_MAGIC, _JCEKS_MAGIC)


def read_trusted_certificates(data: bytes, password: str | None) -> list[AliasedCertificate]:
    """Return the trusted certificates of a key store by alias. Raise OperatorError with the reason if it cannot be read.

    The certificates of private keys and their chains are not trusted certificates.
    """
    return _read_java(data, password) if is_java_store(data) else _read_pkcs12(data, password)


def _read_pkcs12(data: bytes, password: str | None) -> list[AliasedCertificate]:
    try:
        store = pkcs12.load_pkcs12(data, None if password is None else password.encode())
    except ValueError:
        raise OperatorError("neither JKS nor PKCS#12, or wrong password") from None
    own = store.cert.certificate if store.cert and store.key else None
    if store.cert and not store.key:
        store.additional_certs.insert(0, store.cert)
    chain = _find_chain(own, [entry.certificate for entry in store.additional_certs])
    trusted = [entry for entry in store.additional_certs if entry.certificate not in chain]
    return [((entry.friendly_name or b"").decode(errors="replace"), entry.certificate) for entry in trusted]


def _find_chain(own: x509.Certificate | None, others: list[x509.Certificate]) -> list[x509.Certificate]:
    """Return the chain of a key's own certificate: PKCS#12 stores it among the trusted certificates."""
    chain: list[x509.Certificate] = []
    while own and (issuers := [other for other in others if other.subject == own.issuer and other not in chain]):
        own = issuers[0]
        chain.append(own)
    return chain


def _read_java(data: bytes, password: str | None) -> list[AliasedCertificate]:
    if password is not None and not _is_digest_valid(data, password):
        raise OperatorError("wrong password, or the key store was modified")
    try:
        return [
            (alias, x509.load_der_x509_certificate(der)) for alias, der in _iter_certificates(_KeyStoreReader(data))
        ]
    except (ValueError, EOFError, x509.InvalidVersion):
        raise OperatorError("the key store is damaged") from None


def _is_digest_valid(data: bytes, password: str) -> bool:
    content, digest = data[:-_SHA1_BYTES], data[-_SHA1_BYTES:]
    expected = sha1(password.encode("utf-16-be") + _SALT + content, usedforsecurity=False).digest()
    return hmac.compare_digest(digest, expected)


def _iter_certificates(reader: "_KeyStoreReader") -> Iterator[tuple[str, bytes]]:
    """Yield alias and DER of each trusted certificate."""
    reader.read_int(4)  # the magic number
    version = reader.read_int(4)
    for _ in range(reader.read_int(4)):
        kind, alias = reader.read_int(4), reader.read_text()
        reader.read_int(8)  # creation time
        if kind == _CERTIFICATE_TAG:
            yield alias, reader.read_certificate(version)
        elif kind == _PRIVATE_KEY_TAG:
            reader.read_sized(4)
            for _ in range(reader.read_int(4)):
                reader.read_certificate(version)
        else:
            raise OperatorError(f"the key store contains a secret key, {alias!r}: remove it and try again")


@dataclass
class _KeyStoreReader:
    """Reads sequentially; raises EOFError at the end."""

    data: bytes
    offset: int = 0

    def read(self, count: int) -> bytes:
        chunk = self.data[self.offset : self.offset + count]
        self.offset += count
        if len(chunk) < count:
            raise EOFError
        return chunk

    def read_int(self, size: int) -> int:
        return int.from_bytes(self.read(size))

    def read_sized(self, size: int) -> bytes:
        return self.read(self.read_int(size))

    def read_text(self) -> str:
        return self.read_sized(2).decode(errors="replace")

    def read_certificate(self, version: int) -> bytes:
        if version == 2:
            self.read_text()  # its type, X.509
        return self.read_sized(4)
