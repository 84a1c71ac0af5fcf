"""Reads the certificates out of a Java key store: JKS, JCEKS, PKCS#12. Bytes in, certificates out; keys are passed over.

JKS and JCEKS are Sun's own formats, big-endian: a magic number, a version, entries, and a SHA-1 over password and all. Their
certificates lie open, so they can be read without a password; only whether they are the ones that were put there is then
not known.
"""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha1

from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from ccfs.model.errors import OperatorError

_JKS_MAGIC, _JCEKS_MAGIC = 0xFEEDFEED, 0xCECECECE
_PRIVATE_KEY_TAG, _CERTIFICATE_TAG = 1, 2  # 3, a secret key, is a Java object that nobody else can read past
_SHA1_BYTES = 20
_SALT = b"Mighty Aphrodite"  # as Sun has it

AliasedCertificate = tuple[str, x509.Certificate]  # the alias is empty where there is none


def is_java_store(data: bytes) -> bool:
    """Whether the bytes begin as JKS or JCEKS do."""
    return int.from_bytes(data[:4]) in (_JKS_MAGIC, _JCEKS_MAGIC)


def read_trusted_certificates(data: bytes, password: str | None) -> list[AliasedCertificate]:
    """The trusted certificates of a key store, by alias; Misuse says what is wrong with it.

    The certificates of private keys, and those that vouch for them, are not trusted ones.
    """
    return _read_java(data, password) if is_java_store(data) else _read_pkcs12(data, password)


def _read_pkcs12(data: bytes, password: str | None) -> list[AliasedCertificate]:
    try:
        store = pkcs12.load_pkcs12(data, None if password is None else password.encode())
    except ValueError:
        raise OperatorError("this is neither JKS nor PKCS#12, or the password is not right") from None
    own = store.cert.certificate if store.cert and store.key else None
    if store.cert and not store.key:
        store.additional_certs.insert(0, store.cert)
    chain = _find_chain(own, [one.certificate for one in store.additional_certs])
    others = [one for one in store.additional_certs if one.certificate not in chain]
    return [((one.friendly_name or b"").decode(errors="replace"), one.certificate) for one in others]


def _find_chain(own: x509.Certificate | None, others: list[x509.Certificate]) -> list[x509.Certificate]:
    """Those of the others that vouch for one's own certificate: a key's chain lies among the trusted ones."""
    chain: list[x509.Certificate] = []
    while own and (found := [one for one in others if one.subject == own.issuer and one not in chain]):
        own = found[0]
        chain.append(own)
    return chain


def _read_java(data: bytes, password: str | None) -> list[AliasedCertificate]:
    if password is not None and not _is_digest_valid(data, password):
        raise OperatorError("the password is not right, or the key store was changed")
    try:
        return [
            (alias, x509.load_der_x509_certificate(der)) for alias, der in _iter_certificates(_KeyStoreReader(data))
        ]
    except (ValueError, EOFError):
        raise OperatorError("the key store is damaged") from None


def _is_digest_valid(data: bytes, password: str) -> bool:
    content, digest = data[:-_SHA1_BYTES], data[-_SHA1_BYTES:]
    expected = sha1(password.encode("utf-16-be") + _SALT + content, usedforsecurity=False).digest()
    return hmac.compare_digest(digest, expected)


def _iter_certificates(reader: "_KeyStoreReader") -> Iterator[tuple[str, bytes]]:
    """Alias and DER of each trusted certificate."""
    reader.read_int(4)  # the magic number
    version = reader.read_int(4)
    for _ in range(reader.read_int(4)):
        kind, alias = reader.read_int(4), reader.read_text()
        reader.read_int(8)  # when it was put there
        if kind == _CERTIFICATE_TAG:
            yield alias, reader.read_certificate(version)
        elif kind == _PRIVATE_KEY_TAG:
            reader.read_sized(4)
            for _ in range(reader.read_int(4)):
                reader.read_certificate(version)
        else:
            raise OperatorError(f"the key store holds a secret key, {alias!r}: take it out, then try again")


@dataclass
class _KeyStoreReader:
    """Reads on from where it stands; EOFError at the end."""

    data: bytes
    offset: int = 0

    def read(self, count: int) -> bytes:
        taken = self.data[self.offset : self.offset + count]
        self.offset += count
        if len(taken) < count:
            raise EOFError
        return taken

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
