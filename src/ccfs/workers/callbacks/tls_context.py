"""The TLS context for callbacks: the system's certificate authorities and the certificates trusted by the operator."""

import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Lock

# Returns the version of the certificates, and these in DER.
CertificateSource = Callable[[], tuple[int, Sequence[bytes]]]


class TlsContextCache:
    """Rebuilds the TLS context when the trusted certificates have changed, so that new connections use them."""

    def __init__(self, trusted: CertificateSource, *, trust_all: bool) -> None:
        self._load_certificates, self._trust_all = trusted, trust_all
        self._lock = Lock()
        self._version = 0
        self._context: ssl.SSLContext | None = None

    def get_context(self) -> ssl.SSLContext:
        """Return the current context, which remains the same object until the certificates change."""
        version, certificates = (0, ()) if self._trust_all else self._load_certificates()
        with self._lock:
            if self._context is None or version != self._version:
                self._context, self._version = self._build_context(certificates), version
            return self._context

    def _build_context(self, certificates: Sequence[bytes]) -> ssl.SSLContext:
        context = ssl.create_default_context()
        # A certificate that the operator trusts is sufficient: it need not be an authority's, nor have its own in the store.
        context.verify_flags = ssl.VERIFY_X509_TRUSTED_FIRST | ssl.VERIFY_X509_PARTIAL_CHAIN
        for certificate in certificates:
            with suppress(ssl.SSLError):  # `ccfs trust` checks each; one that OpenSSL rejects later affects no other
                context.load_verify_locations(cadata=certificate)
        if self._trust_all:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context
