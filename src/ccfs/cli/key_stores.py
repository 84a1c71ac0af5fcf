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

from ccfs.model.errors import Misuse

_JKS, _JCEKS = 0xFEEDFEED, 0xCECECECE
_PRIVATE_KEY, _CERTIFICATE = 1, 2  # 3, a secret key, is a Java object that nobody else can read past
_SHA1_BYTES = 20
_SALT = b"Mighty Aphrodite"  # as Sun has it

Aliased = tuple[str, x509.Certificate]  # the alias is empty where there is none


def is_java_store(data: bytes) -> bool:
    """Whether the bytes begin as JKS or JCEKS do."""
    return int.from_bytes(data[:4]) in (_JKS, _JCEKS)


def trusted_in(data: bytes, password: str | None) -> list[Aliased]:
    """The trusted certificates of a key store, by alias; Misuse says what is wrong with it.

    The certificates of private keys, and those that vouch for them, are not trusted ones.
    """
    return _of_java(data, password) if is_java_store(data) else _of_pkcs12(data, password)


def _of_pkcs12(data: bytes, password: str | None) -> list[Aliased]:
    try:
        store = pkcs12.load_pkcs12(data, None if password is None else password.encode())
    except ValueError:
        raise Misuse("this is neither JKS nor PKCS#12, or the password is not right") from None
    own = store.cert.certificate if store.cert and store.key else None
    if store.cert and not store.key:
        store.additional_certs.insert(0, store.cert)
    chain = _chain(own, [one.certificate for one in store.additional_certs])
    others = [one for one in store.additional_certs if one.certificate not in chain]
    return [((one.friendly_name or b"").decode(errors="replace"), one.certificate) for one in others]


def _chain(own: x509.Certificate | None, others: list[x509.Certificate]) -> list[x509.Certificate]:
    """Those of the others that vouch for one's own certificate: a key's chain lies among the trusted ones."""
    chain: list[x509.Certificate] = []
    while own and (found := [one for one in others if one.subject == own.issuer and one not in chain]):
        own = found[0]
        chain.append(own)
    return chain


def _of_java(data: bytes, password: str | None) -> list[Aliased]:
    if password is not None and not _is_whole(data, password):
        raise Misuse("the password is not right, or the key store was changed")
    try:
        return [(alias, x509.load_der_x509_certificate(der)) for alias, der in _entries(_Reader(data))]
    except (ValueError, EOFError):
        raise Misuse("the key store is damaged") from None


def _is_whole(data: bytes, password: str) -> bool:
    content, digest = data[:-_SHA1_BYTES], data[-_SHA1_BYTES:]
    expected = sha1(password.encode("utf-16-be") + _SALT + content, usedforsecurity=False).digest()
    return hmac.compare_digest(digest, expected)


def _entries(reader: "_Reader") -> Iterator[tuple[str, bytes]]:
    """Alias and DER of each trusted certificate."""
    reader.number(4)  # the magic number
    version = reader.number(4)
    for _ in range(reader.number(4)):
        kind, alias = reader.number(4), reader.text()
        reader.number(8)  # when it was put there
        if kind == _CERTIFICATE:
            yield alias, reader.certificate(version)
        elif kind == _PRIVATE_KEY:
            reader.sized(4)
            for _ in range(reader.number(4)):
                reader.certificate(version)
        else:
            raise Misuse(f"the key store holds a secret key, {alias!r}: take it out, then try again")


@dataclass
class _Reader:
    """Reads on from where it stands; EOFError at the end."""

    data: bytes
    place: int = 0

    def take(self, count: int) -> bytes:
        taken = self.data[self.place : self.place + count]
        self.place += count
        if len(taken) < count:
            raise EOFError
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def sized(self, size: int) -> bytes:
        return self.take(self.number(size))

    def text(self) -> str:
        return self.sized(2).decode(errors="replace")

    def certificate(self, version: int) -> bytes:
        if version == 2:
            self.text()  # its type, X.509
        return self.sized(4)
