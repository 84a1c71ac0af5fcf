"""Errors of an SMTP server in words: what is wrong, and which setting or server to change. Pure."""

import smtplib
import ssl
from typing import Final

_EXPIRED: Final = 10  # OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED
_NOT_YET_VALID: Final = 9
_WRONG_NAMES: Final = (62, 64)  # of a host, of an address
_UNKNOWN_ISSUERS: Final = (18, 19, 20, 21)


def explain_mail_error(error: OSError | smtplib.SMTPException, tls: str) -> str:
    """Return the cause of an error before a message was sent, and its remedy. `tls` is the setting CCFS_SMTP_TLS."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _explain_certificate(error)
    if isinstance(error, ssl.SSLError):
        return f"{_describe(error)}; if the port does not expect TLS from the beginning, set CCFS_SMTP_TLS=starttls"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"user or password rejected ({error.smtp_code}): correct CCFS_SMTP_USER and CCFS_SMTP_PASSWORD"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return _explain_missing(error)
    if isinstance(error, smtplib.SMTPServerDisconnected) or (isinstance(error, TimeoutError) and tls != "tls"):
        hint = "; if the port expects TLS from the beginning, set CCFS_SMTP_TLS=tls" if tls != "tls" else ""
        return f"no answer, or the connection was closed{hint}"
    if isinstance(error, smtplib.SMTPException):
        return _describe(error)
    return f"{_describe(error)}: check CCFS_SMTP_HOST, CCFS_SMTP_PORT and firewalls"


def _explain_certificate(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code == _EXPIRED:
        return "its certificate has expired: renew it on that server, or check this machine's clock"
    if error.verify_code == _NOT_YET_VALID:
        return "its certificate is not valid yet: check this machine's clock"
    if error.verify_code in _WRONG_NAMES:
        return "its certificate is for another name: set CCFS_SMTP_HOST to a name of the certificate"
    if error.verify_code in _UNKNOWN_ISSUERS:
        return "its certificate is from an unknown authority: set CCFS_SMTP_CA_FILE to the PEM file of that authority"
    return f"its certificate is not accepted: {error.verify_message}"


def _explain_missing(error: smtplib.SMTPNotSupportedError) -> str:
    if "STARTTLS" in str(error):
        return (
            "it does not offer STARTTLS, so no password was sent: use a port that does (usually 587), "
            "or set CCFS_SMTP_TLS=tls and its port (usually 465)"
        )
    return "it does not offer a login: unset CCFS_SMTP_USER, or use its port for clients (usually 587 or 465)"


def _describe(error: Exception) -> str:
    return str(error)[:200] or type(error).__name__
