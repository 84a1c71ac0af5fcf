"""The certificate of the node's own TLS server."""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509

MAX_FILE_BYTES: Final = 1 << 20


def read_expiry(path: Path) -> datetime | None:
    """Return when a PEM file's chain expires, which is when its first certificate does; None if it cannot be read."""
    with suppress(OSError, ValueError, x509.InvalidVersion):
        with path.open("rb") as file:
            chain = x509.load_pem_x509_certificates(file.read(MAX_FILE_BYTES))
        return min(certificate.not_valid_after_utc.astimezone(UTC) for certificate in chain)
    return None
