"""Inputs that did harm once, by parser (tests/soak/fuzz_targets.py)."""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

_CERTIFICATE = x509.load_pem_x509_certificate(
    (Path(__file__).parents[1] / "cli" / "key_stores" / "partner.pem").read_bytes()
).public_bytes(Encoding.DER)
_VERSION_3, _VERSION_67 = b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x42"
_STORE = (Path(__file__).parents[1] / "cli" / "key_stores" / "trust.jks").read_bytes()

FOUND: dict[str, tuple[bytes, ...]] = {
    "certificates": (_CERTIFICATE.replace(_VERSION_3, _VERSION_67),),
    "jks": (_STORE.replace(_VERSION_3, _VERSION_67),),
}
