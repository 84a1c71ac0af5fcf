"""TLS: the context of the server, and its certificate, which is read again when its files change."""

import os
import ssl
from dataclasses import dataclass

from ccfs.logs import get_logger

CHECK_SECONDS = 10.0  # interval at which the files are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files of the certificate chain and its private key."""

    certificate: str
    key: str


def build_context(files: TlsFiles) -> ssl.SSLContext:
    """Return a context for TLS 1.2 and 1.3; raise OSError or ssl.SSLError if the files cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # public clients of CC-FS pin TLS 1.2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(files.certificate, files.key)
    return context


class CertificateReloader:
    """Loads a changed certificate into a context. Connections that exist keep the old one."""

    def __init__(self, context: ssl.SSLContext, files: TlsFiles) -> None:
        self._context, self._files = context, files
        self._loaded = self._get_state()

    def reload_if_changed(self) -> bool:
        """Load the files if they have changed; return whether they were loaded. Files that do not match change nothing."""
        state = self._get_state()
        if state == self._loaded or None in state:
            return False
        try:
            build_context(self._files)  # the context in use must not get half of a pair
            self._context.load_cert_chain(self._files.certificate, self._files.key)
        except (OSError, ssl.SSLError) as error:
            get_logger().warning("certificate not reloaded", action="certificate_reload_failed", reason=str(error))
            self._loaded = state
            return False
        self._loaded = state
        get_logger().info("certificate reloaded", action="certificate_reloaded")
        return True

    def _get_state(self) -> tuple[tuple[int, int, int] | None, ...]:
        return _stat(self._files.certificate), _stat(self._files.key)


def _stat(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
