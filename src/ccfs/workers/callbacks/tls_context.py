"""Whose certificates callbacks accept: the system's authorities, and what the operator trusts besides."""

import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Lock

CertificateSource = Callable[
    [], tuple[int, Sequence[bytes]]
]  # a number that changes with the certificates, and these in DER


class TlsContextCache:
    """Gives the TLS context; made anew when what is trusted changed, so that the next connection knows of it."""

    def __init__(self, trusted: CertificateSource, *, trust_all: bool) -> None:
        self._load_certificates, self._trust_all = trusted, trust_all
        self._lock = Lock()
        self._version = 0
        self._context: ssl.SSLContext | None = None

    def get_context(self) -> ssl.SSLContext:
        """The context of this moment; the same object for as long as nothing changes."""
        number, certificates = (0, ()) if self._trust_all else self._load_certificates()
        with self._lock:
            if self._context is None or number != self._version:
                self._context, self._version = self._build_context(certificates), number
            return self._context

    def _build_context(self, certificates: Sequence[bytes]) -> ssl.SSLContext:
        context = ssl.create_default_context()
        # A certificate that the operator trusts is good by itself: it need not be an authority's, nor come with its own.
        context.verify_flags = ssl.VERIFY_X509_TRUSTED_FIRST | ssl.VERIFY_X509_PARTIAL_CHAIN
        for certificate in certificates:
            with suppress(ssl.SSLError):  # `ccfs trust` tries each; one that OpenSSL refuses later spoils no other
                context.load_verify_locations(cadata=certificate)
        if self._trust_all:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context
